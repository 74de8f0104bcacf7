package slack

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/policy/statement"
)

// Most characters of Block Kit, as its reference gives them.
const (
	textMost   = 3000 // of a section, and of what stands where no blocks are shown
	headMost   = 150
	fieldMost  = 2000
	fieldsMost = 10 // of one section
	labelMost  = 75 // of a button, an option
	smallMost  = 24 // of a modal's title and buttons, and of buttons that confirm
	titleMost  = 100
	askMost    = 300 // of the question in a confirmation
	blocksMost = 50
	choiceMost = 100
)

// escape keeps Slack from reading text as anything else. It decodes these three,
// and only these, in every kind of text.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// plain is s as everybody reads it: what is invisible, or would turn the direction
// of writing, is shown as what it is; and what must not leave is left out.
func plain(s string) string {
	if approvals.Leaks(s) {
		return "[left out: it seems to hold a personal number, a password or a key]"
	}
	if statement.Clean(s) == nil {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "?") {
		switch {
		case r == '\n':
			b.WriteByte('\n')
		case statement.Clean(string(r)) != nil:
			fmt.Fprintf(&b, "[%U]", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fits is plain and escaped s with at most most characters, as Slack counts them
// after escaping; where it had more, it says so at its end.
func fits(s string, most int) string {
	all := plain(s)
	if units(escape(all)) <= most {
		return escape(all)
	}
	runes := utf8.RuneCountInString(all)
	mark := func(left int) string {
		if most < 60 {
			return "…"
		}
		return fmt.Sprintf(" … [cut: %d more characters]", left)
	}
	room := most - units(mark(runes))
	n, kept, end := 0, 0, 0
	for i, r := range all {
		u := units(escape(string(r)))
		if n+u > room {
			break
		}
		n, kept, end = n+u, kept+1, i+utf8.RuneLen(r)
	}
	return escape(all[:end]) + mark(runes-kept)
}

// units counts as JavaScript does, which is never less than in characters.
func units(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
