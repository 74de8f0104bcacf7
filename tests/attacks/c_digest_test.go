package attacks

import (
	"slices"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// TestG01WhoDidItDoesNotCountAsWhoLooked: the digest lists the recordings that
// nobody watched; an engineer who opens their own is not somebody.
func TestG01WhoDidItDoesNotCountAsWhoLooked(t *testing.T) {
	inGlass(t, func(t *testing.T, w *world.World) {
		w.Grant(t, w.Eng, time.Hour)
		var ids []string
		for range 2 {
			in := visit(t, w, knock(w.Eng))
			ids = append(ids, in.Session.ID)
			in.Leave()
			_, err := w.Gateway.Look(t.Context(), w.Eng.Principal, in.Session.ID, "to see what I did")
			must(t, err)
		}
		_, err := w.Gateway.Look(t.Context(), w.Ceo.Principal, ids[1], "")
		must(t, err)
		time.Sleep(8 * 24 * time.Hour)
		must(t, w.Gateway.Digests(t.Context(), time.UTC))
		var all []approvals.Weekly
		all, err = w.Desk.Weeks(t.Context(), w.Ceo.Principal, 10)
		must(t, err)
		unread := slices.Concat(all[0].Unread, all[len(all)-1].Unread)
		if !slices.Contains(unread, ids[0]) || slices.Contains(unread, ids[1]) {
			t.Errorf("unread are %v, want %s alone", unread, ids[0])
		}
		_, err = w.Desk.Weeks(t.Context(), w.Ann.Principal, 10)
		wantUnknown(t, "a customer's reviewer", err)
		must(t, w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
			_, err := w.Desk.WeeklyIn(tx, w.Eng.Principal, all[0].Week)
			wantUnknown(t, "an engineer", err)
			return nil
		}))
	})
}
