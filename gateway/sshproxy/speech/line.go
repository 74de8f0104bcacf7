package speech

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text one line that does nothing to a terminal.
func Clean(text string) string {
	const most = 500
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if r != ' ' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// Wrap breaks text between words where it is wider than cols, and words that
// are wider; not an address, for it could not be clicked on. What moves the
// cursor or changes colours is left as it is.
func Wrap(text string, cols int) (parts []string) {
	if cols < 20 || utf8.RuneCountInString(text) <= cols || strings.ContainsRune(text, 0x1b) {
		return []string{text}
	}
	line := ""
	for _, word := range pieces(text, cols) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > cols {
			parts = append(parts, strings.TrimRight(line, " "))
			line = word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(parts, line)
}

// pieces are the words of text, none wider than cols but addresses.
func pieces(text string, cols int) (all []string) {
	for word := range strings.SplitSeq(text, " ") {
		for r := []rune(word); len(r) > cols && !strings.Contains(word, "://"); r = []rune(word) {
			all = append(all, string(r[:cols]))
			word = string(r[cols:])
		}
		all = append(all, word)
	}
	return all
}
