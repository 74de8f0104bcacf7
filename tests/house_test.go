package tests

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A house is the source tree as the laws see it.
type house struct {
	top     []string // what stands at the top level
	files   []file
	gomod   []byte
	rooms   [][]string // lines of rooms.txt, in fields: room, what it may import
	fences  [][]string // fences.txt: import path, rooms, what for
	floors  [][]string // floors.txt: module, version, why
	allowed [][]string // allowed.txt: kind, where, why
	fset    *token.FileSet
}

// A file is one Go file.
type file struct {
	path  string // "policy/words.go"
	room  string // "policy"
	test  bool   // its name ends in _test.go
	lines int
	ast   *ast.File
}

func load(t *testing.T, tree fs.FS) house {
	t.Helper()
	h := house{fset: token.NewFileSet()}
	top, err := fs.ReadDir(tree, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range top {
		h.top = append(h.top, e.Name())
	}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules" || another(tree, name)):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		return h.add(tree, name)
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.gomod, err = fs.ReadFile(tree, "go.mod"); err != nil {
		t.Fatal(err)
	}
	h.rooms, h.fences = table(t, tree, "rooms.txt", "|", 2), table(t, tree, "fences.txt", "|", 3)
	h.floors, h.allowed = table(t, tree, "floors.txt", " ", 3), table(t, tree, "allowed.txt", " ", 3)
	return h
}

// another says whether a folder is a module of its own: what only compares us
// with others imports what we do not.
func another(tree fs.FS, folder string) bool {
	_, err := fs.Stat(tree, folder+"/go.mod")
	return err == nil
}

func (h *house) add(tree fs.FS, name string) error {
	src, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(h.fset, name, src, parser.ParseComments)
	if err != nil {
		return err
	}
	h.files = append(h.files, file{
		path: name, room: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(src, []byte("\n")), ast: parsed,
	})
	return nil
}

// table reads lines of n fields; the last one may hold the separator. Lines that begin with # are for people.
func table(t *testing.T, tree fs.FS, name, separator string, n int) [][]string {
	t.Helper()
	data, err := fs.ReadFile(tree, "tests/"+name)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var row []string
		for len(row) < n-1 {
			field, rest, _ := strings.Cut(line, separator)
			row, line = append(row, strings.TrimSpace(field)), strings.TrimSpace(rest)
		}
		if row = append(row, line); slices.Contains(row, "") {
			t.Fatalf("tests/%s:%d: want %d fields, the last one says why or what for", name, i+1, n)
		}
		rows = append(rows, row)
	}
	return rows
}

// imports yields the paths a file imports.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// at says where a node is, for a finding.
func (h house) at(n ast.Node) string {
	p := h.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// excused says whether allowed.txt has a line for this exception.
func (h house) excused(kind, where string) bool {
	return slices.ContainsFunc(h.allowed, func(row []string) bool { return row[0] == kind && row[1] == where })
}
