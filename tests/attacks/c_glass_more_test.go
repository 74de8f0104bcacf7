package attacks

import (
	"testing"
	"time"

	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// TestC33ARestoredLedgerOpensNoCodeAgain: of a backup nobody knows which codes
// were used up, or retired, since.
func TestC33ARestoredLedgerOpensNoCodeAgain(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		c := w.Sealed(t)
		must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error { return w.Desk.EndAll(tx, "it was restored") }))
		_, err := breaks(t, w, w.Eng, c)
		wantNo(t, err, "was retired")
		must2(breaks(t, w, w.Eng, w.Sealed(t)))(t)
	})
}

// TestC33WhoIsLockedIsNoSecondPerson: two who cover each other would go on for ever.
func TestC33WhoIsLockedIsNoSecondPerson(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		a := world.Emergency()
		code := w.Break(t, w.Eng, w.Mate)
		time.Sleep(25 * time.Hour)
		p := *w.Policy()
		other := *p.Targets["db1.prod"]
		other.Name, other.Address, other.HostKey = "db9.prod", "127.0.0.9:1", "SHA256:other"
		p.Targets["db9.prod"] = &other
		w.SetPolicy(&p)
		a.Target = "db9.prod"
		v, err := w.Desk.BreakGlass(t.Context(), w.Mate.Principal, a, w.Sealed(t))
		must(t, err)
		wantNo(t, w.Approve(t, w.Eng, v.Request.ID), "nobody ratified it")
		must(t, w.Ratify(t, code, w.Ceo, w.Cto))
		must(t, w.Approve(t, w.Eng, v.Request.ID))
	})
}
