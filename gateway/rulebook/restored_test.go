package rulebook

import (
	"slices"
	"testing"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// TestARestoredPolicyWaitsForSignatures: whoever can put an old ledger back does
// not go on with what was signed before.
func TestARestoredPolicyWaitsForSignatures(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	must(t, s.sign(t, s.opens(t, Offered).Motion, 2))
	s.start("config-1", true)
	s.opens(t, Unchanged)
	for _, production := range []bool{false, true} { // saying development does not help
		s.start("config-1", production)
		must(t, s.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { return s.Suspend(tx, "restored") }))
		r := s.opens(t, Offered)
		if d := s.shell(); d.Verdict != policy.Deny {
			t.Fatalf("before anybody signed again: %v: %s", d.Verdict, d.Why)
		}
		if production {
			must(t, s.sign(t, r.Motion, 2))
			must(t, s.follow(t.Context()))
		}
	}
	if d := s.shell(); d.Verdict != policy.Ask {
		t.Errorf("signed again by two: %v: %s", d.Verdict, d.Why)
	}
	if !slices.Contains(s.kinds(t), "policy.suspended") {
		t.Errorf("events %v", s.kinds(t))
	}
}

func TestInDevelopmentARestoredPolicyIsThatOfTheFiles(t *testing.T) {
	s := newShelf(t)
	s.opens(t, Activated)
	must(t, s.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		if err := s.Suspend(tx, "restored"); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "ledger.restored", Actor: "ops"})
		return err
	}))
	s.start("config-1", false)
	s.opens(t, Unchanged)
	if d := s.shell(); d.Verdict != policy.Ask {
		t.Errorf("%v: %s", d.Verdict, d.Why)
	}
}
