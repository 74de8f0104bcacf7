package recorder

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shownText is a text without control characters and without what reorders or
// hides what stands beside it.
func shownText(s string) string {
	return strings.TrimRight(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != 0x200d:
			return -1
		}
		return r
	}, s), " ")
}

// folded is a text as it is compared: small letters, without marks and format
// characters, fullwidth forms as what they stand for, and with a space for all
// that is no letter or digit.
func folded(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] < utf8.RuneSelf
	}
	if plain {
		return foldedASCII(s)
	}
	return strings.Map(func(r rune) rune {
		if r >= 0xff01 && r <= 0xff5e {
			r -= 0xfee0
		}
		switch {
		case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me):
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(unicode.ToUpper(r))
		}
		return ' '
	}, s)
}

func foldedASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			b[i] = ' '
		}
	}
	return string(b)
}

// holds says whether each of words is in a folded text, as a word or the beginning of one.
func holds(text string, words []string) bool {
	for _, w := range words {
		if !begins(text, w) {
			return false
		}
	}
	return true
}

func begins(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		if i += from; i == 0 || text[i-1] == ' ' {
			return true
		}
		from = i + len(word)
	}
}

// turnedRound is a text with the parts turned round that it tells to show from
// right to left whatever they are (U+202E); "" where there are none.
func turnedRound(s string) string {
	const over, pop = '\u202e', '\u202c'
	if !strings.ContainsRune(s, over) {
		return ""
	}
	var out, part []rune
	in := false
	for _, r := range s {
		switch {
		case r == over || r == pop:
			slices.Reverse(part)
			out, part, in = append(out, part...), part[:0], r == over
		case in:
			part = append(part, r)
		default:
			out = append(out, r)
		}
	}
	slices.Reverse(part)
	return string(append(out, part...))
}
