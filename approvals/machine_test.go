package approvals

import (
	"errors"
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A failer is a test, of testing or of rapid.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A machine does at random what people do, right and wrong.
type machine struct {
	*world
	t     *testing.T
	fold  fold
	codes []string
	did   map[string]int // commands that were taken
	until time.Time      // when the deputy's time is up
}

func (m *machine) who(t *rapid.T, all ...*human) *human {
	return all[rapid.IntRange(0, len(all)-1).Draw(t, "who")]
}

func (m *machine) anybody(t *rapid.T) *human {
	return m.who(t, m.ceo, m.ann, m.cto, m.bo, m.eng, m.mate, m.lone, m.aud)
}

// code is mostly one of the newest requests, for they are the open ones.
func (m *machine) code(t *rapid.T) string {
	if len(m.codes) == 0 {
		return "ZZZZ"
	}
	return m.codes[max(0, len(m.codes)-1-rapid.IntRange(0, 3).Draw(t, "which"))]
}

// took keeps count, and fails on what is neither taken nor a refusal.
func (m *machine) took(t *rapid.T, what string, err error) {
	var no *Refusal
	switch {
	case err == nil:
		m.did[what]++
	case !errors.As(err, &no) && !errors.Is(err, ErrUnknown):
		t.Fatalf("%s: %v", what, err)
	}
}

func (m *machine) terms(t *rapid.T) policy.Terms {
	var terms policy.Terms
	switch rapid.IntRange(0, 7).Draw(t, "terms") {
	case 0:
		terms.For = time.Duration(rapid.IntRange(0, 70).Draw(t, "minutes")) * time.Minute
	case 1:
		terms.NotBefore = m.now(m.t).Add(time.Duration(rapid.IntRange(-1, 30).Draw(t, "hours")) * time.Hour)
	case 2:
		terms.Actions = rapid.SliceOfN(rapid.SampledFrom(policy.OnTarget()), 0, 3).Draw(t, "actions")
	case 3:
		terms.ReadOnly, terms.NoFiles = rapid.Bool().Draw(t, "read-only"), rapid.Bool().Draw(t, "no-files")
	case 6:
		terms.Watched = true
	case 4, 5:
		terms.Promise = rapid.SampledFrom([]string{"call first", "tell when done", " "}).Draw(t, "promise")
	}
	return terms
}

func second(_ View, err error) error { return err }

func (m *machine) submit(t *rapid.T) {
	a := app()
	a.Login = rapid.SampledFrom([]string{"support_nord", "support_nord", "support_syd", "deploy"}).Draw(t, "login")
	a.For = rapid.SampledFrom([]time.Duration{0, 20 * time.Minute, 4 * time.Hour, 5 * time.Hour}).Draw(t, "for")
	v, err := m.Submit(m.t.Context(), m.who(t, m.eng, m.mate, m.ceo).Principal, a)
	m.took(t, "submit", err)
	m.knows(v, err)
}

func (m *machine) knows(v View, err error) {
	if err == nil && !slices.Contains(m.codes, v.Request.ID) {
		m.codes = append(m.codes, v.Request.ID)
	}
}

// commands are what people do.
func (m *machine) commands() map[string]func(*rapid.T) {
	ctx := m.t.Context()
	vote := func(t *rapid.T) { m.took(t, "vote", m.vote(m.anybody(t), m.code(t), m.terms(t))) }
	agree := func(t *rapid.T) { // so that grants come about
		code, terms := m.code(t), m.terms(t)
		for _, h := range []*human{m.who(t, m.ceo, m.cto, m.mate), m.ann, m.bo} {
			m.took(t, "agree", m.vote(h, code, terms))
		}
	}
	activate := func(t *rapid.T) {
		if m.activate(m.code(t)) == nil {
			m.did["activate"]++
		}
	}
	return map[string]func(*rapid.T){
		"submit": m.submit, "submit more": m.submit, "vote": vote, "vote more": vote, "agree": agree, "agree more": agree, "activate": activate, "activate more": activate,
		"reject": func(t *rapid.T) {
			_, err := m.Reject(ctx, m.anybody(t).Principal, m.code(t), "no")
			m.took(t, "reject", err)
		},
		"withdraw": func(t *rapid.T) { m.took(t, "withdraw", m.Withdraw(ctx, m.anybody(t).Principal, m.code(t))) },
		"say":      func(t *rapid.T) { m.took(t, "say", m.say(m.anybody(t), m.code(t), "", "a remark")) },
		"accept": func(t *rapid.T) {
			_, err := m.Accept(ctx, m.who(t, m.eng, m.eng, m.mate, m.ceo).Principal, m.code(t))
			m.took(t, "accept", err)
		},
		"extend": func(t *rapid.T) {
			long := time.Duration(rapid.IntRange(0, 300).Draw(t, "minutes")) * time.Minute
			v, err := m.Extend(ctx, m.who(t, m.eng, m.eng, m.mate).Principal, m.code(t), long, why)
			m.took(t, "extend", err)
			m.knows(v, err)
		},
		"revoke":    func(t *rapid.T) { m.took(t, "revoke", m.Revoke(ctx, m.anybody(t).Principal, m.code(t), "enough")) },
		"give back": func(t *rapid.T) { m.took(t, "give back", m.GiveBack(ctx, m.anybody(t).Principal, m.code(t))) },
		"time": func(t *rapid.T) {
			m.later(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Minute, 10 * time.Minute, 40 * time.Minute, 2 * time.Hour, 13 * time.Hour}).Draw(t, "passes"))
		},
		"use": func(t *rapid.T) { // a grant of the board and nord, used and perhaps extended
			code := m.code(t)
			m.took(t, "accept", second(m.Accept(ctx, m.eng.Principal, code)))
			if m.activate(code) != nil {
				return
			}
			v, err := m.Extend(ctx, m.eng.Principal, code, 0, why)
			m.took(t, "extend", err)
			m.knows(v, err)
		},
		"delegate": func(t *rapid.T) {
			if m.did["delegate"]++; m.now(m.t).Before(m.until) {
				return
			}
			m.until = m.now(m.t).Add(24 * time.Hour)
			m.deputy(m.t, m.ceo, m.mate)
			m.instruct(m.t, 1)
		},
		"clock back": func(t *rapid.T) { m.backwards(t) },
	}
}

// backwards sets the clock back and lets people go on: what they do then is not
// written down before what was, and no grant lasts longer, which check sees.
func (m *machine) backwards(t *rapid.T) {
	before := m.seen(m.code(t))
	m.clock.Add(-3600)
	defer m.clock.Add(3600)
	last := m.fold.at
	err := m.Ledger.Update(m.t.Context(), func(tx *ledger.Tx) error {
		if tx.Now().Before(last) {
			t.Fatalf("a transaction at %s, after an event at %s", tx.Now(), last)
		}
		return errors.New("not written")
	})
	if err == nil {
		t.Fatal("it was written")
	}
	if m.activate(m.code(t)) == nil {
		m.did["activate early"]++
	}
	if q := before.Request; q != nil {
		if s := q.Tally(before.Now.Add(-time.Hour)); s.Phase == policy.Approved && (before.Status.Phase != policy.Approved || s.For > before.Status.For) {
			t.Fatal("an hour earlier the votes give more")
		}
	}
}

func (m *machine) seen(code string) (v View) {
	if !ValidCode(code) {
		return View{}
	}
	err := m.Ledger.View(m.t.Context(), func(tx *ledger.Tx) (err error) { v, err = view(tx, tx.Get, code); return err })
	if err != nil && !errors.Is(err, ErrUnknown) {
		m.t.Fatal(err)
	}
	return v
}

// check holds after every command: each grant is backed by votes that were
// signed for it, together they last no longer than they may, and the events
// alone tell the same as the rows.
func (m *machine) check(t failer) {
	for _, code := range m.codes {
		v := m.seen(code)
		if v.Grant == nil {
			continue
		}
		if why := m.backed(v); why != "" {
			t.Fatalf("grant %s: %s", code, why)
		}
		m.notes(v)
		if _, err := m.standing(m.t, code); err != nil {
			t.Fatal(err)
		}
		if old := m.seen(v.Grant.Extends).Grant; old != nil {
			if v.Grant.Activated.Before(old.NotAfter) || old.Revoked.IsZero() != v.Grant.Revoked.IsZero() && old.Over(old.Revoked) == "" {
				t.Fatalf("%+v goes on from %+v", v.Grant, old)
			}
		}
	}
	if err := m.Sweep(m.t.Context()); err != nil { // time alone ends things, and Sweep writes it down
		t.Fatal(err)
	}
	m.fold.read(m.t, m.Ledger)
	for _, code := range m.codes {
		if d := cmp.Diff(m.fold.tales[code], state(m.seen(code))); d != "" {
			t.Fatalf("what the events tell of %s is not what is: %s", code, d)
		}
	}
}

// notes counts what grants rest on.
func (m *machine) notes(v View) {
	for _, b := range v.Request.Votes {
		if b.Delegation != "" {
			m.did["by a deputy"]++
		}
		if b.Standing != "" {
			m.did["by an instruction"]++
		}
	}
	if v.Grant.Extends != "" {
		m.did["goes on"]++
	}
}

// TestWhateverPeopleDoTheEventsTellIt: random commands of several people, most
// of them not allowed.
func TestWhateverPeopleDoTheEventsTellIt(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"rapid.checks": "12", "rapid.steps": "120"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(value); err != nil {
				t.Fatal(err)
			}
		}
	}
	did := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{world: newWorld(t).files().chartered(), t: t, fold: fold{tales: map[string]*tale{}, seq: -1}, did: did}
		m.Daily = 1000
		m.submit(r)
		actions := m.commands()
		actions[""] = func(r *rapid.T) { m.check(r) }
		r.Repeat(actions)
	})
	for _, what := range []string{"submit", "agree", "activate"} { // what is rarer, TestAStoryIsToldByItsEvents has
		if did[what] == 0 {
			t.Errorf("%s was never taken: the test says nothing of it", what)
		}
	}
	t.Log(did)
}

// TestAStoryIsToldByItsEvents: every command once, where it is taken.
func TestAStoryIsToldByItsEvents(t *testing.T) {
	m := &machine{world: newWorld(t).files().chartered(), t: t, fold: fold{tales: map[string]*tale{}, seq: -1}, did: map[string]int{}}
	code := m.world.submit(t)
	m.codes = []string{code}
	var next, void string
	for i, do := range []func() error{
		func() error { return m.say(m.ceo, code, "", "why now?") },
		func() error { return m.say(m.eng, code, "nord", "to you alone") },
		func() error {
			return m.vote(m.ceo, code, policy.Terms{For: 40 * time.Minute, NoFiles: true, Promise: "call Nord"})
		},
		func() error { return m.vote(m.ann, code, policy.Terms{}) },
		func() error { return second(m.Accept(t.Context(), m.eng.Principal, code)) },
		func() error { return m.activate(code) },
		func() error { m.deputy(t, m.ceo, m.mate); m.instruct(t, 1); return nil },
		func() error { next = m.extend(t, code, 20*time.Minute); m.codes = append(m.codes, next); return nil },
		func() error { return m.vote(m.mate, next, policy.Terms{For: 10 * time.Minute}) }, // and the instruction stands for nord
		func() error { m.later(45 * time.Minute); return m.activate(next) },
		func() error { void = m.extend(t, next, 0); m.codes = append(m.codes, void); return nil },
		func() error { return m.Revoke(t.Context(), m.ann.Principal, next, "enough") },
		func() error { code = m.granted(t); m.codes = append(m.codes, code); return nil },
		func() error { return m.GiveBack(t.Context(), m.eng.Principal, code) },
		func() error { code = m.submitFor(t, 7*time.Minute); m.codes = append(m.codes, code); return nil },
		func() error { return second(m.Reject(t.Context(), m.ceo.Principal, code, "no")) },
		func() error { return m.Withdraw(t.Context(), m.eng.Principal, code) },
	} {
		if err := do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		m.check(t)
	}
	if v := m.seen(void); v.Status.Phase != policy.Withdrawn || v.Grant != nil {
		t.Errorf("what asked for more of what was revoked is %s", v.Status.Phase)
	}
}
