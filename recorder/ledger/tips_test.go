package ledger_test

import (
	"errors"
	"testing"

	"lockbox/recorder/ledger"
)

// Where a customer's log ends must be known before anything is signed on top of
// it: what is signed stays, whatever a Check finds later.
func TestNothingIsSignedOnCustomersLogsThatWereChangedWhileItWasClosed(t *testing.T) {
	tip := ledger.TipAt("nord")
	for name, edit := range map[string]func(w thief) error{
		"end removed": func(w thief) error { return w.Delete(tip) },
		"log removed": func(w thief) error {
			w.after = append([]map[string]string{{string(tip): ""}}, w.after...)
			return errors.Join(w.rollBack("nord", 0), w.Delete(tip))
		},
		"rolled back":             func(w thief) error { return w.rollBack("nord", 2) },
		"end of another customer": func(w thief) error { return w.Put(tip, []byte(w.last()[string(ledger.TipAt("ost"))])) },
		"end of a stranger":       func(w thief) error { return w.Put(ledger.TipAt("syd"), []byte(w.last()[string(tip)])) },
	} {
		t.Run(name, func(t *testing.T) {
			b := secretly(t)
			after := tale(b)
			b.edit(func(w ledger.Writer) error { return edit(thief{w, after, nil, b.o}) })
			caught(t, "Open", b.reopen(), "customer")
			reopenEngine(b)
		})
	}
}

func TestNoHeartbeatIsSignedOverCustomersLogsThatWereChangedWhileItRuns(t *testing.T) {
	tip := ledger.TipAt("nord")
	for name, edit := range map[string]func(w thief) error{
		"end removed": func(w thief) error { return w.Delete(tip) },
		"rolled back": func(w thief) error { return w.rollBack("nord", 2) },
	} {
		t.Run(name, func(t *testing.T) {
			b := secretly(t)
			after := tale(b)
			b.edit(func(w ledger.Writer) error { return edit(thief{w, after, nil, b.o}) })
			caught(t, "Beat", b.Beat(t.Context()), "the log of customer nord")
			caught(t, "Update", b.Update(t.Context(), func(tx *ledger.Tx) error { _, err := tx.Append(of("x", "nord")); return err }), "the log of customer nord")
		})
	}
}

func TestWhatWasErasedIsNotSaidOfAnotherEntry(t *testing.T) {
	for name, edit := range map[string]func(w thief) error{
		"another entry says it is that event": func(w thief) error { return w.swap(ledger.OwnAt("nord", 2), `"main":5`, `"main":4`) },
		"no entry says it is that event":      func(w thief) error { return w.swap(ledger.OwnAt("nord", 1), `"main":4`, `"main":3`) },
	} {
		b := secretly(t)
		after := tale(b)
		b.edit(func(w ledger.Writer) error { return edit(thief{w, after, nil, b.o}) })
		err := b.Update(t.Context(), func(tx *ledger.Tx) error {
			_, err := tx.Append(did("person.erased"))
			return errors.Join(err, tx.Erase(4))
		})
		caught(t, name, err, "customer nord")
	}
}
