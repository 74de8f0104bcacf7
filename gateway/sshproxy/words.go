package sshproxy

import (
	"errors"
	"strings"
)

// split cuts a line into words as a shell does, but for everything that a
// shell would expand: quotes and backslashes only.
func split(line string) (words []string, err error) {
	var word strings.Builder
	begun, escaped := false, false
	var quote rune
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			begun, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			begun, quote = true, r
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	switch {
	case quote != 0:
		return nil, errors.New("a quote is not closed")
	case escaped:
		return nil, errors.New("nothing follows the last backslash")
	case begun:
		words = append(words, word.String())
	}
	return words, nil
}
