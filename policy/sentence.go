package policy

import (
	"fmt"
	"strings"
)

// A Sentence is a reason in words, put together only when somebody reads it:
// a decision must cost nothing before. The zero Sentence says nothing.
type Sentence struct {
	form string // as of fmt, with %s and %q only
	args [4]string
}

// Says is the sentence of a form with at most four values. The form takes %s and %q.
func Says(form string, args ...string) Sentence {
	s := Sentence{form: form}
	copy(s.args[:], args)
	return s
}

// String is the sentence as a person reads it.
func (s Sentence) String() string {
	args := make([]any, strings.Count(s.form, "%"))
	for i := range args {
		args[i] = s.args[i]
	}
	return fmt.Sprintf(s.form, args...)
}

// MarshalText is String.
func (s Sentence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// IsZero says whether it says nothing.
func (s Sentence) IsZero() bool { return s.form == "" }
