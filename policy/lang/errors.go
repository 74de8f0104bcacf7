package lang

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// An Error is one mistake in a policy file and what to write instead.
type Error struct {
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"` // from 1; 0 where the whole file or directory is meant
	Col   int    `json:"col,omitempty"`  // from 1, in characters
	Msg   string `json:"msg"`
	Fix   string `json:"fix,omitempty"`
	Caret string `json:"caret,omitempty"` // the line as it stands, and a caret under Col: two lines
}

// Error is "file:line:col: what is wrong; what to write instead", then the
// caret lines.
func (e Error) Error() string { return e.print("") }

func (e Error) print(mark string) string {
	s := e.Where() + ": " + mark + e.Msg
	if e.Fix != "" {
		s += "; " + e.Fix
	}
	if e.Caret != "" {
		s += "\n" + e.Caret
	}
	return s
}

// Where is "file:line:col".
func (e Error) Where() string {
	if e.Line == 0 {
		return e.File
	}
	return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Col)
}

// Errors are all mistakes that were found, in the order of files and lines.
type Errors []Error

func (e Errors) Error() string {
	all := make([]string, len(e))
	for i, one := range e {
		all[i] = one.Error()
	}
	return strings.Join(all, "\n")
}

// A Finding is what Check has to say about one place.
type Finding struct {
	Error
	Warning bool `json:"warning,omitempty"` // the policy may be used all the same
}

// String is the Error, marked where it is a warning.
func (f Finding) String() string {
	if f.Warning {
		return f.print("warning: ")
	}
	return f.print("")
}

const maxErrors = 100 // that are told; who has made more will come again

func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return e[:min(len(e), maxErrors)]
}

// errorAt is an Error at a line and column of f; line 0 is the whole file.
func (f *file) errorAt(line, col int, msg, fix string) Error {
	if line > 0 && line <= len(f.lines) { // what is missing stands behind the line
		col = min(col, utf8.RuneCountInString(f.lines[line-1])+1)
	}
	return Error{File: f.name, Line: line, Col: col, Msg: shown([]rune(hidden(msg))), Fix: hidden(fix), Caret: f.caret(line, col)}
}

const maxShown = 100 // characters of a line under which a caret is drawn

// caret shows a line, or the part of it around col, with a caret below.
func (f *file) caret(line, col int) string {
	if line < 1 || line > len(f.lines) {
		return ""
	}
	text, at := []rune(hidden(f.lines[line-1])), max(col-1, 0)
	if from := at - maxShown/2; from > 0 && len(text) > maxShown {
		text, at = text[min(from, len(text)):], at-from
	}
	text = text[:min(len(text), maxShown)]
	no := fmt.Sprintf("%4d", line)
	return fmt.Sprintf("%s | %s\n%s | %s^", no, shown(text), strings.Repeat(" ", len(no)), strings.Repeat(" ", min(at, len(text))))
}
