package approvals

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// chartered gives the desk a real charter over the same people.
func (w *world) chartered() *world {
	w.Charter = &charter.Charter{Ledger: w.Ledger, People: w.crowd, Policy: w.Policy, Log: w.Log, Party: w.Party}
	return w
}

// passed makes a motion and has these people sign it.
func (w *world) passed(t testing.TB, m policy.Motion, by ...*human) string {
	t.Helper()
	v, err := w.Charter.Propose(t.Context(), w.as(by[0]), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range by {
		b, err := w.Charter.Prepare(t.Context(), w.as(h), v.Motion.ID)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = w.Charter.Sign(t.Context(), w.as(h), b.Nonce, h.sign(b.Challenge())); err != nil {
			t.Fatal(err)
		}
	}
	if v.Status.Phase != policy.Approved {
		t.Fatalf("motion %s is %s", v.Motion.ID, v.Status.Phase)
	}
	return v.Motion.ID
}

func (w *world) as(h *human) policy.Principal {
	p := h.Principal
	p.Admitted = h.pinned
	return p
}

// deputy has one person make another their deputy for a day.
func (w *world) deputy(t testing.TB, from, to *human, change ...func(*policy.Motion)) string {
	t.Helper()
	m := policy.Motion{Kind: policy.ToDelegate, About: to.ID, Key: to.public().Fingerprint(), Until: w.now(t).Add(24 * time.Hour)}
	for _, f := range change {
		f(&m)
	}
	return w.passed(t, m, from)
}

func (w *world) now(t testing.TB) (now time.Time) {
	t.Helper()
	if err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) error { now = tx.Now(); return nil }); err != nil {
		t.Fatal(err)
	}
	return now
}

func TestADeputyVotesForWhoMadeThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	code := w.submit(t)
	if err := w.approve(t, w.mate, code, 0); !errors.Is(err, ErrUnknown) {
		t.Fatalf("before the delegation: %v", err)
	}
	id := w.deputy(t, w.ceo, w.mate)
	if open, err := w.Inbox(t.Context(), w.mate.Principal); err != nil || len(open) != 1 || len(open[0].Request.Stages) != 2 {
		t.Errorf("the deputy's inbox has %+v, %v", open, err)
	}
	b, err := w.Prepare(t.Context(), w.mate.Principal, code, policy.Terms{For: 30 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b.Statement), "\nbehalf: ceo@x.eu, by delegation "+id+"\n") {
		t.Errorf("what is signed does not say for whom:\n%s", b.Statement)
	}
	v, err := w.Approve(t.Context(), w.mate.Principal, b.Nonce, w.mate.sign(b.Challenge()))
	if err != nil {
		t.Fatal(err)
	}
	if vote := v.Request.Votes[0]; vote.Behalf != w.ceo.ID || vote.Delegation != id {
		t.Errorf("got %+v", vote)
	}
	wantRefusal(t, w.approve(t, w.ceo, code, 0), "") // both are one person
	wantRefusal(t, w.approve(t, w.mate, code, 0), "")
	if err := w.approve(t, w.ann, code, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.standing(t, code); err != nil {
		t.Fatal(err)
	}
	w.later(25 * time.Hour) // the holiday is over: what was decided in it stays
	if _, err := w.standing(t, code); err != nil {
		t.Errorf("after the delegation: %v", err)
	}
	w.ceo.pinned = false
	if _, err := w.standing(t, code); err == nil {
		t.Error("the deputy of somebody who was dismissed counts")
	}
}

func TestWhoIsNoDeputy(t *testing.T) {
	for _, c := range []struct {
		rule    string
		prepare func(t *testing.T, w *world) *human // who tries
		why     string                              // "" for unknown
	}{
		{"the requester", func(t *testing.T, w *world) *human { w.deputy(t, w.ceo, w.eng); return w.eng }, "own request"},
		{"somebody else than was made it", func(t *testing.T, w *world) *human { w.deputy(t, w.ceo, w.lone); return w.mate }, ""},
		{"a deputy for nord, of syd's reviewer", func(t *testing.T, w *world) *human {
			w.crowd.all = append(w.crowd.all, newHuman(t, policy.Principal{ID: "di@syd.x", Name: "Di", Kind: policy.Reviewer, Customer: "syd"}, false))
			di := w.crowd.all[len(w.crowd.all)-1]
			w.deputy(t, w.bo, di)
			return di
		}, ""},
		{"for another target", func(t *testing.T, w *world) *human {
			w.deputy(t, w.ceo, w.mate, func(m *policy.Motion) { m.Scope.Targets = []string{"db2.prod"} })
			return w.mate
		}, ""},
		{"for fewer actions", func(t *testing.T, w *world) *human {
			w.deputy(t, w.ceo, w.mate, func(m *policy.Motion) { m.Scope.Actions = []policy.Action{policy.Shell} })
			return w.mate
		}, ""},
		{"not yet", func(t *testing.T, w *world) *human {
			w.deputy(t, w.ceo, w.mate, func(m *policy.Motion) { m.From = m.Until.Add(-time.Hour) })
			return w.mate
		}, ""},
		{"not any more", func(t *testing.T, w *world) *human {
			w.deputy(t, w.ceo, w.mate, func(m *policy.Motion) { m.Until = m.Until.Add(-23 * time.Hour) })
			w.later(61 * time.Minute)
			return w.mate
		}, ""},
		{"ended", func(t *testing.T, w *world) *human {
			id := w.deputy(t, w.ceo, w.mate)
			if _, err := w.Charter.End(t.Context(), w.as(w.ceo), id, "back"); err != nil {
				t.Fatal(err)
			}
			return w.mate
		}, ""},
		{"of somebody who left", func(t *testing.T, w *world) *human { w.deputy(t, w.ceo, w.mate); w.ceo.left = true; return w.mate }, ""},
		{"of somebody dismissed", func(t *testing.T, w *world) *human { w.deputy(t, w.ceo, w.mate); w.ceo.pinned = false; return w.mate }, ""},
		{"of the person who confirmed the requester's key", func(t *testing.T, w *world) *human {
			w.eng.Vouched = w.cto.ID
			w.deputy(t, w.cto, w.mate)
			return w.mate
		}, ""},
		{"of a deputy", func(t *testing.T, w *world) *human {
			w.deputy(t, w.ceo, w.cto)
			w.deputy(t, w.cto, w.mate)
			w.cto.pinned = false // what is left of the cto is the deputy
			return w.mate
		}, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).chartered()
			h := c.prepare(t, w)
			err := w.approve(t, h, w.submit(t), 0)
			if c.why == "" {
				if !errors.Is(err, ErrUnknown) {
					t.Errorf("got %v, want what an unknown code gets", err)
				}
				return
			}
			wantRefusal(t, err, c.why)
		})
	}
}

// TestADeputyCountsOnce: neither through both roles, nor beside who made them.
func TestADeputyCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.policy.Rules[0].Stages = []policy.Stage{{Kind: policy.ByExecutive, Count: 2, Expires: time.Hour}, {Kind: policy.ByCustomer, Count: 1, Expires: time.Hour, Step: 1}}
	code := w.submit(t)
	w.deputy(t, w.ceo, w.cto)
	if err := w.approve(t, w.cto, code, 0); err != nil {
		t.Fatal(err)
	}
	if err := w.approve(t, w.cto, code, 0); err == nil {
		t.Error("the cto votes again, as the deputy of the ceo")
	}
	if v, err := w.See(t.Context(), w.eng.Principal, code); err != nil || len(v.Request.Votes) != 1 || v.Request.Votes[0].Behalf != "" {
		t.Errorf("got %+v, %v", v.Request.Votes, err)
	}
	if err := w.approve(t, w.ceo, code, 0); err != nil {
		t.Errorf("the ceo themself: %v", err)
	}
}

func TestADeputySignsWithThePasskeyThatWasNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.deputy(t, w.ceo, w.mate)
	code := w.submit(t)
	b, err := w.Prepare(t.Context(), w.mate.Principal, code, policy.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	other := newHuman(t, w.mate.Principal, false) // a second passkey of the same person
	w.mate.key = other.key
	if _, err := w.Approve(t.Context(), w.mate.Principal, b.Nonce, other.sign(b.Challenge())); err == nil {
		t.Error("another passkey of the deputy counts")
	}
}

// TestADeputysVoteIsProvenAgain: rewritten rows make nobody a deputy.
func TestADeputysVoteIsProvenAgain(t *testing.T) {
	for _, c := range []struct {
		rule   string
		attack func(w *world, r *row, other string)
	}{
		{"of somebody else", func(w *world, r *row, _ string) { r.Votes[0].Behalf = w.cto.ID }},
		{"by another delegation", func(_ *world, r *row, other string) { r.Votes[0].Delegation = other }},
		{"by none", func(_ *world, r *row, _ string) { r.Votes[0].Delegation = "" }},
		{"in nobody's name", func(_ *world, r *row, _ string) { r.Votes[0].Behalf, r.Votes[0].Delegation = "", "" }},
		{"before the delegation", func(_ *world, r *row, _ string) { r.Votes[0].At = r.Votes[0].At.Add(-time.Hour) }},
		{"after the delegation", func(_ *world, r *row, _ string) { r.Votes[0].At = r.Votes[0].At.Add(30 * time.Hour) }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).chartered()
			w.policy.Rules[0].Stages = []policy.Stage{{Kind: policy.ByExecutive, Count: 1, Expires: 90 * time.Hour}, {Kind: policy.ByCustomer, Count: 1, Expires: 90 * time.Hour}}
			w.deputy(t, w.ceo, w.mate)
			other := w.deputy(t, w.cto, w.lone)
			code := w.submit(t)
			for _, h := range []*human{w.mate, w.ann} {
				if err := w.approve(t, h, code, 0); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.standing(t, code); err != nil {
				t.Fatal(err)
			}
			w.rewrite(t, func(tx *ledger.Tx) error { return changeRow(t, tx, code, func(r *row) { c.attack(w, r, other) }) })
			if g, err := w.standing(t, code); err == nil {
				t.Errorf("the grant stands: %+v", g)
			}
		})
	}
}

func TestADeputysNoIsThatOfWhoMadeThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.cto.pinned = false // the ceo is the only executive
	w.deputy(t, w.ceo, w.mate)
	code := w.submit(t)
	v, err := w.Reject(t.Context(), w.mate.Principal, code, "not today")
	if err != nil || v.Status.Phase != policy.Rejected || v.Request.Votes[0].Behalf != w.ceo.ID {
		t.Errorf("got %+v, %v", v.Status, err)
	}
}

// TestAPeerIsAskedBesideTheBoard: a member of the group who is not the one who asks.
func TestAPeerIsAskedBesideTheBoard(t *testing.T) {
	t.Parallel()
	w := newWorld(t).chartered()
	w.policy.Rules[0].Stages = []policy.Stage{
		{Kind: policy.ByPeer, Group: "engineers", Count: 1, Expires: time.Hour}, {Kind: policy.ByExecutive, Count: 1, Expires: time.Hour}, {Kind: policy.ByCustomer, Count: 1, Expires: time.Hour},
	}
	code := w.submit(t)
	if err := w.approve(t, w.eng, code, 0); err == nil {
		t.Error("the one who asks is their own peer")
	}
	for _, h := range []*human{w.ceo, w.ann, w.mate} {
		if err := w.approve(t, h, code, 0); err != nil {
			t.Fatal(h.ID, err)
		}
	}
	if _, err := w.standing(t, code); err != nil {
		t.Fatal(err)
	}
	r, err := w.Receipt(t.Context(), w.eng.Principal, code, nil)
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := r.Verify(w.pins()); err != nil || failed(steps) != nil {
		t.Errorf("got %+v, %v", steps, err)
	}
	w.mate.left = true
	if _, err := w.standing(t, code); err == nil {
		t.Error("the vote of a peer who left counts")
	}
}
