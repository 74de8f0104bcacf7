package statement

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A line is one named value of a statement.
type line struct {
	name  string
	value *string
}

const maxText = 16 << 10 // bytes of a statement

// print writes a statement: its head, then "name: value" a line. A value that
// could be read as something else (a control character, a new line, a
// character that turns the direction of writing or has no width) is an error.
func print(head string, lines []line) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(head + "\n")
	for _, l := range lines {
		if err := Clean(*l.value); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", head, l.name, err)
		}
		fmt.Fprintf(&b, "%s: %s\n", l.name, *l.value)
	}
	if b.Len() > maxText {
		return nil, fmt.Errorf("%s: longer than %d bytes", head, maxText)
	}
	return b.Bytes(), nil
}

// parse reads what print wrote: the same head, names and order, nothing else.
func parse(head string, text []byte, lines []line) error {
	if len(text) > maxText {
		return fmt.Errorf("%s: longer than %d bytes", head, maxText)
	}
	rest, ok := strings.CutPrefix(string(text), head+"\n")
	if !ok {
		return fmt.Errorf("this is no %s statement", head)
	}
	for _, l := range lines {
		var row string
		if row, rest, ok = strings.Cut(rest, "\n"); !ok {
			return fmt.Errorf("%s: it ends before %s", head, l.name)
		}
		value, ok := strings.CutPrefix(row, l.name+": ")
		if !ok {
			return fmt.Errorf("%s: %.40q stands where %s should", head, row, l.name)
		}
		if err := Clean(value); err != nil {
			return fmt.Errorf("%s: %s: %w", head, l.name, err)
		}
		*l.value = value
	}
	if rest != "" {
		return fmt.Errorf("%s: something follows its end", head)
	}
	return nil
}

// Clean says why s may not stand in a statement; nil where it may. What is
// signed must look the same to everybody who reads it.
func Clean(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("it is not UTF-8")
	}
	for _, r := range s {
		if r != ' ' && !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || blank(r) {
			return fmt.Errorf("it holds the invisible character %U", r)
		}
	}
	return nil
}

// blank says whether r is drawn as nothing although it counts as printed.
func blank(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0:
		return true
	}
	return false
}
