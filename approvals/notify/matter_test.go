package notify

import (
	"testing"

	"lockbox/recorder/ledger"
)

// A ledger that cannot be read for a moment is not somebody who left: the notice waits.
func TestNothingIsDroppedOnADoubt(t *testing.T) {
	w := newWorld(t, &hook{name: "mail"})
	defer func() { must(t, w.Ledger.Close()) }()
	n := Notice{Channel: "mail", To: "ceo@x.eu", Topic: Account}
	ask := func() (yes bool, err error) {
		must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
			yes, _, err = w.planner.Matters(tx, n)
			return nil
		}))
		return yes, err
	}
	if yes, err := ask(); err != nil || !yes {
		t.Errorf("got %v, %v", yes, err)
	}
	w.crowd.broken.Store(true)
	if _, err := ask(); err == nil {
		t.Error("it is dropped though nobody knows whether the person is there")
	}
	w.crowd.broken.Store(false)
	w.crowd.left["ceo@x.eu"] = true
	if yes, err := ask(); err != nil || yes {
		t.Errorf("who left: got %v, %v", yes, err)
	}
}
