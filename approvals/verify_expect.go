package approvals

import (
	"errors"
	"fmt"
	"time"

	"lockbox/recorder/ledger"
)

// What a leaf must be and say.
type expect struct {
	what  string
	kind  string     // "" for any
	about []string   // among its subjects
	at    *time.Time // nil for any
	seq   *int64     // in the main log; nil for any
	says  map[string]string
}

func (e expect) met(f ledger.Leaf) error {
	switch {
	case e.kind != "" && f.Kind != e.kind:
		return fmt.Errorf("the entry is of kind %s, not %s", f.Kind, e.kind)
	case !subset(e.about, f.Subjects):
		return errors.New("the entry is about something else")
	case e.at != nil && !f.At.Equal(*e.at):
		return errors.New("the entry was made at another time")
	case e.seq != nil && mainSeq(f) != *e.seq:
		return fmt.Errorf("the entry is event %d, not %d", mainSeq(f), *e.seq)
	}
	for name, want := range e.says {
		if f.Detail[name] != want {
			return fmt.Errorf("the entry says something else of %s", name)
		}
	}
	return nil
}
