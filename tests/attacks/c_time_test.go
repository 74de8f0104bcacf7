package attacks

import (
	"errors"
	"math"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// Leans on: one time a transaction, never before the last event.
func TestC25AClockThatGoesBackOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	for _, back := range []time.Duration{-6 * time.Second, -time.Hour, -24 * 365 * 10 * time.Hour} {
		n, err := restarted(t, w, later(back))
		if err != nil {
			continue // refused at the start: as good
		}
		if _, err := n.Gateway.Enter(t.Context(), knock(w.Eng)); !errors.Is(err, ledger.ErrClock) {
			t.Errorf("%s back: got %v, want %v", back, err, ledger.ErrClock)
		}
		_, err = n.Desk.Prepare(t.Context(), w.Ceo.Principal, w.Ask(t, w.Eng, "syd", time.Hour), policy.Terms{})
		if !errors.Is(err, ledger.ErrClock) {
			t.Errorf("%s back: a ballot is given: %v", back, err)
		}
	}
}

func TestC25AClockThatJumpsWhileWeRunOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, 4*time.Hour)
	for _, jump := range []time.Duration{time.Minute, -time.Minute, 10 * 365 * 24 * time.Hour} {
		off := time.Duration(0)
		n, err := restarted(t, w, func() time.Time { return time.Now().Add(off) })
		must(t, err)
		if !lets(t, n.Gateway, knock(w.Eng)) {
			t.Fatal("the grant opens nothing to begin with")
		}
		off = jump
		// time.Now().Add moves the monotonic reading too, so strip it as a step of the wall clock would.
		step, err := ledger.Open(t.Context(), w.Engine, ledger.Options{
			Origin: w.Keys.Log.Name(), Signer: w.Keys.Log, Verifier: w.Keys.LogVerifier,
			Now:     func() time.Time { defer func() { off = jump }(); return time.Now().Add(off) },
			Elapsed: func() time.Duration { return 0 },
		})
		if err != nil {
			continue
		}
		off = 2 * jump
		if err := step.View(t.Context(), func(*ledger.Tx) error { return nil }); !errors.Is(err, ledger.ErrClock) {
			t.Errorf("a jump of %s: got %v, want %v", jump, err, ledger.ErrClock)
		}
	}
}

func TestC25TimesThatAreNoneAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, d := range []time.Duration{-1, -time.Hour, 1, time.Second, 59 * time.Second, 4*time.Hour + 1, 8 * time.Hour, math.MaxInt64, math.MinInt64} {
		v, err := w.Desk.Submit(t.Context(), w.Eng.Principal, approvals.Application{
			Target: "db1.prod", Login: "support_nord", Do: policy.Shell, For: d, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"},
		})
		if err == nil {
			t.Errorf("a request for %s is taken: %+v", d, v.Request)
		}
	}
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	for _, d := range []time.Duration{-1, 1, time.Hour + 1, math.MaxInt64, math.MinInt64} {
		if b, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, code, policy.Terms{For: d}); err == nil {
			t.Errorf("a vote for %s is taken: %s", d, b.Statement)
		}
	}
	now := time.Now()
	for name, g := range map[string]*policy.Grant{
		"no grant": nil, "no times at all": {ID: "X"}, "started, with no end": {ID: "X", Made: now, Activated: now},
		"made in the future": {ID: "X", Made: now.Add(time.Second), ActivateBefore: now.Add(time.Hour)},
		"revoked tomorrow":   {ID: "X", Made: now, ActivateBefore: now.Add(time.Hour), Revoked: now.Add(24 * time.Hour)},
		"the last instant":   {ID: "X", Made: now, ActivateBefore: now},
	} {
		if g.Over(now) == "" {
			t.Errorf("a grant with %s is in force", name)
		}
	}
}

// Nobody swept: what is over is over by the clock alone.
func TestC26AGrantEndsAtItsInstantWithoutASweep(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	v.Leave()
	g := v.Grant()
	for _, c := range []struct {
		rule string
		at   time.Time
		want bool
	}{
		{"a second before its end", g.NotAfter.Add(-time.Second), true},
		{"at its end", g.NotAfter, false},
		{"a millisecond later", g.NotAfter.Add(time.Millisecond), false},
		{"ten years later", g.NotAfter.Add(10 * 365 * 24 * time.Hour), false},
	} {
		n, err := restarted(t, w, func() time.Time { return c.at })
		must(t, err)
		if got := lets(t, n.Gateway, knock(w.Eng)); got != c.want {
			t.Errorf("%s: let in is %v, want %v", c.rule, got, c.want)
		}
		if d, err := n.Desk.Ended(t.Context(), code); err != nil || (d.Why == "") != c.want {
			t.Errorf("%s: ended is %+v, %v", c.rule, d, err)
		}
	}
}

func TestC26AGrantThatIsNotUsedInTimeIsOver(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, 4*time.Hour) // to be used within an hour
	n, err := restarted(t, w, later(time.Hour+time.Millisecond))
	must(t, err)
	if lets(t, n.Gateway, knock(w.Eng)) {
		t.Error("a grant opens that was not used in its hour")
	}
}

func TestC26ARequestThatWaitedTooLongTakesNoVote(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	n, err := restarted(t, w, later(12*time.Hour))
	must(t, err)
	wantNo(t, n.Approve(t, w.Ceo, code), "expired")
}

func TestC28WhoLeavesTakesTheirVoteAndTheirSessionAlong(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		rule string
		fn   func(p *policy.Policy)
		says string
	}{
		{"the executive leaves the board", func(p *policy.Policy) { p.Groups["board"] = []string{"cto@x.eu"} }, ""},
		{"the engineer leaves the group", func(p *policy.Policy) { p.Groups["engineers"] = []string{"mate@x.eu"} }, "no target"},
		{"the rule goes", func(p *policy.Policy) { p.Rules = nil }, "no target"},
		{"the target goes", func(p *policy.Policy) { p.Targets = nil }, "no target"},
		{"a forbid comes", func(p *policy.Policy) {
			p.Rules = append(p.Rules, policy.Rule{Name: "stop", Forbid: true, Actions: policy.OnTarget(), Kinds: []string{"ssh"}})
		}, "forbids"},
		{"no policy at all", func(p *policy.Policy) { *p = policy.Policy{} }, "no target"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w.SetPolicy(world.Policy("127.0.0.1:1", "SHA256:none"))
			code := w.Grant(t, w.Eng, time.Hour)
			defer func() { must(t, w.Desk.GiveBack(t.Context(), w.Eng.Principal, code)) }()
			v := visit(t, w, knock(w.Eng))
			change(w, c.fn)
			if lets(t, w.Gateway, knock(w.Eng)) {
				t.Error("the grant still lets in")
			}
			if d, err := v.May(t.Context(), policy.Exec); err == nil && d.Verdict == policy.Allow {
				t.Error("the session may open another channel")
			}
			if c.says != "" {
				poke(t, w, code)
				wantEnd(t, v, c.says)
			}
		})
	}
}

func TestC29ARevocationOutlivesTheProcess(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, knock(w.Eng))
	for _, h := range []policy.Principal{w.Mate.Principal, w.Bo.Principal, {}} {
		wantUnknown(t, "a stranger's revocation", w.Desk.Revoke(t.Context(), h, code, "x"))
	}
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	wantEnd(t, v, "revoked by")
	n, err := restarted(t, w, time.Now)
	must(t, err)
	if lets(t, n.Gateway, knock(w.Eng)) {
		t.Error("a revoked grant lets in after a restart")
	}
	if _, err := n.Desk.Prepare(t.Context(), w.Ceo.Principal, code, policy.Terms{}); err == nil {
		t.Error("a revoked request takes a vote again")
	}
	must(t, n.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		g, err := n.Desk.Standing(tx, code)
		if err == nil && g.Over(tx.Now()) == "" {
			t.Error("a revoked grant stands")
		}
		return nil
	}))
}

func TestC34ANameThatIsUsedAgainInheritsNothing(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	change(w, func(p *policy.Policy) { // db1 is called db2 from now on
		p.Targets["db2.prod"] = p.Targets["db1.prod"]
		p.Targets["db2.prod"].Name = "db2.prod"
		delete(p.Targets, "db1.prod")
	})
	k := knock(w.Eng)
	k.On = "db2.prod"
	if lets(t, w.Gateway, k) {
		t.Error("a renamed target keeps the grant of its old name")
	}
	change(w, func(p *policy.Policy) { // support_nord now reaches what deploy did
		p.Targets["db1.prod"].Logins = []policy.Login{{Name: "support_nord"}}
	})
	if lets(t, w.Gateway, knock(w.Eng)) {
		t.Error("a login that now reaches more customers keeps its grant")
	}
	if _, err := w.People.NewLink(t.Context(), "operator@localhost", invite("eng@x.eu")); err == nil {
		t.Error("somebody else can become eng@x.eu")
	}
	must(t, w.People.RemoveSSHKey(t.Context(), w.Eng.ID, knock(w.Eng).Key))
	ask, err := w.People.BeginSSHKey(t.Context(), w.Mate.ID, line(w.Eng))
	if err == nil {
		_, err = w.People.AddSSHKey(t.Context(), ask.ID, w.Mate.Answer(t, ask.Options))
	}
	wantNo(t, err, "enrolled already")
}
