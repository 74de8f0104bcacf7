package charter

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

func TestABallotIsOfOnePersonForOneMotionOnce(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ceo, admit(w.ada))
	ballot := func(h *human) Ballot {
		b, err := w.Prepare(t.Context(), w.as(h), id)
		must(t, err)
		return b
	}
	other := w.propose(w.ceo, admit(w.lone))
	for _, c := range []struct {
		rule string
		try  func() error
		why  string
	}{
		{"a ballot of another", func() error {
			b := ballot(w.ceo)
			_, err := w.Sign(t.Context(), w.as(w.cto), b.Nonce, w.cto.sign(b.Challenge()))
			return err
		}, ErrUnknown.Error()},
		{"signed by another's passkey", func() error {
			b := ballot(w.ceo)
			_, err := w.Sign(t.Context(), w.as(w.ceo), b.Nonce, w.cto.sign(b.Challenge()))
			return err
		}, "not yours"},
		{"a signature for another kind", func() error {
			b := ballot(w.ceo)
			_, err := w.Sign(t.Context(), w.as(w.ceo), b.Nonce, w.ceo.sign(statement.Challenge(statement.ForDismiss, b.Statement)))
			return err
		}, "challenge"},
		{"a signature for a request", func() error {
			b := ballot(w.ceo)
			_, err := w.Sign(t.Context(), w.as(w.ceo), b.Nonce, w.ceo.sign(statement.Challenge(statement.ForApproval, b.Statement)))
			return err
		}, "challenge"},
		{"a signature for another motion", func() error {
			b := ballot(w.ceo)
			o, err := w.Prepare(t.Context(), w.as(w.ceo), other)
			must(t, err)
			_, err = w.Sign(t.Context(), w.as(w.ceo), b.Nonce, w.ceo.sign(o.Challenge()))
			return err
		}, "challenge"},
		{"a ballot too old", func() error {
			b := ballot(w.ceo)
			w.gone += ballotLife
			_, err := w.Sign(t.Context(), w.as(w.ceo), b.Nonce, w.ceo.sign(b.Challenge()))
			return err
		}, "more than 5m0s ago"},
		{"no ballot", func() error {
			_, err := w.Sign(t.Context(), w.as(w.ceo), "../pins", statement.Assertion{})
			return err
		}, ErrUnknown.Error()},
		{"a ballot used up by a try that failed", func() error {
			b := ballot(w.ceo)
			_, err := w.Sign(t.Context(), w.as(w.ceo), b.Nonce, w.cto.sign(b.Challenge()))
			if err == nil {
				t.Error("another's passkey signs")
			}
			_, err = w.Sign(t.Context(), w.as(w.ceo), b.Nonce, w.ceo.sign(b.Challenge()))
			return err
		}, "used already"},
		{"a stranger", func() error { _, err := w.trySign(w.eng, id); return err }, ErrUnknown.Error()},
		{"an operator", func() error { _, err := w.trySign(w.op, id); return err }, ErrUnknown.Error()},
		{"a reviewer", func() error { _, err := w.trySign(w.ann, id); return err }, ErrUnknown.Error()},
		{"an executive whose passkey is not pinned", func() error { _, err := w.trySign(w.lone, id); return err }, ErrUnknown.Error()},
		{"an executive in name only", func() error {
			who := w.lone.Principal
			who.Admitted = true // as a session that lies would say
			_, err := w.Prepare(t.Context(), who, id)
			return err
		}, ErrUnknown.Error()},
		{"one's own admission", func() error { _, err := w.trySign(w.ada, id); return err }, "nobody votes on themselves"},
	} {
		t.Run(c.rule, func(t *testing.T) { wantRefusal(t, c.try(), c.why) })
	}
	b := ballot(w.ceo)
	a := w.ceo.sign(b.Challenge())
	_, err := w.Sign(t.Context(), w.as(w.ceo), b.Nonce, a)
	must(t, err)
	_, err = w.Sign(t.Context(), w.as(w.ceo), b.Nonce, a)
	wantRefusal(t, err, "used already")
	_, err = w.trySign(w.ceo, id)
	wantRefusal(t, err, "already answered")
	if got := w.pinned(); slices.Contains(got, w.ada.ID) {
		t.Errorf("pinned %v", got)
	}
}

// TestTwoBallotsOfOnePersonCountOnce: both were shown before either was signed.
func TestTwoBallotsOfOnePersonCountOnce(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ceo, admit(w.ada))
	one, err := w.Prepare(t.Context(), w.as(w.ceo), id)
	must(t, err)
	two, err := w.Prepare(t.Context(), w.as(w.ceo), id)
	must(t, err)
	_, err = w.Sign(t.Context(), w.as(w.ceo), one.Nonce, w.ceo.sign(one.Challenge()))
	must(t, err)
	_, err = w.Sign(t.Context(), w.as(w.ceo), two.Nonce, w.ceo.sign(two.Challenge()))
	wantRefusal(t, err, "already answered")
}

// change writes a row of a motion anew, with an event, as somebody would who holds the log's key.
func (w *world) change(id string, f func(r *row, m *policy.Motion)) {
	w.t.Helper()
	must(w.t, w.write(func(tx *ledger.Tx) error {
		r, err := load(tx.Get, id)
		if err != nil {
			return err
		}
		m, err := row{Body: r.Body}.motion()
		if err != nil {
			return err
		}
		f(&r, m)
		if r.Body, err = json.Marshal(m); err != nil {
			return err
		}
		return tx.Put(motionKey(id), r)
	}))
}

// TestWhoHoldsTheLedgerProvesNothing: rows written with the log's own key, without the signatures.
func TestWhoHoldsTheLedgerProvesNothing(t *testing.T) {
	for _, c := range []struct {
		rule string
		f    func(w *world, r *row, m *policy.Motion)
	}{
		{"a body changed after the votes", func(w *world, r *row, m *policy.Motion) { m.Text = "stays" }},
		{"another person", func(w *world, r *row, m *policy.Motion) { m.About, m.Key = w.lone.ID, w.lone.print() }},
		{"another kind", func(w *world, r *row, m *policy.Motion) { m.Kind = policy.ToDismiss }},
		{"another code", func(w *world, r *row, m *policy.Motion) { m.ID = "ZZZZ" }},
		{"a smaller quorum", func(w *world, r *row, m *policy.Motion) { m.Stage.Count = 1 }},
		{"a quorum of one's own", func(w *world, r *row, m *policy.Motion) { m.Stage.Kind = policy.BySelf }},
		{"another's matter", func(w *world, r *row, m *policy.Motion) { m.Customer = "nord" }},
		{"a vote taken away", func(w *world, r *row, m *policy.Motion) { r.Votes = r.Votes[:1] }},
		{"a vote counted twice", func(w *world, r *row, m *policy.Motion) { r.Votes[1] = r.Votes[0] }},
		{"a vote under another name", func(w *world, r *row, m *policy.Motion) { r.Votes[1] = r.Votes[0]; r.Votes[1].By = w.cto.Principal }},
		{"a vote of somebody who does not count", func(w *world, r *row, m *policy.Motion) { r.Votes[1].By = w.lone.Principal }},
		{"a vote without its assertion", func(w *world, r *row, m *policy.Motion) { r.Votes[1].Assertion = nil }},
		{"another's assertion", func(w *world, r *row, m *policy.Motion) { r.Votes[1].Assertion = r.Votes[0].Assertion }},
		{"a vote for somebody", func(w *world, r *row, m *policy.Motion) { r.Votes[1].Behalf = w.ada.ID }},
		{"a vote that stands", func(w *world, r *row, m *policy.Motion) { r.Votes[1].Standing = "7KQM" }},
		{"no longer passed", func(w *world, r *row, m *policy.Motion) { r.Phase = "" }},
		{"passed before anybody was admitted", func(w *world, r *row, m *policy.Motion) { r.Votes = nil }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			id := w.admits(w.ada, w.ceo, w.cto)
			w.change(id, func(r *row, m *policy.Motion) { c.f(w, r, m) })
			if m, err := w.proven(id); err == nil {
				t.Errorf("%+v is believed", m)
			}
			w.view(func(tx *ledger.Tx) error {
				if ok, _ := w.crowd.Pinned(tx, policy.Stage{Kind: policy.ByExecutive}, w.ada.print()); ok {
					t.Error("it pins")
				}
				return nil
			})
		})
	}
}

func TestAnEditedFileIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	id := w.admits(w.ada, w.ceo, w.cto)
	w.engine.was, w.engine.is = `"phase":"approved"`, `"phase":"approveD"`
	_, err := w.proven(id)
	if !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
}

// TestAMotionDoesNotRestOnItself: whoever holds the ledger makes two admissions that sign each other.
func TestAMotionDoesNotRestOnItself(t *testing.T) {
	w := newWorld(t)
	one, two := w.admits(w.ada, w.ceo, w.cto), w.admits(w.lone, w.ceo, w.cto)
	resign := func(id string, by ...*human) {
		w.change(id, func(r *row, m *policy.Motion) {
			r.Votes = nil
			for i, h := range by {
				text, err := signing{w.Log, m, r.digest(), h.Principal, strings.Repeat("0", 32)}.statement()
				must(t, err)
				a, err := json.Marshal(h.sign(statement.Challenge(domain(m.Kind), text)))
				must(t, err)
				r.Votes = append(r.Votes, policy.Vote{By: h.Principal, At: m.At, Verdict: policy.Yes, Statement: text, Assertion: a, Key: h.print(), Seq: r.Passed - int64(i)})
			}
			r.Passed += 1000 // after all that was pinned
		})
	}
	resign(one, w.lone, w.ceo)
	resign(two, w.ada, w.ceo)
	for _, id := range []string{one, two} {
		if _, err := w.proven(id); err == nil {
			t.Errorf("%s is believed, which rests on itself", id)
		}
	}
}

func TestADismissedExecutiveDecidesNothing(t *testing.T) {
	w := newWorld(t)
	first := w.admits(w.ada, w.ceo, w.cto)
	open := w.propose(w.ceo, admit(w.lone))
	w.sign(open, w.ceo) // before
	shown, err := w.Prepare(t.Context(), w.as(w.ceo), w.propose(w.ada, dismiss(w.cto)))
	must(t, err)
	past := w.as(w.ceo)
	w.dismisses(w.ceo, w.cto, w.ada)
	if got := w.pinned(); slices.Contains(got, w.ceo.ID) {
		t.Fatalf("pinned %v", got)
	}
	_, err = w.Sign(t.Context(), past, shown.Nonce, w.ceo.sign(shown.Challenge())) // later
	wantRefusal(t, err, ErrUnknown.Error())
	_, err = w.Oppose(t.Context(), past, open, "no")
	wantRefusal(t, err, "not among those")
	_, err = w.Propose(t.Context(), past, admit(w.lone))
	wantRefusal(t, err, "not yours to propose")
	if v := w.sign(open, w.cto); v.Holds || slices.Contains(w.pinned(), w.lone.ID) {
		t.Error("the earlier vote of a dismissed executive counts")
	}
	if v := w.sign(open, w.ada); !v.Holds || !slices.Contains(w.pinned(), w.lone.ID) {
		t.Errorf("two who count do not carry it: %+v", v.Status.Phase)
	}
	if m, err := w.proven(open); err != nil || len(m.Votes) != 2 {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := w.proven(first); err != nil {
		t.Errorf("what they carried while they counted falls with them: %v", err)
	}
	w.admits(w.ceo, w.cto, w.ada) // and they may come back
	if got := w.pinned(); !slices.Contains(got, w.ceo.ID) {
		t.Errorf("pinned %v", got)
	}
}

func TestANoIsFinal(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ceo, admit(w.ada))
	w.sign(id, w.ceo)
	_, err := w.Oppose(t.Context(), w.as(w.eng), id, "no")
	wantRefusal(t, err, ErrUnknown.Error())
	_, err = w.Oppose(t.Context(), w.as(w.ada), id, "no")
	wantRefusal(t, err, "nobody votes on themselves")
	_, err = w.Oppose(t.Context(), w.as(w.cto), id, "two\nlines")
	wantRefusal(t, err, "one line")
	v, err := w.Oppose(t.Context(), w.as(w.cto), id, "not yet")
	must(t, err)
	if v.Status.Phase != policy.Rejected || v.Holds {
		t.Errorf("got %s", v.Status.Phase)
	}
	_, err = w.trySign(w.cto, id)
	wantRefusal(t, err, "the motion is rejected")
	if _, err := w.proven(id); err == nil {
		t.Error("it is proven")
	}
}

func TestAMotionExpires(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ceo, admit(w.ada))
	w.sign(id, w.ceo)
	must(t, w.Sweep(t.Context()))
	b, err := w.Prepare(t.Context(), w.as(w.cto), id)
	must(t, err)
	w.gone = answerIn
	_, err = w.Sign(t.Context(), w.as(w.cto), b.Nonce, w.cto.sign(b.Challenge()))
	if err == nil {
		t.Error("it is signed after its time")
	}
	must(t, w.Sweep(t.Context()))
	v, err := w.See(t.Context(), w.as(w.ceo), id)
	must(t, err)
	if v.Status.Phase != policy.Expired || v.Holds {
		t.Errorf("got %s", v.Status.Phase)
	}
	if again := w.propose(w.ceo, admit(w.ada)); again == id {
		t.Error("an expired motion is open again")
	}
}

func TestWhoMayNotSeeAMotionLearnsNothing(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ann, admit(w.cid))
	for _, h := range []*human{w.syd, w.ceo, w.eng, w.op} {
		for _, code := range []string{id, "ZZZZ", "", "../x", "motion"} {
			if _, err := w.See(t.Context(), w.as(h), code); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s of %q: %v", h.ID, code, err)
			}
		}
		all, err := w.List(t.Context(), w.as(h))
		must(t, err)
		if len(all) != 0 {
			t.Errorf("%s sees %d motions", h.ID, len(all))
		}
	}
	all, err := w.List(t.Context(), w.as(w.bea), policy.ToAdmit)
	must(t, err)
	if len(all) != 1 || all[0].Motion.ID != id {
		t.Errorf("a reviewer sees %d", len(all))
	}
}
