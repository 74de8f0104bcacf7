package gateway_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
)

func TestALookoutIsThereAsLongAsAnybodyIs(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	if w.Gateway.Watched() {
		t.Error("somebody reads for nobody")
	}
	a, b := visit(t, w, w.Eng), visit(t, w, w.Eng)
	a.Leave()
	if !w.Gateway.Watched() {
		t.Error("nobody reads for the one that is left")
	}
	b.Leave()
	if w.Gateway.Watched() {
		t.Error("somebody reads for nobody any more")
	}
	c := visit(t, w, w.Eng) // and it begins anew
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	endsWithin(t, c, time.Second, "revoked by ann@nord.x: enough")
}

func TestAnUnreadableLedgerEndsEverySession(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	a, b := visit(t, w, w.Eng), visit(t, w, w.Eng)
	must(t, w.Ledger.Close())
	endsWithin(t, a, time.Second, "the ledger cannot be read")
	endsWithin(t, b, time.Second, "the ledger cannot be read")
	a.Leave()
	if v, _, err := w.Gateway.Visit(t.Context(), knock(w.Eng)); v != nil || err == nil {
		t.Errorf("somebody comes in: %v", err)
	}
	b.Leave()
	if w.Gateway.Watched() {
		t.Error("somebody reads for nobody")
	}
}

// TestNoSessionMissesWhatComesAfterItBegan opens sessions while others come and
// go, and each is frozen, by the log alone, as soon as it is in it.
func TestNoSessionMissesWhatComesAfterItBegan(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	visit(t, w, w.Eng).Leave() // the touch
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for range 3 {
				v, _, err := w.Gateway.Visit(t.Context(), knock(w.Eng))
				if err != nil || v == nil {
					t.Error(err)
					return
				}
				if i%2 == 0 {
					v.Leave()
					continue
				}
				h, moved := v.Halted()
				if err := w.Gateway.Freeze(t.Context(), w.Ceo.Principal, v.Session.ID, fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
				for late := time.After(2 * time.Second); h.By == ""; h, moved = v.Halted() {
					select {
					case <-moved:
						continue
					case <-late:
						t.Error("it was not frozen")
					}
					break
				}
				v.Leave()
			}
		})
	}
	wg.Wait()
	if n := len(w.Gateway.Visits()); n != 0 || w.Gateway.Watched() {
		t.Errorf("%d visits are left", n)
	}
}

// TestWhatIsAskedEveryFewSeconds is policy, as it is now, and at the time that it
// is now; no row of the grant, for the ledger tells of every change.
func TestWhatIsAskedEveryFewSeconds(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	if !v.Same() {
		t.Error("nothing has changed")
	}
	if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Allow {
		t.Fatalf("got %v, %v", d, err)
	}
	if !v.Same() {
		t.Error("nothing has changed but that it does more")
	}
	if n := testing.AllocsPerRun(10, func() { v.Same() }); n > 150 {
		t.Errorf("it takes %v allocations", n)
	} else {
		t.Logf("it takes %v allocations", n)
	}
	forbidden(w)
	if v.Same() {
		t.Error("what is forbidden now is as it was")
	}
	v.Again(false)
	endsWithin(t, v, time.Second, `rule "never" forbids shell`)
}

func TestASessionWhoseTimeIsUpIsAskedAboutInFull(t *testing.T) {
	w := newWorld(t)
	code, v := brief(t, w, time.Second)
	extend(t, w, code)
	becomes(t, v, "frozen", isFrozen)
	if v.Same() {
		t.Error("a frozen session is as it was")
	}
	if f, _ := v.Frozen(); f == (gateway.Frozen{}) {
		t.Error("it is not frozen any more")
	}
}

// A rule is changed without a word in the log: nobody does, but it is seen.
func TestWhatNobodyToldOfIsSeen(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	forbidden(w)
	endsWithin(t, v, 6*time.Second, `rule "never" forbids shell`)
}
