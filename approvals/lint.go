package approvals

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lockbox/policy"
	"lockbox/policy/statement"
)

const (
	needMin = 10   // characters
	needMax = 1000 // characters
)

// What must never stand in a text that is shown, mailed and kept for ever.
var (
	cprNumber = regexp.MustCompile(`\b(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])\d{2}[- ]?\d{4}\b`)
	secret    = regexp.MustCompile(`-----BEGIN|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[0-9A-Za-z]{20,}|\bxox[abprs]-[0-9A-Za-z-]{10,}|\beyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}|(?i:\b(password|passwd|secret|token|api[_-]?key)\s*[=:]\s*\S{4,})`)
)

// holdsSealed says whether a text holds what may be a sealed code: one word, or eight of four.
func holdsSealed(text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		n := 1
		for len(w) < sealedLen && len(words[i+n-1]) == numberLen && i+n < len(words) {
			w, n = w+words[i+n], n+1
		}
		if _, err := ReadSealed(w); err == nil {
			return true
		}
	}
	return false
}

// lint checks a need against what the rule asks for. Its error is for the person.
func lint(n policy.Need, d policy.Decision) error {
	text := strings.TrimSpace(n.Text)
	switch chars := utf8.RuneCountInString(text); {
	case chars < needMin:
		return refuse("say why in at least %d characters: what is wrong, and what you will do", needMin)
	case chars > needMax:
		return refuse("say why in at most %d characters (these are %d); put the rest into the ticket", needMax, chars)
	}
	if err := statement.Clean(n.Text); err != nil {
		return refuse("the reason must be plain text on one line: %v", err)
	}
	if err := statement.Clean(n.Ticket); err != nil || len(n.Ticket) > 64 {
		return refuse("a ticket is plain text of at most 64 characters")
	}
	switch all := n.Text + " " + n.Ticket; {
	case cprNumber.MatchString(all):
		return refuse("the reason seems to hold a CPR number; leave it out, the case number is enough")
	case holdsSealed(all):
		return refuse("the reason holds a sealed code, and is kept and read by others; leave it out, and use another code, for this one has been typed here")
	case secret.MatchString(all):
		return refuse("the reason seems to hold a password, key or token; leave it out and change it, for it has been typed here")
	case !slices.Contains(d.Reasons(), n.Reason):
		return refuse("the reason code must be one of %v", d.Reasons())
	}
	return lintTicket(n.Ticket, d.Ticket)
}

func lintTicket(ticket, pattern string) error {
	if pattern == "" {
		return nil
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil { // the policy's reader refuses such a pattern
		return refuse("the policy's ticket pattern is broken; ask who keeps the policy")
	}
	if !re.MatchString(ticket) {
		return refuse("a ticket is needed that matches %s", pattern)
	}
	return nil
}

// window is how long the request is for: the rule's default for none, never more than its most.
func window(asked time.Duration, l policy.Limits) (time.Duration, error) {
	switch {
	case asked == 0:
		return l.Default, nil
	case asked < time.Minute:
		return 0, refuse("ask for at least one minute")
	case asked > l.Max:
		return 0, refuse("the rule gives at most %s", l.Max)
	}
	return asked, nil
}

// Leaks says whether a text seems to hold a personal number or a secret: what the
// lint refuses of a need, for who writes texts where they stay.
func Leaks(text string) bool {
	return cprNumber.MatchString(text) || secret.MatchString(text) || holdsSealed(text)
}
