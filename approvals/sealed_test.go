package approvals

import (
	"fmt"
	"strings"
	"testing"

	"lockbox/policy"
)

// FuzzReadSealed: what is read as a code is written on paper as what reads the
// same, however it was typed, and is found in a text.
func FuzzReadSealed(f *testing.F) {
	body := "7KQM0123456789ABCDEFGHJKMNPQRS"
	f.Add(Sealed(body + checkOf(body)).Reveal())
	f.Add(strings.ToLower(body + checkOf(body)))
	f.Add("O0l1-iI00-")
	f.Add(strings.Repeat("\u017f", 32))
	f.Fuzz(func(t *testing.T, typed string) {
		c, err := ReadSealed(typed)
		if err != nil {
			if c != "" {
				t.Errorf("%q is refused, and gives a code", typed)
			}
			return
		}
		if len(c) != sealedLen || strings.Trim(string(c), alphabet) != "" {
			t.Fatalf("%q is read as %q", typed, string(c))
		}
		for _, again := range []string{c.Reveal(), strings.ToLower(c.Reveal()), " " + string(c) + "\n"} {
			if back, err := ReadSealed(again); err != nil || back != c {
				t.Errorf("%q is read as %q, %v", again, string(back), err)
			}
			if !Leaks("it is " + again + "!") {
				t.Errorf("%q is not found in a text", again)
			}
		}
	})
}

// TestACodePrintsAsNothing: not by accident, in whatever holds it.
func TestACodePrintsAsNothing(t *testing.T) {
	body := "7KQM0123456789ABCDEFGHJKMNPQRS"
	c := Sealed(body + checkOf(body))
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c, c, c), fmt.Sprintf("%+v", struct{ C Sealed }{c}), fmt.Sprintf("%#v", []Sealed{c})} {
		if strings.Contains(text, body[:8]) || strings.Contains(text, fmt.Sprintf("%x", body[:8])) {
			t.Errorf("it prints as %s", text)
		}
	}
}

// TestTextsWithoutACodeAreKept: what people write is not taken for one.
func TestTextsWithoutACodeAreKept(t *testing.T) {
	for _, text := range []string{
		"all is down, and nobody answers", "this disk died that hour when both were used once more", strings.Repeat("word ", 40), "d41d8cd98f00b204e9800998ecf8427e", "",
	} {
		if err := lint(policy.Need{Reason: "outage", Text: "why: " + text + " and more"}, policy.Decision{}); err != nil && strings.Contains(err.Error(), "sealed code") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
