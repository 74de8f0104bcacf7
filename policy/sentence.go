package policy

import (
	"fmt"
	"strings"
	"time"
)

// A Sentence is a reason in words, put together only when somebody reads it:
// a decision must cost nothing before. The zero Sentence says nothing.
type Sentence struct {
	form string // as of fmt, with %s and %q only
	args [4]string
	n    int
	list []string  // the value after those, where it is a list
	at   time.Time // or an instant
}

// Says is the sentence of a form with at most four values. The form takes %s and %q.
func Says(form string, args ...string) Sentence {
	s := Sentence{form: form}
	s.n = copy(s.args[:], args)
	return s
}

// of is the sentence with a list as its last value.
func (s Sentence) of(list []string) Sentence {
	s.list = list
	return s
}

// when is the sentence with an instant as its last value.
func (s Sentence) when(at time.Time) Sentence {
	s.at = at
	return s
}

// String is the sentence as a person reads it.
func (s Sentence) String() string {
	var args []any
	for _, a := range s.args[:s.n] {
		args = append(args, a)
	}
	switch {
	case !s.at.IsZero():
		args = append(args, s.at.UTC().Format("2006-01-02 15:04 UTC"))
	case s.list != nil:
		args = append(args, strings.Join(s.list, ", "))
	}
	return fmt.Sprintf(s.form, args...)
}

// MarshalText is String.
func (s Sentence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// IsZero says whether it says nothing.
func (s Sentence) IsZero() bool { return s.form == "" }
