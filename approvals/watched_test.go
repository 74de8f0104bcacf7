package approvals

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// TestWhoeverAsksToWatchIsEnough: the others' yes takes nothing of it back.
func TestWhoeverAsksToWatchIsEnough(t *testing.T) {
	t.Parallel()
	for i, c := range []struct{ board, customer policy.Terms }{
		{policy.Terms{Watched: true}, policy.Terms{}},
		{policy.Terms{}, policy.Terms{Watched: true}},
		{policy.Terms{Watched: true}, policy.Terms{Watched: true}},
		{},
	} {
		w := newWorld(t)
		code := w.submit(t)
		for _, v := range []struct {
			h *human
			t policy.Terms
		}{{w.ceo, c.board}, {w.ann, c.customer}} {
			if err := w.vote(v.h, code, v.t); err != nil {
				t.Fatal(err)
			}
		}
		g, err := w.standing(t, code)
		if err != nil {
			t.Fatal(err)
		}
		want := c.board.Watched || c.customer.Watched
		if v, err := w.See(t.Context(), w.eng.Principal, code); g.Watched != want || err != nil || v.Status.Watched != want || v.Grant.Watched != want {
			t.Errorf("%d: got %v, and who asked sees %v, %v", i, g.Watched, v.Status.Watched, err)
		}
	}
}

// TestNobodyWatchesWhereNobodyMay: a condition that nobody can keep is refused.
func TestNobodyWatchesWhereNobodyMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.policy.Targets["db1.prod"].Class = "test" // no executive is asked
	w.policy.Rules[0].Stages = []policy.Stage{{Kind: policy.ByCustomer, Count: 1, Expires: time.Hour}}
	a := app()
	a.Login = "deploy"
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Prepare(t.Context(), w.ann.Principal, v.Request.ID, policy.Terms{Watched: true})
	wantRefusal(t, err, "none of those who decide may watch")
	if code := w.submit(t); w.vote(w.ann, code, policy.Terms{Watched: true}) != nil {
		t.Error("a session of one customer cannot be watched by its reviewers")
	}
}

// TestMoreTimeIsWatchedToo, whoever gives it.
func TestMoreTimeIsWatchedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.used(t, policy.Terms{Watched: true})
	next := w.extend(t, code, 30*time.Minute)
	w.yes(t, next, policy.Terms{})
	g, err := w.standing(t, next)
	if err != nil || !g.Watched {
		t.Fatalf("got %+v, %v", g, err)
	}
	w.rewrite(t, func(tx *ledger.Tx) error {
		g.Watched = false
		return tx.Put(grantKey(next), *g)
	})
	if g, err := w.standing(t, next); err == nil {
		t.Errorf("more time that nobody watches stands: %+v", g)
	}
}

// TestAReceiptSaysThatSomebodyHadToWatch, and one that leaves it out fails offline.
func TestAReceiptSaysThatSomebodyHadToWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.grantedFor(t, policy.Terms{Watched: true})
	r, err := w.Receipt(t.Context(), w.ceo.Principal, code, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, steps, err := r.Summary(w.pins())
	if err != nil || len(failed(steps)) > 0 || !sum.Watched || !strings.Contains(sum.Text(), "none of those who decide watches") {
		t.Fatalf("got %v, %v, watched %v", failed(steps), err, sum.Watched)
	}
	for rule, forge := range map[string]func(*Receipt){
		"the grant alone":    func(r *Receipt) { r.Grant.Watched = false },
		"the vote alone":     func(r *Receipt) { r.Case.Votes[0].Watched = false },
		"the grant and vote": func(r *Receipt) { r.Grant.Watched, r.Case.Votes[0].Watched = false, false },
		"the other vote too": func(r *Receipt) { r.Case.Votes[1].Watched = true },
	} {
		f := again(t, r)
		forge(&f)
		if steps, err := f.Verify(w.pins()); err == nil && !slices.Contains(failed(steps), StepScope) {
			t.Errorf("%s: it holds: %v", rule, steps)
		}
	}
	plain, err := w.Receipt(t.Context(), w.ceo.Principal, func() string { w.later(2 * time.Hour); return w.granted(t) }(), nil)
	if err != nil {
		t.Fatal(err)
	}
	plain.Grant.Watched = true
	if steps, err := plain.Verify(w.pins()); err == nil && !slices.Contains(failed(steps), StepScope) {
		t.Error("a receipt may claim that somebody had to watch")
	}
}

func again(t *testing.T, r Receipt) (out Receipt) {
	t.Helper()
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
