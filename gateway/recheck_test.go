package gateway_test

import (
	"context"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"slices"
	"testing"
	"time"
)

func TestAChangeOfThePolicyEndsWhatItDoesNotAllow(t *testing.T) {
	for _, kind := range []string{"policy.activated", "motion.ended"} {
		w := newWorld(t)
		w.Grant(t, w.Eng, time.Hour)
		v := visit(t, w, w.Eng)
		p := *w.Policy()
		p.Rules = append(p.Rules, policy.Rule{Name: "never", Forbid: true, Actions: []policy.Action{policy.Shell}, Targets: []string{"db1.prod"}})
		w.SetPolicy(&p)
		if err := changed(t, w, kind); err != nil {
			t.Fatal(err)
		}
		endsWithin(t, v, time.Second, `rule "never" forbids shell`)
	}
}

func TestWhatOnlyAsksDoesNotHaveEverySessionProvenAgain(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	p := *w.Policy()
	p.Rules = append(p.Rules, policy.Rule{Name: "never", Forbid: true, Actions: []policy.Action{policy.Shell}, Targets: []string{"db1.prod"}})
	w.SetPolicy(&p)
	for _, kind := range []string{"motion.made", "motion.shown", "motion.used"} {
		if err := changed(t, w, kind); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-v.Context().Done():
		t.Errorf("it was asked about: %v", context.Cause(v.Context()))
	case <-time.After(500 * time.Millisecond):
	}
	if err := changed(t, w, "motion.passed"); err != nil {
		t.Fatal(err)
	}
	endsWithin(t, v, time.Second, `rule "never" forbids shell`)
}

func TestAllThatWasBegunHasToBeAllowed(t *testing.T) {
	for _, row := range []struct {
		rule string
		exec bool // was begun
		why  string
	}{{"what was begun is taken away", true, "exec"}, {"what was not begun does not matter", false, ""}} {
		w := newWorld(t)
		w.Grant(t, w.Eng, time.Hour)
		v := visit(t, w, w.Eng)
		if row.exec {
			if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Allow {
				t.Fatalf("got %v, %v", d, err)
			}
		}
		p := *w.Policy()
		p.Rules = append(slices.Clone(p.Rules), policy.Rule{Name: "never", Forbid: true, Actions: []policy.Action{policy.Exec}, Targets: []string{"db1.prod"}})
		w.SetPolicy(&p)
		if err := changed(t, w, "policy.activated"); err != nil {
			t.Fatal(err)
		}
		if row.why != "" {
			endsWithin(t, v, time.Second, row.why)
			continue
		}
		select {
		case <-v.Context().Done():
			t.Errorf("%s: %v", row.rule, context.Cause(v.Context()))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func TestB07NarrowerBoundsEndWhatWasBegunWithinOthers(t *testing.T) {
	for _, row := range []struct {
		rule   string
		bounds *policy.SFTP
		why    string
	}{{"narrower", &policy.SFTP{Paths: []string{"/srv/export/**"}}, "is not what it was"}, {"the same", &policy.SFTP{Paths: []string{"/srv/**"}}, ""}} {
		w := newWorld(t)
		allow := func(b *policy.SFTP) {
			p := *w.Policy()
			p.Rules = slices.Clone(p.Rules)
			p.Rules[0].Actions = []policy.Action{policy.Shell, policy.SFTPGet}
			p.Rules[0].Bounds.SFTP = b
			w.SetPolicy(&p)
		}
		allow(&policy.SFTP{Paths: []string{"/srv/**"}})
		w.Grant(t, w.Eng, time.Hour)
		v := visit(t, w, w.Eng)
		if d, err := v.May(t.Context(), policy.SFTPGet); err != nil || d.Verdict != policy.Allow {
			t.Fatalf("got %v, %v", d, err)
		}
		allow(row.bounds)
		if err := changed(t, w, "policy.activated"); err != nil {
			t.Fatal(err)
		}
		if row.why != "" {
			endsWithin(t, v, time.Second, row.why)
			continue
		}
		select {
		case <-v.Context().Done():
			t.Errorf("%s: %v", row.rule, context.Cause(v.Context()))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func TestAnExtensionThatGivesLessEndsWhatItDoesNotHold(t *testing.T) {
	w := newWorld(t)
	code, v := brief(t, w, 2*time.Second)
	if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Allow {
		t.Fatalf("got %v, %v", d, err)
	}
	x := extend(t, w, code)
	b, err := w.Desk.Prepare(t.Context(), w.Ceo.Principal, x, policy.Terms{Actions: []policy.Action{policy.Shell}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, w.Sign(t, w.Ceo, statement.ForApproval, b.Statement)); err != nil {
		t.Fatal(err)
	}
	if err := w.Approve(t, w.Ann, x); err != nil {
		t.Fatal(err)
	}
	endsWithin(t, v, 3*time.Second, "grant "+x+" does not hold exec")
	if moved := events(t, w, "session.extended"); len(moved) != 0 {
		t.Errorf("it went on: %+v", moved)
	}
}

func TestTheEndFollowsARuleThatGivesLess(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	first := v.Until()
	most := func(d time.Duration) {
		p := *w.Policy()
		p.Rules = slices.Clone(p.Rules)
		p.Rules[0].Limits.Max = d
		w.SetPolicy(&p)
		if err := changed(t, w, "policy.activated"); err != nil {
			t.Fatal(err)
		}
	}
	most(30 * time.Minute)
	becomes(t, v, "shorter", func(gateway.Frozen) bool { return v.Until().Equal(first.Add(-30 * time.Minute)) })
	most(time.Second)
	endsWithin(t, v, 2*time.Second, "gives less time now")
}

func TestADeclarationIsWantedOfWhoAsksNotOfWhoHolds(t *testing.T) {
	w := newWorld(t)
	p := *w.Policy()
	p.Declaration = &policy.Declaration{Version: "2", Text: "I keep to myself what I see."}
	w.SetPolicy(&p)
	a := enter(t, w, knock(w.Eng))
	if a.Verdict != policy.Prove || a.Proof != policy.Declared || a.Grant != nil {
		t.Errorf("without a grant: got %v %q", a.Verdict, a.Why)
	}
	old := p
	old.Declaration = nil
	w.SetPolicy(&old)
	w.Grant(t, w.Eng, time.Hour)
	w.SetPolicy(&p)
	if v := visit(t, w, w.Eng); v.Grant().ID == "" {
		t.Error("no grant is held")
	}
}

func TestAFloodOfRefusalsDoesNotFillTheLog(t *testing.T) {
	w := newWorld(t)
	n := w.Gateway.Notes(w.Eng.Principal, knock(w.Eng).From)
	for i := range 100 {
		n.Note(t.Context(), "channel x11", "db1.prod", "not here")
		n.Note(t.Context(), "channel \x1b\xff"+string(rune('a'+i)), "no.such.target", "not here")
	}
	got := events(t, w, "channel.refused")
	if len(got) != 16 || got[0].Subjects[0] != "db1.prod" || got[1].Subjects != nil || got[1].Detail["what"] != "channel ??a" || got[15].Detail["more"] == "" {
		t.Errorf("got %d: %+v", len(got), got)
	}
}
