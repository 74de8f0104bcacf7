package rulebook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
)

func (s *shelf) opens(t *testing.T, want Outcome) Result {
	t.Helper()
	r, err := s.Open(t.Context())
	must(t, err)
	if r.Outcome != want {
		t.Fatalf("opened as %s (%s), want %s", r.Outcome, r.Why, want)
	}
	return r
}

func (s *shelf) reloads(t *testing.T, want Outcome) Result {
	t.Helper()
	r, err := s.Reload(t.Context())
	must(t, err)
	if r.Outcome != want {
		t.Fatalf("reloaded as %s (%s), want %s", r.Outcome, r.Why, want)
	}
	return r
}

// shell is what becomes of an engineer who wants a shell.
func (s *shelf) shell() policy.Decision {
	return s.InForce().Decide(policy.Question{
		Now: time.Now(), Who: policy.Principal{ID: "eng@x.eu", Kind: policy.Staff}, Do: policy.Shell, On: "db1.prod", Reason: "outage",
	})
}

func TestInDevelopmentTheFilesAreInForce(t *testing.T) {
	s := newShelf(t)
	s.opens(t, Activated)
	if d := s.shell(); d.Verdict != policy.Ask {
		t.Fatalf("at first: %v: %s", d.Verdict, d.Why)
	}
	s.reloads(t, Unchanged)
	s.edit("permit: [shell]", "forbid: [shell]")
	s.edit("    stages: [ { executive: { count: 1 } }, { customer: { count: 1 } } ]\n    limits: { default: 1h, max: 2h }\n", "")
	s.reloads(t, Activated)
	if d := s.shell(); d.Verdict != policy.Deny {
		t.Errorf("after the rule forbids: %v: %s", d.Verdict, d.Why)
	}
	s.start("config-1", false)
	s.opens(t, Unchanged)
	if got, want := s.kinds(t), "policy.activated policy.in-force policy.activated policy.in-force policy.in-force"; !strings.HasPrefix(strings.Join(got, " "), want) {
		t.Errorf("events %v, want %s", got, want)
	}
}

func TestWhatIsNotValidIsRefusedAndTheOldStays(t *testing.T) {
	s := newShelf(t)
	s.write("version: 2\n")
	if _, err := s.Open(t.Context()); err == nil || s.InForce() != nil {
		t.Fatalf("opened with files that are not valid: %v", err)
	}
	s.write(files)
	s.opens(t, Activated)
	for _, bad := range []string{"version: 2\n", "", strings.Replace(files, "class: production", "class: prod\tuction", 1), strings.Replace(files, "{ executive: { count: 1 } }, ", "", 1)} {
		s.write(bad)
		if r := s.reloads(t, Refused); !strings.Contains(r.Why, "p.yaml") {
			t.Errorf("refused without saying where: %s", r.Why)
		}
		if d := s.shell(); d.Verdict != policy.Ask {
			t.Errorf("the old policy does not stand: %v: %s", d.Verdict, d.Why)
		}
	}
	if n := len(slices.DeleteFunc(s.kinds(t), func(k string) bool { return k != "policy.refused" })); n != 4 {
		t.Errorf("%d policy.refused, want 4", n)
	}
}

func TestInProductionExecutivesSignEveryChange(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	r := s.opens(t, Offered)
	if d := s.shell(); d.Verdict != policy.Deny {
		t.Fatalf("before anybody signed: %v: %s", d.Verdict, d.Why)
	}
	must(t, s.sign(t, r.Motion, 1))
	must(t, s.follow(t.Context()))
	if d := s.shell(); d.Verdict != policy.Deny {
		t.Fatalf("with one signature: %v: %s", d.Verdict, d.Why)
	}
	s.motions.all[r.Motion].Votes = nil
	must(t, s.sign(t, r.Motion, 2))
	must(t, s.follow(t.Context()))
	if d := s.shell(); d.Verdict != policy.Ask {
		t.Fatalf("signed by two: %v: %s", d.Verdict, d.Why)
	}
	s.edit("max: 2h", "max: 4h")
	wider := s.reloads(t, Offered)
	if d := s.shell(); d.Limits.Max != 2*time.Hour {
		t.Errorf("an unsigned change counts: %s", d.Limits.Max)
	}
	if text := s.motions.all[wider.Motion].Text; !strings.Contains(text, "Longer limits") || !strings.Contains(text, "eng@x.eu") || !strings.Contains(text, "2h") {
		t.Errorf("they sign %q: it does not say what changes", text)
	}
	s.edit("max: 4h", "max: 8h")
	widest := s.reloads(t, Offered)
	if s.motions.all[wider.Motion].Ended.IsZero() || !s.motions.all[widest.Motion].Ended.IsZero() {
		t.Error("the change that waited was not dropped for the newer one")
	}
	s.edit("max: 8h", "max: 2h")
	s.reloads(t, Unchanged)
	if s.motions.all[widest.Motion].Ended.IsZero() {
		t.Error("a change that was taken back can still be signed")
	}
}

func TestARestartUsesTheLastActivatedVersion(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	must(t, s.sign(t, s.opens(t, Offered).Motion, 2))
	for _, tt := range []struct {
		name, config string
		production   bool
		text         string
		want         Outcome
		verdict      policy.Verdict
		most         time.Duration
	}{
		{"with the same files", "config-1", true, files, Unchanged, policy.Ask, 2 * time.Hour},
		{"with other files, what was signed", "config-1", true, strings.Replace(files, "max: 2h", "max: 8h", 1), Offered, policy.Ask, 2 * time.Hour},
		{"with broken files, what was signed", "config-1", true, "rules: what", Refused, policy.Ask, 2 * time.Hour},
		{"as development, it is production still", "config-1", false, strings.Replace(files, "max: 2h", "max: 8h", 1), Offered, policy.Ask, 2 * time.Hour},
		{"with other keys, nothing until they sign", "config-2", true, files, Offered, policy.Deny, 0},
		{"with other keys, as development, nothing either", "config-2", false, files, Offered, policy.Deny, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.start(tt.config, tt.production)
			s.write(tt.text)
			s.opens(t, tt.want)
			if d := s.shell(); d.Verdict != tt.verdict || d.Limits.Max != tt.most {
				t.Errorf("got %v with at most %s (%s), want %v with %s", d.Verdict, d.Limits.Max, d.Why, tt.verdict, tt.most)
			}
		})
	}
}

// TestAnotherConfigurationTakesNoFewerSignatures: who edits lockbox.yaml alone
// does not bring the number of executives down with it.
func TestAnotherConfigurationTakesNoFewerSignatures(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	s.write(files + "activation: { executives: 3 }\n")
	must(t, s.sign(t, s.opens(t, Offered).Motion, 3))
	for _, text := range []string{files, files + "activation: { executives: 2 }\n", "rules: what"} {
		for _, production := range []bool{true, false} {
			s.start("config-2", production)
			s.write(text)
			r, err := s.Open(t.Context())
			must(t, err)
			if n := s.InForce().Activators(); n != 3 {
				t.Errorf("it takes %d signatures", n)
			}
			if m := s.motions.all[r.Motion]; m != nil && m.Stage.Count != 3 {
				t.Errorf("motion %s takes %d signatures", r.Motion, m.Stage.Count)
			}
		}
	}
}

func TestWhatIsNotProvenAnyMoreIsNotInForceButCanBeSignedAnew(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	id := s.opens(t, Offered).Motion
	must(t, s.sign(t, id, 2))
	s.motions.all[id].Votes = nil
	s.start("config-1", true)
	r := s.opens(t, Offered)
	if d := s.shell(); d.Verdict != policy.Deny || len(s.reports) == 0 {
		t.Fatalf("in force without proof: %v, reported %v", d.Verdict, s.reports)
	}
	must(t, s.sign(t, r.Motion, 2))
	must(t, s.follow(t.Context()))
	if d := s.shell(); d.Verdict != policy.Ask {
		t.Errorf("signed anew: %v: %s", d.Verdict, d.Why)
	}
}

func TestNobodySignsFilesThatFoundOthersThanWereFounded(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	must(t, s.sign(t, s.opens(t, Offered).Motion, 2))
	s.edit("max: 2h", "max: 4h")
	s.differs = errors.New("founded_by differs from what was pinned")
	if r := s.reloads(t, Refused); !strings.Contains(r.Why, "founded_by differs") || len(s.motions.all) != 1 {
		t.Errorf("%s, with %d motions", r.Why, len(s.motions.all))
	}
}

func TestNobodyWhoCouldSignMeansNothingIsInForce(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	s.motions.none = true
	if r := s.opens(t, Offered); !strings.Contains(r.Why, "nobody can sign it yet") {
		t.Error(r.Why)
	}
	if d := s.shell(); d.Verdict != policy.Deny {
		t.Errorf("got %v", d.Verdict)
	}
	s.motions.none = false
	s.reloads(t, Offered)
}

func TestASignatureCountsForTheFilesAndConfigurationItWasGivenFor(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	id := s.opens(t, Offered).Motion
	s.start("config-2", true)
	if err := s.sign(t, id, 2); err == nil {
		t.Error("a policy was activated with another configuration than was signed")
	}
	s.start("config-1", true)
	s.motions.all[id].About = strings.Repeat("0", 64)
	s.motions.all[id].Votes = nil
	if err := s.sign(t, id, 2); err == nil {
		t.Error("a policy was activated whose files are not kept")
	}
}

func TestASignedPolicyIsInForceAtOnce(t *testing.T) {
	s := newShelf(t)
	s.start("config-1", true)
	id := s.opens(t, Offered).Motion
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	last := s.ledger.Last()
	must(t, s.sign(t, id, 2))
	limit, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for e, err := range s.ledger.Watch(limit, last) {
		must(t, err)
		if e.Kind == "policy.in-force" {
			break
		}
	}
	if d := s.shell(); d.Verdict != policy.Ask {
		t.Errorf("after policy.in-force: %v: %s", d.Verdict, d.Why)
	}
	stop()
	must(t, <-done)
}

func TestATargetLeavesACustomerWithNoticeAndDelay(t *testing.T) {
	s := newShelf(t)
	s.opens(t, Activated)
	s.edit("    class: production\n", "    class: test\n")
	s.edit("    customers: [nord]\n", "")
	s.reloads(t, Activated)
	if d := s.shell(); !slices.Equal(d.Customers, []string{"nord"}) || len(d.Stages()) != 2 {
		t.Errorf("the customer is gone at once: %v, %d stages", d.Customers, len(d.Stages()))
	}
	all, err := s.ledger.After(t.Context(), -1, 1000)
	must(t, err)
	told := 0
	for _, e := range all {
		if e.Kind == "target.leaves" && (slices.Contains(e.Subjects, "nord") || e.Detail["leaves"] == "production") {
			told++
		}
	}
	if told != 2 {
		t.Errorf("told %d times, want the customer and the class", told)
	}
	if moves, err := s.Leaving(t.Context()); err != nil || len(moves) != 2 || moves[0].Customer+moves[1].Customer != "nord" {
		t.Errorf("leaving: %v, %v", moves, err)
	}
	s.clock.Add(int64((DefaultDelay + time.Minute) / time.Second))
	s.start("config-1", false)
	s.opens(t, Unchanged)
	if d := s.shell(); len(d.Customers) != 0 {
		t.Errorf("after the delay: %v", d.Customers)
	}
	if moves, err := s.Leaving(t.Context()); err != nil || len(moves) != 0 {
		t.Errorf("after the delay, leaving: %v, %v", moves, err)
	}
}
