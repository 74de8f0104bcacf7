package approvals

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

const why = "the migration is still running"

func (w *world) extend(t testing.TB, code string, long time.Duration) string {
	t.Helper()
	v, err := w.Extend(t.Context(), w.eng.Principal, code, long, why)
	if err != nil {
		t.Fatal(err)
	}
	return v.Request.ID
}

func (w *world) used(t testing.TB, terms policy.Terms) string {
	t.Helper()
	code := w.grantedFor(t, terms)
	if terms.Promise != "" {
		if _, err := w.Accept(t.Context(), w.eng.Principal, code); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.activate(code); err != nil {
		t.Fatal(err)
	}
	return code
}

func (w *world) yes(t testing.TB, code string, terms policy.Terms) {
	t.Helper()
	for _, h := range []*human{w.ceo, w.ann} {
		if err := w.vote(h, code, terms); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) extension(t testing.TB, code string) (q *policy.Request, g *policy.Grant) {
	t.Helper()
	err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) (err error) { q, g, err = w.Extension(tx, code); return err })
	if err != nil {
		t.Fatal(err)
	}
	return q, g
}

// TestAnExtensionIsARequestOfItsOwn: to the same people, for the same access.
func TestAnExtensionIsARequestOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t).files()
	code := w.used(t, policy.Terms{Actions: []policy.Action{policy.Shell, policy.SFTPGet}, Promise: "call Nord"})
	next := w.extend(t, code, 30*time.Minute)
	if again := w.extend(t, code, 30*time.Minute); again != next {
		t.Errorf("asked again it is %s, not %s", again, next)
	}
	_, err := w.Extend(t.Context(), w.eng.Principal, code, 40*time.Minute, why)
	wantRefusal(t, err, "`cancel "+next+"`")
	q, g := w.extension(t, code)
	if q == nil || q.ID != next || g != nil {
		t.Fatalf("got %+v, %+v", q, g)
	}
	was, err := w.See(t.Context(), w.eng.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	got := policy.Request{Who: q.Who, Target: q.Target, Login: q.Login, Actions: q.Actions, Customers: q.Customers, Need: q.Need, For: q.For, Stages: q.Stages, Extends: q.Extends}
	want := policy.Request{
		Who: was.Request.Who, Target: "db1.prod", Login: "support_nord", Actions: []policy.Action{policy.Shell, policy.SFTPGet}, Customers: []string{"nord"},
		Need: policy.Need{Reason: "outage", Text: "extension of " + code + ": " + why, Ticket: "INC-1"}, For: 30 * time.Minute, Stages: was.Request.Stages, Extends: code,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	w.later(10 * time.Minute)
	w.yes(t, next, policy.Terms{})
	old := w.grant(t, code)
	on, err := w.standing(t, next)
	if err != nil {
		t.Fatal(err)
	}
	if on.Extends != code || on.Spent != time.Hour || !on.Activated.Equal(old.NotAfter) || !on.NotAfter.Equal(old.NotAfter.Add(30*time.Minute)) || !on.Accepted.Equal(old.Accepted) {
		t.Errorf("got %+v after %+v", on, old)
	}
	if q, g := w.extension(t, code); q != nil || g == nil || g.ID != next {
		t.Errorf("got %+v, %+v", q, g)
	}
	_, err = w.Extend(t.Context(), w.eng.Principal, code, 0, why)
	wantRefusal(t, err, "`extend "+next+"`")
	w.later(55 * time.Minute)
	if err := w.activate(next); err != nil {
		t.Error(err)
	}
	r, err := w.Receipt(t.Context(), w.eng.Principal, next, nil)
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := r.Verify(w.pins()); err != nil || !slices.Equal(slices.Compact(failed(steps)), []int{StepScope}) { // the one session is not in it: the gateway adds it
		t.Errorf("got %+v, %v", steps, err)
	}
}

func TestWhoExtendsWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.granted(t)
	_, err := w.Extend(t.Context(), w.eng.Principal, code, 0, why)
	wantRefusal(t, err, "was not used yet")
	if err := w.activate(code); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*human{w.mate, w.bo} {
		if _, err := w.Extend(t.Context(), h.Principal, code, 0, why); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s extends: %v", h.ID, err)
		}
	}
	_, err = w.Extend(t.Context(), w.ceo.Principal, code, 0, why)
	wantRefusal(t, err, "not yours")
	for _, c := range []struct {
		rule string
		long time.Duration
		why  string
		want string
	}{
		{"no reason", 0, " ", "say why"},
		{"a secret", 0, "password=hunter22", "password"},
		{"under a minute", time.Second, why, "one minute"},
		{"more than the rule gives", 5 * time.Hour, why, "at most 4h"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := w.Extend(t.Context(), w.eng.Principal, code, c.long, c.why)
			wantRefusal(t, err, c.want)
		})
	}
	w.policy.Targets["db1.prod"].Address = "10.0.0.9:22"
	_, err = w.Extend(t.Context(), w.eng.Principal, code, 0, why)
	wantRefusal(t, err, "another machine")
	w.policy.Targets["db1.prod"].Address = ""
	w.policy.Groups["engineers"] = nil
	_, err = w.Extend(t.Context(), w.eng.Principal, code, 0, why)
	wantRefusal(t, err, "no target")
	w.policy.Groups["engineers"] = []string{w.eng.ID}
	w.later(time.Hour)
	_, err = w.Extend(t.Context(), w.eng.Principal, code, 0, why)
	wantRefusal(t, err, "time of the grant is up")
}

func TestAllTogetherLastsNoLongerThanEightHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := app()
	a.For = 4 * time.Hour
	v, err := w.Submit(t.Context(), w.eng.Principal, a)
	if err != nil {
		t.Fatal(err)
	}
	code := v.Request.ID
	w.yes(t, code, policy.Terms{})
	if err := w.activate(code); err != nil {
		t.Fatal(err)
	}
	next := w.extend(t, code, 3*time.Hour+30*time.Minute)
	w.yes(t, next, policy.Terms{})
	_, err = w.Extend(t.Context(), w.eng.Principal, next, time.Hour, why)
	wantRefusal(t, err, "at most 30m0s more")
	last := w.extend(t, next, 0)
	if q, _ := w.extension(t, next); q.For != 30*time.Minute {
		t.Errorf("the default is %s", q.For)
	}
	w.yes(t, last, policy.Terms{})
	_, err = w.Extend(t.Context(), w.eng.Principal, last, time.Minute, why)
	wantRefusal(t, err, "ask anew")
	if g, err := w.standing(t, last); err != nil || g.Spent+g.For != policy.HardMax {
		t.Errorf("got %+v, %v", g, err)
	}
}

// TestWhenAnExtensionIsApproved says what it becomes.
func TestWhenAnExtensionIsApproved(t *testing.T) {
	for _, c := range []struct {
		rule  string
		terms policy.Terms
		after time.Duration // from the first use
		goes  bool          // on, rather than being an ordinary grant
		start time.Duration
	}{
		{"before the end", policy.Terms{}, 30 * time.Minute, true, time.Hour},
		{"at the end", policy.Terms{}, time.Hour, true, time.Hour},
		{"within the grace", policy.Terms{}, time.Hour + 30*time.Second, true, time.Hour + 30*time.Second},
		{"after the grace", policy.Terms{}, time.Hour + policy.Grace, false, 0},
		{"for a time that begins later", policy.Terms{NotBefore: time.Now().Add(2 * time.Hour)}, 30 * time.Minute, false, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			code := w.used(t, policy.Terms{})
			next := w.extend(t, code, 30*time.Minute)
			if err := w.vote(w.ceo, next, c.terms); err != nil {
				t.Fatal(err)
			}
			w.later(c.after)
			if err := w.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.vote(w.ann, next, policy.Terms{}); err != nil {
				t.Fatal(err)
			}
			old := w.grant(t, code)
			g, err := w.standing(t, next)
			if err != nil {
				t.Fatal(err)
			}
			if goes := g.Extends == code; goes != c.goes || goes == g.Activated.IsZero() {
				t.Fatalf("got %+v", g)
			}
			if start := g.Activated.Sub(old.Activated); c.goes && (start < c.start || start > c.start+5*time.Second || g.NotAfter.Sub(g.Activated) != 30*time.Minute) {
				t.Errorf("it starts after %s: %+v", start, g)
			}
		})
	}
}

// TestARevokedGrantGoesNowhere: what goes on from it ends with it, and what asks for more is void.
func TestARevokedGrantGoesNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.used(t, policy.Terms{})
	next := w.extend(t, code, 30*time.Minute)
	if err := w.vote(w.ceo, next, policy.Terms{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Revoke(t.Context(), w.ann.Principal, code, "enough"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, w.vote(w.ann, next, policy.Terms{}), "withdrawn")
	for _, end := range []int{0, 1, 2} {
		w.later(time.Minute)
		code = w.used(t, policy.Terms{})
		next = w.extend(t, code, 30*time.Minute)
		w.yes(t, next, policy.Terms{})
		last := w.extend(t, next, 10*time.Minute)
		w.yes(t, last, policy.Terms{})
		all := []string{code, next, last}
		if err := w.GiveBack(t.Context(), w.eng.Principal, all[end]); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if w.grant(t, c).Revoked.IsZero() {
				t.Errorf("%s given back, and %s goes on", all[end], c)
			}
		}
	}
}

func TestWhoEndsWhatWentOnIsToldWhichGrantItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.used(t, policy.Terms{})
	next := w.extend(t, code, 30*time.Minute)
	w.yes(t, next, policy.Terms{})
	w.later(65 * time.Minute)
	wantRefusal(t, w.GiveBack(t.Context(), w.eng.Principal, code), "`give-back "+next+"`")
	wantRefusal(t, w.Revoke(t.Context(), w.ann.Principal, code, "stop"), next)
	if err := w.Revoke(t.Context(), w.ann.Principal, next, "stop"); err != nil {
		t.Error(err)
	}
	wantRefusal(t, w.GiveBack(t.Context(), w.eng.Principal, code), "nothing to end")
}

// TestWhatExtendsARevokedGrantIsVoid, also where nobody took it back when the grant was revoked.
func TestWhatExtendsARevokedGrantIsVoid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.used(t, policy.Terms{})
	next := w.extend(t, code, 30*time.Minute)
	if err := w.vote(w.ceo, next, policy.Terms{}); err != nil {
		t.Fatal(err)
	}
	w.rewrite(t, func(tx *ledger.Tx) error {
		return changeGrant(t, tx, code, func(g *policy.Grant) { g.Revoked, g.RevokedBy = tx.Now(), w.ann.ID })
	})
	if err := w.vote(w.ann, next, policy.Terms{}); err != nil {
		t.Fatal(err)
	}
	v, err := w.See(t.Context(), w.eng.Principal, next)
	if err != nil || v.Grant != nil || v.Status.Phase != policy.Withdrawn || len(w.events(t, next, "request.void")) != 1 {
		t.Errorf("got %+v, %v", v, err)
	}
}

// TestAnExtensionRestsOnTheGrantItSays: rewritten rows open nothing.
func TestAnExtensionRestsOnTheGrantItSays(t *testing.T) {
	for _, c := range []struct {
		rule   string
		attack func(w *world, old, g *policy.Grant)
	}{
		{"the old one revoked", func(_ *world, old, _ *policy.Grant) { old.Revoked, old.RevokedBy = old.Made, "ann@nord.x" }},
		{"the old one somebody else's", func(w *world, old, _ *policy.Grant) { old.Who = w.mate.Principal }},
		{"the old one of another login", func(_ *world, old, _ *policy.Grant) { old.Login = "deploy" }},
		{"the old one of another machine", func(_ *world, old, _ *policy.Grant) { old.Machine = "x" }},
		{"the old one of fewer actions", func(_ *world, old, _ *policy.Grant) { old.Actions = old.Actions[:1] }},
		{"the old one longer", func(_ *world, old, _ *policy.Grant) { old.NotAfter = old.NotAfter.Add(time.Hour) }},
		{"the old one never used", func(_ *world, old, _ *policy.Grant) { old.Activated, old.NotAfter = time.Time{}, time.Time{} }},
		{"started later", func(_ *world, _, g *policy.Grant) {
			g.Activated, g.NotAfter = g.Activated.Add(time.Minute), g.NotAfter.Add(time.Minute)
		}},
		{"longer", func(_ *world, _, g *policy.Grant) { g.NotAfter = g.NotAfter.Add(time.Second) }},
		{"less spent", func(_ *world, _, g *policy.Grant) { g.Spent = 0 }},
		{"of nothing", func(_ *world, _, g *policy.Grant) { g.Extends = "" }},
		{"of another", func(_ *world, _, g *policy.Grant) { g.Extends = "ZZZZ" }},
		{"of itself", func(_ *world, _, g *policy.Grant) { g.Extends = g.ID }},
		{"the old promise forgotten", func(_ *world, _, g *policy.Grant) { g.Promises = nil }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			code := w.used(t, policy.Terms{Promise: "call Nord"})
			next := w.extend(t, code, 30*time.Minute)
			w.yes(t, next, policy.Terms{})
			if _, err := w.standing(t, next); err != nil {
				t.Fatal(err)
			}
			w.rewrite(t, func(tx *ledger.Tx) error {
				old, err := loadGrant(tx.Get, code)
				if err != nil {
					return err
				}
				g, err := loadGrant(tx.Get, next)
				if err != nil {
					return err
				}
				c.attack(w, old, g)
				if err := tx.Put(grantKey(code), *old); err != nil {
					return err
				}
				return tx.Put(grantKey(next), *g)
			})
			if g, err := w.standing(t, next); err == nil {
				t.Errorf("the grant stands: %+v", g)
			}
		})
	}
}

// TestAnExtensionOfSomebodyElsesGrantIsNone: whoever writes such a request gets no grant by the votes on it.
func TestAnExtensionOfSomebodyElsesGrantIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.used(t, policy.Terms{})
	w.policy.Groups["engineers"] = []string{w.eng.ID, w.mate.ID}
	v, err := w.Submit(t.Context(), w.mate.Principal, app())
	if err != nil {
		t.Fatal(err)
	}
	w.rewrite(t, func(tx *ledger.Tx) error {
		return changeRow(t, tx, v.Request.ID, func(r *row) {
			q, err := r.request()
			if err != nil {
				t.Fatal(err)
			}
			q.Extends = code
			if r.Body, r.Open, err = sealBody(q); err != nil {
				t.Fatal(err)
			}
		})
	})
	if err := w.vote(w.ceo, v.Request.ID, policy.Terms{}); err != nil {
		t.Fatal(err)
	}
	if err := w.vote(w.ann, v.Request.ID, policy.Terms{}); err == nil || !strings.Contains(err.Error(), "no grant of the same") {
		t.Errorf("got %v", err)
	}
	if got, err := w.See(t.Context(), w.mate.Principal, v.Request.ID); err != nil || got.Grant != nil {
		t.Errorf("got %+v, %v", got.Grant, err)
	}
}
