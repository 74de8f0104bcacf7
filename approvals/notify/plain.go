package notify

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/policy/statement"
)

// longest is how much of a text that a person wrote is told; the page has all of it.
const longest = 500

// What a text that leaves the house must not hold: some of it was allowed where it was written.
var (
	mailAddress = regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN-]+(\.[\pL\pN-]+)+`)
	phone       = regexp.MustCompile(`(\+|\b00)\d([ ().-]?\d){7,14}\b|\b\d{2}( ?\d{2}){3}\b`)
	link        = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]{1,15}:/+|www\.|(javascript|data|mailto|tel|file):)\S*`)
)

// plain is a text that somebody wrote as it may be told: on one line, visible
// throughout, without links, addresses, numbers of people and secrets, and not
// too long. What was left out is marked.
func plain(text string, most int) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "?") {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case statement.Clean(string(r)) != nil:
			continue
		}
		b.WriteRune(r)
	}
	text = strings.Join(strings.Fields(b.String()), " ")
	for _, re := range []*regexp.Regexp{link, mailAddress, phone} {
		text = re.ReplaceAllString(text, "[…]")
	}
	text = approvals.WithoutSecrets(text, "[…]")
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + " […]"
	}
	return text
}
