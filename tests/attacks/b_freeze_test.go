package attacks

import (
	"context"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// brief is a visit of Eng's whose grant is over after d.
func brief(t *testing.T, w *world.World, d time.Duration) (code string, v *gateway.Visit) {
	t.Helper()
	code = w.Grant(t, w.Eng, time.Hour)
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		var g policy.Grant
		if _, err := tx.Get("grant/"+code, &g); err != nil {
			return err
		}
		if g.For = d; !g.Activated.IsZero() {
			g.NotAfter = g.Activated.Add(d)
		}
		if err := tx.Put("grant/"+code, g); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "test.shortened", Actor: "test", Subjects: []string{code}})
		return err
	}))
	return code, visit(t, w, knock(w.Eng))
}

func more(t *testing.T, w *world.World, code, why string) string {
	t.Helper()
	x, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 10*time.Minute, why)
	must(t, err)
	return x.Request.ID
}

// freezes waits until nothing passes any more.
func freezes(t *testing.T, v *gateway.Visit) gateway.Frozen {
	t.Helper()
	for late := time.After(5 * time.Second); ; {
		f, moved := v.Frozen()
		if !f.Until.IsZero() {
			return f
		}
		select {
		case <-moved:
		case <-v.Context().Done():
			t.Fatalf("it ended: %v", context.Cause(v.Context()))
		case <-late:
			t.Fatal("it is not frozen")
		}
	}
}

func TestA11AChainOfExtensionsHasOneGrace(t *testing.T) {
	w := newWorld(t)
	w.Gateway.Grace = 2 * time.Second
	code, v := brief(t, w, 2*time.Second)
	for _, why := range []string{"one row is left to mend", "two rows are left to mend", "three rows are left to mend"} {
		x := more(t, w, code, why)
		_, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 11*time.Minute, "and another one beside it")
		wantNo(t, err, "is open already")
		must(t, w.Desk.Withdraw(t.Context(), w.Eng.Principal, x))
	}
	x := more(t, w, code, "four rows are left to mend")
	f := freezes(t, v)
	if end := v.Until(); f.Since.Sub(end) > 100*time.Millisecond || f.Until.Sub(f.Since) > w.Gateway.Grace {
		t.Errorf("its grace is %s, from %s after the end", f.Until.Sub(f.Since), f.Since.Sub(end))
	}
	_, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 10*time.Minute, "five rows are left to mend")
	wantNo(t, err, "nothing to extend")
	_, err = w.Desk.Extend(t.Context(), w.Eng.Principal, x, 10*time.Minute, "an extension of the extension")
	wantNo(t, err, "no grant")
	w.Ask(t, w.Eng, "nord", time.Hour) // it is none of this visit's
	poke(t, w, x)
	if now, _ := v.Frozen(); !now.Until.Equal(f.Until) {
		t.Errorf("its grace grew from %s to %s", f.Until, now.Until)
	}
	<-time.After(time.Until(f.Until))
	wantEnd(t, v, "was not decided in time")
	must(t, w.Approve(t, w.Ceo, x)) // too late for this visit
	must(t, w.Approve(t, w.Ann, x))
	if v.Open() || v.Gate(t.Context()) == nil {
		t.Error("something passes after the end")
	}
}

func TestA11WhoeverGoesWhileFrozenDoesNotComeBack(t *testing.T) {
	for _, row := range []struct {
		rule string
		do   func(*testing.T, *world.World)
		says string
	}{
		{"the key is taken away", func(t *testing.T, w *world.World) {
			must(t, w.People.RemoveSSHKey(t.Context(), w.Eng.ID, knock(w.Eng).Key))
		}, "not yours any more"},
		{"the engineer leaves the group", func(t *testing.T, w *world.World) {
			change(w, func(p *policy.Policy) { p.Groups["engineers"] = []string{"mate@x.eu"} })
		}, "no target"},
		{"the name stands for another machine", func(t *testing.T, w *world.World) {
			change(w, func(p *policy.Policy) { p.Targets["db1.prod"].Address = "127.0.0.2:22" })
		}, "another machine"},
		{"the rule asks for more approvals", func(t *testing.T, w *world.World) {
			change(w, func(p *policy.Policy) { p.Rules[0].Stages[0].Count = 2 })
		}, "takes more approvals"},
		{"the executive leaves the board", func(t *testing.T, w *world.World) {
			change(w, func(p *policy.Policy) { p.Groups["board"] = []string{"cto@x.eu"} })
		}, "cannot be proven"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			w := newWorld(t)
			code, v := brief(t, w, time.Second)
			x := more(t, w, code, "two rows are left to mend")
			freezes(t, v)
			must(t, w.Approve(t, w.Ceo, x))
			row.do(t, w)
			_ = w.Approve(t, w.Ann, x) // the last signature; it may be refused by now
			must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
				_, err := tx.Append(ledger.Event{Kind: "policy.activated", Actor: "test"})
				return err
			}))
			wantEnd(t, v, row.says)
			if v.Gate(t.Context()) == nil {
				t.Error("something passes after the end")
			}
		})
	}
}

// TestA11ExtensionsEndAtTheHardMaximum: however many there are, and however early.
func TestA11ExtensionsEndAtTheHardMaximum(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, 4*time.Hour)
	v := visit(t, w, knock(w.Eng))
	begun := v.Until().Add(-4 * time.Hour)
	last := code
	for range 3 {
		x, err := w.Desk.Extend(t.Context(), w.Eng.Principal, last, 3*time.Hour, "the work takes longer")
		if err != nil {
			break
		}
		must(t, w.Approve(t, w.Ceo, x.Request.ID))
		must(t, w.Approve(t, w.Ann, x.Request.ID))
		last = x.Request.ID
	}
	seen, err := w.Desk.See(t.Context(), w.Eng.Principal, last)
	must(t, err)
	if last == code || seen.Grant == nil || seen.Grant.NotAfter.Sub(begun) > policy.HardMax+time.Second {
		t.Errorf("%s lasts %s at once", last, seen.Grant.NotAfter.Sub(begun))
	}
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough")) // all of the chain
	wantEnd(t, v, "revoked by ann@nord.x")
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("what was to come after it still lets in")
	}
}
