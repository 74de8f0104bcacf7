package tests

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

const (
	longestFunc = 60  // lines, from func to the closing brace
	longestFile = 400 // lines
)

// noInit: what runs before main cannot be tested or ordered.
func noInit(h house) (found []string) {
	for _, f := range h.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, h.at(fn)+": no func init: call it from main, or from a constructor")
			}
		}
	}
	return found
}

// noState: package variables do not change. Those that cannot be constants are named by how they are made.
func noState(h house) (found []string) {
	for _, f := range h.files {
		for _, d := range f.ast.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR || f.test {
				continue
			}
			for _, s := range group.Specs {
				spec := s.(*ast.ValueSpec) // a var declaration holds nothing else
				for i, name := range spec.Names {
					if !fixed(group, spec, i) && !h.excused("var", f.path+":"+name.Name) {
						found = append(found, fmt.Sprintf("%s: package variable %s: make it a constant, a function, or a field of what uses it", h.at(name), name.Name))
					}
				}
			}
		}
	}
	return found
}

func fixed(group *ast.GenDecl, spec *ast.ValueSpec, i int) bool {
	if spec.Names[i].Name == "_" || embedded(group.Doc) || embedded(spec.Doc) {
		return true
	}
	if i >= len(spec.Values) {
		return false
	}
	if sentinel(spec.Names[i].Name, spec.Values[i]) {
		return true
	}
	call, ok := spec.Values[i].(*ast.CallExpr)
	return ok && slices.Contains([]string{"errors.New", "fmt.Errorf", "regexp.MustCompile", "template.Must"}, dotted(call.Fun))
}

// sentinel: an error of a type of its own, made in place and named as one.
func sentinel(name string, value ast.Expr) bool {
	if address, ok := value.(*ast.UnaryExpr); ok && address.Op == token.AND {
		value = address.X
	}
	_, made := value.(*ast.CompositeLit)
	return made && (strings.HasPrefix(name, "err") || strings.HasPrefix(name, "Err"))
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// dotted is "pkg.Name" of a selector, else "".
func dotted(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return x.Name + "." + sel.Sel.Name
}

// pure: policy decides from what it is given: no clock, no I/O, no goroutine.
func pure(h house) (found []string) {
	outside := []string{"os", "os/exec", "net", "net/http", "syscall", "crypto/rand", "math/rand", "math/rand/v2", "log", "log/slog"}
	for _, f := range h.files {
		if layer(f.room) != layer("policy") || f.test {
			continue
		}
		for _, p := range f.imports() {
			if f.room != "policy/lang" && slices.Contains(outside, p) {
				found = append(found, fmt.Sprintf("%s imports %s: policy is pure; take the value as an argument", f.path, p))
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				found = append(found, h.at(g)+": no goroutines in policy: a decision is one function call")
			}
			if e, ok := n.(ast.Expr); ok && clock(dotted(e)) {
				found = append(found, fmt.Sprintf("%s: no %s in policy: take now as an argument", h.at(n), dotted(e)))
			}
			return true
		})
	}
	return found
}

func clock(name string) bool {
	return slices.Contains([]string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.Tick",
		"time.NewTimer", "time.NewTicker"}, name)
}

// noCommands: the gateway starts no programs.
func noCommands(h house) (found []string) {
	for _, f := range h.files {
		if !f.test && layer(f.room) < layer("cmd") && slices.Contains(f.imports(), "os/exec") {
			found = append(found, f.path+" imports os/exec: only cmd and tests start programs")
		}
	}
	return found
}

// noSleep: what waits for an event waits for the event.
func noSleep(h house) (found []string) {
	for _, f := range h.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok && !f.test && dotted(e) == "time.Sleep" {
				found = append(found, h.at(n)+": no time.Sleep: wait for the event, with a timer and ctx.Done")
			}
			return true
		})
	}
	return found
}

// noSkip: a test that can skip is a test that does not exist.
func noSkip(h house) (found []string) {
	for _, f := range h.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			who, what, _ := strings.Cut(dotted(call.Fun), ".")
			skips := slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, what) && slices.Contains([]string{"t", "b", "f", "tb"}, who)
			if skips || dotted(call.Fun) == "testing.Short" {
				found = append(found, h.at(call)+": tests do not skip: let .ci/deps install what is missing, or fail and say so")
			}
			return true
		})
	}
	return found
}

// documented: every package says in doc.go what it answers for.
func documented(h house) (found []string) {
	rooms, told := map[string]string{}, map[string]bool{}
	for _, f := range h.files {
		if f.test {
			continue
		}
		rooms[f.room] = f.ast.Name.Name
		if f.path == f.room+"/doc.go" && sentence(f) {
			told[f.room] = true
		}
	}
	for room, name := range rooms {
		if !told[room] {
			found = append(found, fmt.Sprintf("%s: write %[1]s/doc.go: a sentence “Package %s …” that says what it answers for and what not", room, name))
		}
	}
	slices.Sort(found)
	return found
}

func sentence(f file) bool {
	text := strings.TrimSpace(f.ast.Doc.Text())
	begins := strings.HasPrefix(text, "Package "+f.ast.Name.Name+" ")
	if f.ast.Name.Name == "main" {
		begins = strings.HasPrefix(text, "Command ") || strings.HasPrefix(text, "Lockbox ")
	}
	return begins && strings.Contains(text, ".")
}

// short: functions fit a screen, files hold one idea. The rows of a test's tables do not count.
func short(h house) (found []string) {
	for _, f := range h.files {
		if f.lines > longestFile && !h.excused("file", f.path) {
			found = append(found, fmt.Sprintf("%s has %d lines, more than %d: split it by idea, or say why not in tests/allowed.txt", f.path, f.lines, longestFile))
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := h.lines(fn)
			if f.test {
				n -= h.rows(fn)
			}
			if n > longestFunc && !h.excused("func", f.path+":"+funcName(fn)) {
				found = append(found, fmt.Sprintf("%s: %s has %d lines, more than %d: name its parts, or say why not in tests/allowed.txt", h.at(fn), funcName(fn), n, longestFunc))
			}
		}
	}
	return found
}

func (h house) lines(n ast.Node) int {
	return h.fset.Position(n.End()).Line - h.fset.Position(n.Pos()).Line + 1
}

// rows counts the lines between the braces of a function's composite literals.
func (h house) rows(fn *ast.FuncDecl) (n int) {
	ast.Inspect(fn, func(node ast.Node) bool {
		table, ok := node.(*ast.CompositeLit)
		if ok {
			n += max(0, h.lines(table)-2)
		}
		return !ok
	})
	return n
}

// funcName is "Name", or "Type.Name" of a method.
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// noStaleExcuse: an exception that is no longer needed goes.
func noStaleExcuse(h house) (found []string) {
	bare := h
	bare.allowed = nil
	wanted := strings.Join(append(short(bare), noState(bare)...), "\n")
	for _, row := range h.allowed {
		where, name, _ := strings.Cut(row[1], ":")
		needed := slices.ContainsFunc(strings.Split(wanted, "\n"), func(line string) bool {
			return strings.HasPrefix(line, where) && strings.Contains(line, name)
		})
		if !needed {
			found = append(found, fmt.Sprintf("tests/allowed.txt: %s %s is no longer needed: remove the line", row[0], row[1]))
		}
	}
	return found
}
