package lang

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxFile = 1 << 20 // bytes
	maxLine = 2200    // characters: a public key has 1959
)

// A file is one policy file as it was read.
type file struct {
	name  string // as people are told: "policy/rules.yaml"
	lines []string
}

// column is the number, from 1 and in characters, of a byte of a line.
func (f *file) column(line, at int) int {
	if line >= len(f.lines) {
		return 1
	}
	return utf8.RuneCountInString(f.lines[line][:min(at, len(f.lines[line]))]) + 1
}

// newFile refuses what an editor would not show as it is: the files are under
// review, and a reviewer must see what the gateway reads.
func newFile(name string, data []byte) (*file, Errors) {
	f := &file{name: name}
	switch {
	case len(data) > maxFile:
		return nil, Errors{f.errorAt(0, 0, "the file is larger than 1 MiB", "split it")}
	case !utf8.Valid(data):
		return nil, Errors{f.errorAt(0, 0, "the file is not UTF-8 text", "save it as UTF-8")}
	}
	f.lines = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	var errs Errors
	for i, line := range f.lines {
		if len(errs) == maxErrors {
			break
		}
		if utf8.RuneCountInString(line) > maxLine {
			errs = append(errs, f.errorAt(i+1, maxLine+1, fmt.Sprintf("the line is longer than %d characters", maxLine), "write lists with a line for each item"))
		}
		if col, r := invisible(line); col > 0 {
			errs = append(errs, f.errorAt(i+1, col, unseen(r), unseenFix(r)))
		}
	}
	return f, errs
}

// invisible finds the first character that an editor does not show as it is.
func invisible(line string) (col int, r rune) {
	for _, r := range line {
		if col++; r < ' ' || r > '~' && !unicode.IsPrint(r) {
			return col, r
		}
	}
	return 0, 0
}

func unseen(r rune) string {
	switch r {
	case '\t':
		return "a tab stands here"
	case '\r':
		return "the line ends with a carriage return"
	}
	return fmt.Sprintf("the invisible character %U stands here", r)
}

func unseenFix(r rune) string {
	switch r {
	case '\t':
		return "indent with spaces"
	case '\r':
		return "save the file with LF line ends"
	}
	return "remove it"
}

// shown is text without what a terminal would act on.
func shown(text []rune) string {
	for i, r := range text {
		if !unicode.IsPrint(r) {
			text[i] = ' '
		}
	}
	return string(text)
}
