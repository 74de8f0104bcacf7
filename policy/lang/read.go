package lang

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A reader turns nodes into words of policy and gathers what is wrong on the way.
type reader struct {
	src  *Source
	errs Errors
	seen map[string]*node // what is defined: "target db1.prod"
}

// refuse notes a mistake at n.
func (r *reader) refuse(n *node, fix, msg string, args ...any) {
	if len(r.errs) >= maxErrors {
		return // one would be enough
	}
	r.errs = append(r.errs, n.file.errorAt(n.line, n.col, fmt.Sprintf(msg, args...), fix))
}

// define refuses a second definition of the same thing, in any file.
func (r *reader) define(kind string, key *node) bool {
	id := kind + " " + key.text
	if first := r.seen[id]; first != nil {
		r.refuse(key, "remove one, or give it another name", "%s %q is already at %s", kind, key.text, first.where())
		return false
	}
	r.seen[id] = key
	return true
}

// A shape says which fields a table has.
type shape struct {
	of     string // "a target"
	fields map[string]func(*node)
	need   []string // fields that must stand there
	later  []string // fields of the promised shape that this version does not know
}

// table reads the fields of n in the order of the file.
func (r *reader) table(n *node, s shape) {
	given, stray := map[string]bool{}, false
	ok := r.each(n, s.of, func(key, val *node) {
		given[key.text] = true
		read := s.fields[key.text]
		switch {
		case read == nil:
			stray = true
			r.unknown(key, s)
		case val.form == nothing:
			r.refuse(key, "write one, or remove the field", "%s has no value", key.text)
		default:
			read(val)
		}
	})
	if !ok || stray { // what is missing may be what is misspelt
		return
	}
	for _, name := range s.need {
		if !given[name] {
			r.refuse(n, "add "+name, "%s has no %s", s.of, name)
		}
	}
}

func (r *reader) unknown(key *node, s shape) {
	if slices.Contains(s.later, key.text) {
		r.refuse(key, "remove it", "%q is not known to this version of lockbox", key.text)
		return
	}
	r.refuse(key, instead(key.text, sortedKeys(s.fields)), "%s has no field %q", s.of, key.text)
}

// each calls fn for every field of a table whose names are free.
func (r *reader) each(n *node, of string, fn func(key, val *node)) bool {
	if n.form != table {
		r.refuse(n, "write fields, name: value", "%s is a table, not %s", of, n.form)
		return false
	}
	first := map[string]*node{}
	for i, key := range n.keys {
		switch twin := first[key.text]; {
		case key.form != text:
			r.refuse(key, "write it in quotes", "the name of a field is text, not %s", key.form)
		case twin != nil:
			r.refuse(key, "keep one", "%q already stands in line %d", key.text, twin.line)
		default:
			first[key.text] = key
			fn(key, n.vals[i])
		}
	}
	return true
}

// items reads a list. An empty one is refused: here it would mean nobody, there everybody.
func items[T any](r *reader, n *node, of string, read func(*node) (T, bool)) []T {
	switch {
	case n.form != list:
		r.refuse(n, "write [ … ]", "%s is a list, not %s", of, n.form)
		return nil
	case len(n.vals) == 0:
		r.refuse(n, "write at least one, or remove the field", "%s is empty", of)
		return nil
	}
	var out []T
	first := map[string]bool{}
	for _, v := range n.vals {
		if v.text != "" && first[v.text] {
			r.refuse(v, "keep one", "%q stands twice in %s", v.text, of)
			continue
		}
		first[v.text] = true
		if one, ok := read(v); ok {
			out = append(out, one)
		}
	}
	return out
}

// texts is a list of texts of one grammar.
func (r *reader) texts(n *node, of string, g grammar) []string {
	return items(r, n, of, func(v *node) (string, bool) {
		s := r.word(v, g)
		return s, s != ""
	})
}

const maxText = 200 // characters of one value

// text reads a value that people are shown. It is "" where it is refused.
func (r *reader) text(n *node, of string) string {
	switch {
	case n.form == number || n.form == truth:
		r.refuse(n, "write "+strconv.Quote(n.text), "%s is text, not %s", of, n.form)
	case n.form != text:
		r.refuse(n, "write text", "%s is text, not %s", of, n.form)
	case n.text == "" || strings.TrimSpace(n.text) != n.text:
		r.refuse(n, "write it without", "%s is empty, or begins or ends with a space", of)
	case utf8.RuneCountInString(n.text) > maxText:
		r.refuse(n, "shorten it", "%s is longer than %d characters", of, maxText)
	default:
		return n.text
	}
	return ""
}

// word reads a text of a grammar. It is "" where it is refused.
func (r *reader) word(n *node, g grammar) string {
	s := r.text(n, g.of)
	if s == "" {
		return ""
	}
	if fix := g.wrong(s); fix != "" {
		r.refuse(n, fix, "%q is not %s", s, g.of)
		return ""
	}
	return s
}

// choice reads one of a few words.
func (r *reader) choice(n *node, of string, words ...string) string {
	s := r.text(n, of)
	if s == "" || slices.Contains(words, s) {
		return s
	}
	r.refuse(n, instead(s, words), "%q is not %s", s, of)
	return ""
}

func (r *reader) flag(n *node, of string) bool {
	if n.form != truth || n.text != "true" && n.text != "false" {
		r.refuse(n, "write true or false", "%s is true or false, not %s", of, n.form)
	}
	return n.form == truth && n.text == "true"
}

// count reads a whole number from 1 to 99.
func (r *reader) count(n *node, of string) int {
	c, err := strconv.Atoi(n.text)
	if n.form != number || err != nil || c < 1 || c > 99 || strconv.Itoa(c) != n.text {
		r.refuse(n, "write a whole number from 1 to 99", "%s is a number of people", of)
		return 0
	}
	return c
}
