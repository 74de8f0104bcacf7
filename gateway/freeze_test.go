package gateway_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// brief is a visit of a grant that lasts for d.
func brief(t *testing.T, w *world.World, d time.Duration) (code string, v *gateway.Visit) {
	t.Helper()
	code = w.Grant(t, w.Eng, time.Hour)
	shorten(t, w, code, d)
	return code, visit(t, w, w.Eng)
}

func extend(t *testing.T, w *world.World, code string) string {
	t.Helper()
	x, err := w.Desk.Extend(t.Context(), w.Eng.Principal, code, 10*time.Minute, "two rows are left to mend")
	if err != nil {
		t.Fatal(err)
	}
	return x.Request.ID
}

func approve(t *testing.T, w *world.World, code string) {
	t.Helper()
	for _, h := range []*world.Human{w.Ceo, w.Ann} {
		if err := w.Approve(t, h, code); err != nil {
			t.Fatal(err)
		}
	}
}

// becomes waits until the visit is as it should be.
func becomes(t *testing.T, v *gateway.Visit, what string, is func(gateway.Frozen) bool) {
	t.Helper()
	late := time.After(20 * time.Second) // the machine may be busy
	for {
		f, moved := v.Frozen()
		if is(f) {
			return
		}
		select {
		case <-moved:
		case <-v.Context().Done():
			t.Fatalf("it ended before it was %s: %v", what, context.Cause(v.Context()))
		case <-late:
			t.Fatalf("it is not %s: %+v under %s", what, f, v.Grant().ID)
		}
	}
}

func isFrozen(f gateway.Frozen) bool { return !f.Until.IsZero() }

// blocked says whether the gate holds for a while.
func blocked(t *testing.T, v *gateway.Visit) bool {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	return v.Gate(ctx) != nil
}

func events(t *testing.T, w *world.World, kind string) (found []ledger.Event) {
	t.Helper()
	all, err := w.Ledger.After(t.Context(), -1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

func TestAVisitGoesOnUnderTheGrantThatExtendsItsOwn(t *testing.T) {
	w := newWorld(t)
	code, v := brief(t, w, 3*time.Second)
	first := v.Until()
	x := extend(t, w, code)
	approve(t, w, x)
	if v.Grant().ID != code {
		t.Error("it goes on before its time is up")
	}
	becomes(t, v, "extended", func(gateway.Frozen) bool { return v.Grant().ID == x })
	if more := v.Until().Sub(first); more < 9*time.Minute || more > 11*time.Minute {
		t.Errorf("it has %s more, want 10m", more)
	}
	if blocked(t, v) {
		t.Error("nothing passes")
	}
	if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Allow {
		t.Errorf("another channel: got %v %q, %v", d.Verdict, d.Why, err)
	}
	if frozen := events(t, w, "session.frozen"); len(frozen) != 0 {
		t.Errorf("it was frozen: %+v", frozen)
	}
	moved := events(t, w, "session.extended")
	if len(moved) != 1 || moved[0].Detail["from"] != code || moved[0].Detail["to"] != x || !slices.Contains(moved[0].Subjects, v.Session.ID) {
		t.Fatalf("got %+v", moved)
	}
	for _, of := range []string{code, x} {
		if all, err := w.Gateway.SessionsOf(t.Context(), w.Ann.Principal, of); err != nil || len(all) != 1 || all[0].ID != v.Session.ID {
			t.Errorf("%s has the sessions %+v, %v", of, all, err)
		}
	}
	if err := w.Desk.Revoke(t.Context(), w.Ann.Principal, x, "enough"); err != nil {
		t.Fatal(err)
	}
	endsWithin(t, v, time.Second, "revoked by ann@nord.x: enough")
	v.Leave()
	end := events(t, w, "session.close")
	if len(end) != 1 || !slices.Contains(end[0].Subjects, code) || !slices.Contains(end[0].Subjects, x) {
		t.Errorf("got %+v", end)
	}
	before, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, code)
	if err != nil || len(before.Stays) != 1 || before.Stays[0].Next == nil {
		t.Errorf("the first receipt does not say where the session went: %+v, %v", before.Stays, err)
	}
	after, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, x)
	if err != nil || len(after.Stays) != 1 || after.Stays[0].Next != nil || after.Stays[0].Close == nil {
		t.Errorf("got %+v, %v", after.Stays, err)
	}
	holds(t, w, before, forged)
	holds(t, w, after, "")
}

// forged is what a verifier says of a grant that shorten made shorter than the log says.
const forged = "the log made no such grant"

// holds verifies a receipt as a customer does. All but one step must hold.
func holds(t *testing.T, w *world.World, r approvals.Receipt, but string) {
	t.Helper()
	steps, err := r.Verify(approvals.Pinned{
		Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(),
		Executives: []string{w.Ceo.Fingerprint, w.Cto.Fingerprint}, Customers: map[string][]string{"nord": {w.Ann.Fingerprint}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if !s.OK && s.Text != but {
			t.Errorf("%+v", s)
		}
	}
}

func TestAFrozenVisitPassesNothingUntilItIsExtended(t *testing.T) {
	w := newWorld(t)
	code, v := brief(t, w, 1500*time.Millisecond)
	x := extend(t, w, code)
	becomes(t, v, "frozen", isFrozen)
	f, _ := v.Frozen()
	if left := time.Until(f.Until); f.Extension != x || left > policy.Grace || left < policy.Grace-5*time.Second {
		t.Errorf("frozen for %s while %q waits", left, f.Extension)
	}
	if !blocked(t, v) {
		t.Error("something passes")
	}
	if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Deny || d.Code != policy.NotYet {
		t.Errorf("another channel: got %v %v, %v", d.Verdict, d.Code, err)
	}
	if a := enter(t, w, knock(w.Eng)); a.Verdict == policy.Allow {
		t.Error("somebody comes in under a grant that is over")
	}
	gate := make(chan error, 1)
	go func() { gate <- v.Gate(context.WithoutCancel(t.Context())) }()
	approve(t, w, x)
	select {
	case err := <-gate:
		if err != nil || v.Grant().ID != x {
			t.Errorf("got %v under %s", err, v.Grant().ID)
		}
	case <-time.After(time.Second):
		t.Fatal("it is approved, and does not go on")
	}
	if frozen := events(t, w, "session.frozen"); len(frozen) != 1 || !slices.Contains(frozen[0].Subjects, x) {
		t.Errorf("got %+v", frozen)
	}
}

func TestAFrozenVisitEndsAtOnceForEveryReason(t *testing.T) {
	for _, row := range []struct {
		rule  string
		grace time.Duration
		do    func(*testing.T, *world.World, string, string) error
		why   string
	}{
		{"the board says no", 0, func(t *testing.T, w *world.World, _, x string) error {
			_, err := w.Desk.Reject(t.Context(), w.Ceo.Principal, x, "no more")
			_, also := w.Desk.Reject(t.Context(), w.Cto.Principal, x, "no more")
			return errors.Join(err, also)
		}, "was rejected"},
		{"the engineer takes it back", 0, func(t *testing.T, w *world.World, _, x string) error {
			return w.Desk.Withdraw(t.Context(), w.Eng.Principal, x)
		}, "was withdrawn"},
		{"the customer ends the grant", 0, func(t *testing.T, w *world.World, code, _ string) error {
			return w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough")
		}, "was withdrawn"},
		{"the board ends the grant", 0, func(t *testing.T, w *world.World, code, _ string) error {
			return w.Desk.Revoke(t.Context(), w.Cto.Principal, code, "enough")
		}, "was withdrawn"},
		{"the engineer gives it back", 0, func(t *testing.T, w *world.World, code, _ string) error {
			return w.Desk.GiveBack(t.Context(), w.Eng.Principal, code)
		}, "was withdrawn"},
		{"it is approved with a promise, and ended before that is made", 0, func(t *testing.T, w *world.World, code, x string) error {
			b, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, x, policy.Terms{Promise: "nothing is copied"})
			if err == nil {
				_, err = w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, w.Sign(t, w.Ceo, statement.ForApproval, b.Statement))
			}
			return errors.Join(err, w.Approve(t, w.Ann, x), w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
		}, "revoked by ann@nord.x"},
		{"nobody answers", time.Second, func(*testing.T, *world.World, string, string) error { return nil }, "was not decided in time"},
		{"the rule is gone", 0, func(t *testing.T, w *world.World, _, _ string) error {
			p := *w.Policy()
			p.Rules = nil
			w.SetPolicy(&p)
			return changed(t, w, "policy.activated")
		}, "there is no target"},
	} {
		w := newWorld(t)
		w.Gateway.Grace = row.grace
		code, v := brief(t, w, time.Second)
		x := extend(t, w, code)
		becomes(t, v, "frozen", isFrozen)
		if err := row.do(t, w, code, x); err != nil {
			t.Fatalf("%s: %v", row.rule, err)
		}
		endsWithin(t, v, time.Second+row.grace, row.why)
		if v.Gate(t.Context()) == nil {
			t.Errorf("%s: something passes after the end", row.rule)
		}
		v.Leave()
		if end := events(t, w, "session.close"); len(end) != 1 || end[0].Detail["frozen"] == "" {
			t.Errorf("%s: the log does not say since when nothing passed: %+v", row.rule, end)
		}
		if row.grace > 0 {
			r, err := w.Gateway.Receipt(t.Context(), w.Ann.Principal, code)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, w, r, forged)
		}
	}
}

// changed appends an event that is about no request.
func changed(t *testing.T, w *world.World, kind string) error {
	t.Helper()
	return w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: kind, Actor: "test"})
		return err
	})
}

func TestNobodyIsFrozenWithoutAnExtension(t *testing.T) {
	w := newWorld(t)
	_, v := brief(t, w, time.Second)
	endsWithin(t, v, 2*time.Second, "time of the grant is up")
	if frozen := events(t, w, "session.frozen"); len(frozen) != 0 {
		t.Errorf("got %+v", frozen)
	}
}

func TestAGraceIsNeverLongerThanPolicySays(t *testing.T) {
	w := newWorld(t)
	w.Gateway.Grace = time.Hour
	code, v := brief(t, w, time.Second)
	extend(t, w, code)
	becomes(t, v, "frozen", isFrozen)
	if f, _ := v.Frozen(); f.Until.Sub(f.Since) > policy.Grace {
		t.Errorf("frozen for %s", f.Until.Sub(f.Since))
	}
}

func TestNothingPassesAfterTheEndEvenBeforeAnybodyHasDecided(t *testing.T) {
	w := newWorld(t)
	code, v := brief(t, w, time.Second)
	extend(t, w, code)
	for last := time.Now(); ; {
		now := time.Now()
		if !v.Open() {
			if end := v.Until(); last.After(end.Add(50 * time.Millisecond)) {
				t.Errorf("open %s after the end", last.Sub(end))
			}
			return
		}
		if last = now; now.After(v.Until().Add(5 * time.Second)) {
			t.Fatal("it never shuts")
		}
	}
}

func BenchmarkAnOpenGate(b *testing.B) {
	w := world.New(b, "127.0.0.1:1", "SHA256:none")
	w.Grant(b, w.Eng, time.Hour)
	v, _, err := w.Visit(b, w.Eng, knock(w.Eng))
	if err != nil {
		b.Fatal(err)
	}
	defer v.Leave()
	for b.Loop() {
		if err := v.Gate(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
