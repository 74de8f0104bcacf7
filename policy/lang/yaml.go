package lang

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// This file and scan.go are the only ones that know the YAML library.

// A loader turns the text of one file into nodes.
type loader struct {
	file    *file
	errs    Errors
	scalars int // made into nodes
	inside  int // so many brackets
}

// load parses one file. It is nil where there are errors.
func load(f *file) (root *node, errs Errors) {
	defer func() {
		if p := recover(); p != nil { // the library's, on text that nobody has tried
			root, errs = nil, Errors{f.errorAt(0, 0, "the file is not YAML that can be read", "start again from an example")}
		}
	}()
	l := &loader{file: f}
	tokens := lexer.Tokenize(trimmed(f.lines))
	scalars := l.scan(tokens)
	if len(l.errs) > 0 {
		return nil, l.errs
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // table refuses them, with both places
	if err != nil {
		return nil, Errors{l.syntax(err)}
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return nil, Errors{f.errorAt(0, 0, "the file says nothing", "begin it with: version: 1")}
	}
	root = l.node(parsed.Docs[0].Body)
	if len(l.errs) == 0 && l.scalars != scalars { // never read half of what a reviewer sees
		l.errs = Errors{f.errorAt(0, 0, fmt.Sprintf("only %d of %d values can be read", l.scalars, scalars), "check the indentation")}
	}
	if len(l.errs) > 0 {
		return nil, l.errs
	}
	return root, nil
}

// trimmed is the text without spaces at the ends of lines: the library counts
// its columns from there.
func trimmed(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (l *loader) refuse(t *token.Token, msg, fix string) {
	l.errs = append(l.errs, l.file.errorAt(t.Position.Line, t.Position.Column, msg, fix))
}

// syntax says in our words what the library says about text that is not YAML.
func (l *loader) syntax(err error) Error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return l.file.errorAt(0, 0, "the file is not YAML that can be read", "start again from an example")
	}
	at := e.GetToken().Position
	return l.file.errorAt(at.Line, at.Column, e.GetMessage(), "check brackets, quotes and indentation here and in the line above")
}

// node converts what the library parsed; what it does not know it refuses.
func (l *loader) node(n ast.Node) *node {
	t := n.GetToken()
	out := &node{file: l.file, line: t.Position.Line, col: t.Position.Column}
	switch n := n.(type) {
	case *ast.NullNode:
		if t.Type == token.NullType {
			l.scalars++
		}
		return out
	case *ast.StringNode:
		return l.scalar(out, text, n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return l.scalar(out, number, t.Value)
	case *ast.BoolNode:
		return l.scalar(out, truth, t.Value)
	case *ast.SequenceNode:
		return l.list(out, n)
	case *ast.MappingValueNode:
		return l.table(out, false, []*ast.MappingValueNode{n})
	case *ast.MappingNode:
		return l.table(out, n.IsFlowStyle, n.Values)
	}
	l.refuse(t, "this is not read", "remove it")
	return out
}

// within counts a pair of brackets, until what it returns is called.
func (l *loader) within(brackets bool) (done func()) {
	if !brackets {
		return func() {}
	}
	l.inside++
	return func() { l.inside-- }
}

func (l *loader) scalar(out *node, f form, s string) *node {
	l.scalars++
	out.form, out.text = f, s
	return out
}

func (l *loader) list(out *node, n *ast.SequenceNode) *node {
	out.form = list
	if l.inside > 0 && !n.IsFlowStyle {
		l.refuse(n.Start, "a list within brackets needs [ ]", "write [ … ]")
		return out
	}
	defer l.within(n.IsFlowStyle)()
	for i, v := range n.Values {
		one := l.node(v)
		out.vals = append(out.vals, one)
		if n.IsFlowStyle || one.form == nothing {
			continue
		}
		dash := n.Entries[i].Start
		if at := dash.Position; at.Column != out.col || one.line != at.Line && one.col <= at.Column {
			l.refuse(dash, "this item does not stand in line with the others", "indent the items of one list alike, and what is in them more")
		}
	}
	return out
}

func (l *loader) table(out *node, brackets bool, values []*ast.MappingValueNode) *node {
	out.form = table
	if l.inside > 0 && !brackets {
		l.refuse(values[0].Key.GetToken(), "a table within brackets needs { }", "write { name: value }")
		return out
	}
	defer l.within(brackets)()
	for _, v := range values {
		key, ok := v.Key.(ast.ScalarNode)
		if !ok {
			l.refuse(v.Key.GetToken(), "a field needs a name", "write name: value")
			continue
		}
		k, val := l.node(key), l.node(v.Value)
		if val.form == nothing { // stands nowhere
			val.line, val.col = k.line, k.col
		}
		out.keys, out.vals = append(out.keys, k), append(out.vals, val)
		if brackets {
			continue
		}
		if len(out.keys) == 1 {
			out.line, out.col = k.line, k.col
		}
		least := k.col + 1
		if seq, ok := v.Value.(*ast.SequenceNode); ok && !seq.IsFlowStyle {
			least = k.col // dashes may stand below the name
		}
		if k.col != out.col || val.line != k.line && val.col < least {
			l.refuse(v.Key.GetToken(), "this field and its value do not stand in line with the others", "indent the fields of one table alike, and their values more")
		}
	}
	return out
}
