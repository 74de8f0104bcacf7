package approvals

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// erased orders that a person is erased, and carries it out.
func (w *world) erased(t testing.TB, person string) error {
	t.Helper()
	err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		return w.OrderErasure(tx, &policy.Motion{ID: "ERAS", Kind: policy.ToErase, About: person})
	})
	if err != nil {
		return err
	}
	return w.Erasures(t.Context())
}

// over is a request that was approved and is over, with a session.
func (w *world) over(t testing.TB) (code string, sessions Sessions) {
	t.Helper()
	code = w.granted(t)
	if _, err := w.Say(t.Context(), w.eng.Principal, code, "", "I am at it now"); err != nil {
		t.Fatal(err)
	}
	s := recorder.Session{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Request: code, Target: "db1.prod", Login: "support_nord", Who: w.eng.Principal, Root: "r"}
	deeds := NewDeeds([]Deed{{Kind: "exec", Command: "cat /etc/hosts"}}, 0)
	sum, err := deeds.Commit()
	if err != nil {
		t.Fatal(err)
	}
	h := Held{Deeds: deeds}
	for _, kind := range []string{"session.open", "session.close"} {
		err := w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
			e := ledger.Event{Kind: kind, Actor: w.eng.ID, Subjects: []string{s.ID, code, s.Target}, Customers: []string{"nord"}, Detail: map[string]string{"root": s.Root, "deeds": sum}}
			if kind == "session.open" {
				g, err := w.Standing(tx, code)
				if err != nil {
					return err
				}
				if err := w.Activate(tx, g); err != nil {
					return err
				}
				s.Began, e.Detail = tx.Now(), map[string]string{"login": s.Login, "not-after": moment(g.NotAfter)}
			}
			seq, err := tx.Append(e)
			if kind == "session.open" {
				h.Open = seq
			} else {
				h.Close, s.Ended = seq, tx.Now()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.later(10 * time.Minute)
	}
	h.Session = s
	w.Forget = func(_ *ledger.Tx, request, person string, by int64) error {
		if request == code && person == w.eng.ID {
			h.Session.Who, h.Deeds, h.Gone = Stone(h.Session.Who, by), nil, by
		}
		return nil
	}
	w.later(2 * time.Hour)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	return code, func(*ledger.Tx, string) ([]Held, error) { return []Held{h}, nil }
}

// kinds lists the steps of which a property holds.
func kinds(steps []Step, is func(Step) bool) (all []int) {
	for _, s := range steps {
		if is(s) {
			all = append(all, s.Step)
		}
	}
	return slices.Compact(all)
}

func TestAReceiptOfSomebodyErasedSaysSoAndStillHolds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		who    func(w *world) *human
		erased []int // steps
		says   string
	}{
		"who asked":          {func(w *world) *human { return w.eng }, []int{9, 1, 9, 1, 9}, "who asked"},
		"who decided":        {func(w *world) *human { return w.ceo }, []int{1, 9}, "who gave this vote"},
		"a reviewer":         {func(w *world) *human { return w.ann }, []int{1, 9}, "who gave this vote"},
		"somebody unrelated": {func(w *world) *human { return w.mate }, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			code, sessions := w.over(t)
			p, who := w.pins(), c.who(w)
			before, err := w.Receipt(t.Context(), w.ann.Principal, code, sessions)
			if err != nil {
				t.Fatal(err)
			}
			if steps, err := before.Verify(p); err != nil || failed(steps) != nil {
				t.Fatalf("got %+v, %v", steps, err)
			}
			if err := w.erased(t, who.ID); err != nil {
				t.Fatal(err)
			}
			if steps, err := before.Verify(p); err != nil || failed(steps) != nil {
				t.Errorf("a receipt that somebody holds does not hold any more: %+v, %v", steps, err)
			}
			for _, of := range []*human{w.ann, w.aud} {
				r, err := w.Receipt(t.Context(), of.Principal, code, sessions)
				if err != nil {
					t.Fatal(err)
				}
				steps, err := r.Verify(p)
				if err != nil || failed(steps) != nil {
					t.Fatalf("got %+v, %v", slices.DeleteFunc(steps, func(s Step) bool { return !s.Failed() }), err)
				}
				if got := kinds(steps, func(s Step) bool { return s.Erased }); !slices.Equal(got, c.erased) {
					t.Errorf("erased are %v, want %v", got, c.erased)
				}
				if c.says != "" && !slices.ContainsFunc(steps, func(s Step) bool { return s.Erased && strings.Contains(s.Text, c.says) }) {
					t.Errorf("nothing says %q: %+v", c.says, steps)
				}
				if all := clear64(t, r); c.says != "" && (strings.Contains(all, who.ID) || strings.Contains(all, `"`+who.Name+`"`)) {
					t.Errorf("%s is in the receipt", who.ID)
				}
			}
			if c.says != "" {
				w.wantNowhere(t, who.ID)
			}
			if err := w.Ledger.Check(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
			if err := w.Erasures(t.Context()); err != nil { // nothing is left to do
				t.Error(err)
			}
		})
	}
}

// wantNowhere fails where a row of requests, or an event, still names somebody.
func (w *world) wantNowhere(t *testing.T, id string) {
	t.Helper()
	for seq := int64(-1); seq < w.Ledger.Last(); {
		page, err := w.Ledger.After(t.Context(), seq, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			seq = e.Seq
			if b, err := json.Marshal(e); err != nil || strings.Contains(string(b), id) {
				t.Errorf("event %d, %s, names %s (%v)", e.Seq, e.Kind, id, err)
			}
		}
	}
	err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		return tx.Scan("", func(key string, raw json.RawMessage) (bool, error) {
			if strings.Contains(key, id) || strings.Contains(string(raw), id) {
				t.Errorf("row %s names %s", key, id)
			}
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNobodyIsErasedWhileSomethingRestsOnThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.submit(t)
	wantRefusal(t, w.erased(t, w.eng.ID), "request "+code+" of eng@x.eu is not over")
	if err := w.vote(w.ceo, code, policy.Terms{}); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, w.erased(t, w.ceo.ID), "has decided on request "+code)
	wantRefusal(t, w.erased(t, ""), "nobody is named")
	if err := w.erased(t, w.ann.ID); err != nil {
		t.Error(err)
	}
}

// TestAnErasureThatWasNoneFails: what is left out of a receipt is not erased by saying so.
func TestAnErasureThatWasNoneFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, sessions := w.over(t)
	whole, err := w.Receipt(t.Context(), w.ann.Principal, code, sessions)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.erased(t, w.eng.ID); err != nil {
		t.Fatal(err)
	}
	gone, err := w.Receipt(t.Context(), w.ann.Principal, code, sessions)
	if err != nil {
		t.Fatal(err)
	}
	by := gone.Case.Gone["who.id"]
	for _, c := range []struct {
		rule  string
		of    Receipt
		spoil func(r *Receipt)
	}{
		{"a statement without an erasure", whole, func(r *Receipt) {
			r.Case.Votes[0].Statement, r.Case.Gone = nil, map[string]int64{"votes.0.statement": by}
		}},
		{"a reason without an erasure", whole, func(r *Receipt) {
			r.Case.Open = except(r.Case.Open, "need.text")
			r.Case.Gone = map[string]int64{"need.text": by}
		}},
		{"the erasing entry left out", gone, func(r *Receipt) { r.Erasing = nil }},
		{"by another event", gone, func(r *Receipt) { r.Case.Gone = with(r.Case.Gone, "who.id", by-1) }},
		{"by an event that erased nothing", gone, func(r *Receipt) { r.Erasing[0] = r.Trail[0] }},
		{"who voted too", gone, func(r *Receipt) {
			r.Case.Votes[0].By, r.Case.Gone = Stone(w.ceo.Principal, by), with(r.Case.Gone, "votes.0.by", by)
			r.KeyOf[r.Case.Votes[0].Key] = tombstone(by)
		}},
		{"the customer too", gone, func(r *Receipt) {
			r.Case.Open, r.Case.Gone = except(r.Case.Open, "customers.0"), with(r.Case.Gone, "customers.0", by)
		}},
		{"what is there", gone, func(r *Receipt) { r.Case.Gone = with(r.Case.Gone, "votes.0.comment", by) }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := c.of
			r.Case.Votes, r.Erasing = slices.Clone(r.Case.Votes), slices.Clone(r.Erasing)
			c.spoil(&r)
			if steps, err := r.Verify(w.pins()); err == nil && failed(steps) == nil {
				t.Errorf("it holds: %+v", steps)
			}
		})
	}
}

func except(m map[string]Opening, name string) map[string]Opening {
	out := map[string]Opening{}
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func with(m map[string]int64, name string, by int64) map[string]int64 {
	out := map[string]int64{name: by}
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	return out
}
