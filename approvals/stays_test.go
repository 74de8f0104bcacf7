package approvals

import (
	"slices"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// note appends an event as the gateway does.
func (w *world) note(t *testing.T, e ledger.Event) (at time.Time, seq int64) {
	t.Helper()
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) (err error) {
		at = tx.Now()
		seq, err = tx.Append(e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return at, seq
}

func held(all ...Held) Sessions {
	return func(*ledger.Tx, string) ([]Held, error) { return all, nil }
}

// extended is a session that went on from one grant to the next, and the receipts of both.
func (w *world) extended(t *testing.T) (first, second Receipt) {
	t.Helper()
	code := w.granted(t)
	var g *policy.Grant
	var at time.Time
	var seq int64
	s := recorder.Session{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Request: code, Target: "db1.prod", Login: "support_nord", Who: w.eng.Principal, Root: "r"}
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) (err error) {
		if g, err = w.Standing(tx, code); err != nil {
			return err
		}
		if err := w.Activate(tx, g); err != nil {
			return err
		}
		at = tx.Now()
		seq, err = tx.Append(ledger.Event{Kind: "session.open", Actor: w.eng.ID, Subjects: []string{s.ID, code, s.Target}, Customers: []string{"nord"}, Detail: map[string]string{"login": s.Login, "not-after": moment(g.NotAfter)}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Began = at
	next := w.extend(t, code, 30*time.Minute)
	w.yes(t, next, policy.Terms{})
	w.later(time.Hour)
	if err := w.activateAs(t, next); err != nil {
		t.Fatal(err)
	}
	on := w.grant(t, next)
	_, moved := w.note(t, ledger.Event{Kind: "session.extended", Actor: w.eng.ID, Subjects: []string{s.ID, code, next, s.Target}, Customers: []string{"nord"}, Detail: map[string]string{
		"from": code, "to": next, "login": s.Login, "not-after": moment(on.NotAfter),
	}})
	w.later(20 * time.Minute)
	end, closed := w.note(t, ledger.Event{Kind: "session.close", Actor: w.eng.ID, Subjects: []string{s.ID, code, next, s.Target}, Customers: []string{"nord"}, Detail: map[string]string{"root": s.Root}})
	s.Ended = end
	w.later(15 * time.Minute)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first, err = w.Receipt(t.Context(), w.eng.Principal, code, held(Held{Session: s, Open: seq, Next: moved, Close: closed})); err != nil {
		t.Fatal(err)
	}
	if second, err = w.Receipt(t.Context(), w.eng.Principal, next, held(Held{Session: s, Open: moved, Close: closed})); err != nil {
		t.Fatal(err)
	}
	return first, second
}

// activateAs counts the session under the next grant.
func (w *world) activateAs(t *testing.T, code string) error {
	t.Helper()
	return w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		g, err := w.Standing(tx, code)
		if err != nil {
			return err
		}
		if err := w.Activate(tx, g); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "test.activated", Actor: "test"})
		return err
	})
}

// TestASessionThatWentOnIsInBothReceipts, and nothing longer than both grants is.
func TestASessionThatWentOnIsInBothReceipts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.extended(t)
	for rule, r := range map[string]Receipt{"the first": first, "the second": second} {
		if steps, err := r.Verify(w.pins()); err != nil || failed(steps) != nil {
			t.Errorf("%s: got %+v, %v", rule, steps, err)
		}
	}
	for _, c := range []struct {
		rule  string
		r     Receipt
		spoil func(r *Receipt)
	}{
		{"it did not go on, and was longer than the grant", first, func(r *Receipt) { r.Stays[0].Next = nil }},
		{"it went on by another leaf", first, func(r *Receipt) { r.Stays[0].Next = r.Stays[0].Close }},
		{"it is said to have begun under the second", second, func(r *Receipt) { r.Stays[0].Session.Request = r.Grant.ID }},
		{"it came from elsewhere", second, func(r *Receipt) { r.Stays[0].Open = first.Stays[0].Open }},
		{"the second goes on from nothing", second, func(r *Receipt) { r.Grant.Extends = "" }},
		{"the second is longer", second, func(r *Receipt) { r.Grant.NotAfter = r.Grant.NotAfter.Add(time.Hour) }},
		{"the second spent less", second, func(r *Receipt) { r.Grant.Spent = 0 }},
		{"the session is left out", second, func(r *Receipt) { r.Stays = nil }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := c.r
			g := *r.Grant
			r.Grant, r.Stays = &g, slices.Clone(r.Stays)
			c.spoil(&r)
			if steps, err := r.Verify(w.pins()); err != nil || failed(steps) == nil {
				t.Errorf("it holds: %+v, %v", steps, err)
			}
		})
	}
}
