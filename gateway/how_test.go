package gateway_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/world"
)

// readers gives the policy keys of an auditor and of nord, and a rule that seals so.
func readers(t *testing.T, w *world.World, seal policy.Readers) (auditor, nord *age.HybridIdentity) {
	t.Helper()
	auditor, err := age.GenerateHybridIdentity()
	must(t, err)
	nord, err = age.GenerateHybridIdentity()
	must(t, err)
	p := *w.Policy()
	p.Auditors = []string{auditor.Recipient().String()}
	p.Customers = map[string]policy.Customer{"nord": {ID: "nord", Name: "Nord Legal", SealTo: []string{nord.Recipient().String()}}, "syd": {ID: "syd", Name: "Syd Bank"}}
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Record.Seal = seal
	w.SetPolicy(&p)
	return auditor, nord
}

func TestARecordingIsSealedToThoseWhomItsRuleNames(t *testing.T) {
	for _, row := range []struct {
		seal                 policy.Readers
		vault, auditor, nord bool
	}{
		{0, true, false, false},
		{policy.ToVault, true, false, false},
		{policy.ToVault | policy.ToCustomer, true, false, true},
		{policy.ToAuditor | policy.ToCustomer, false, true, true},
		{policy.ToCustomer, false, false, true},
	} {
		w := newWorld(t)
		auditor, nord := readers(t, w, row.seal)
		w.Grant(t, w.Eng, time.Hour)
		v := visit(t, w, w.Eng)
		v.Leave()
		var told []string
		for _, who := range []struct {
			name string
			may  bool
		}{{"vault", row.vault}, {"auditor", row.auditor}, {"customer", row.nord}} {
			if who.may {
				told = append(told, who.name)
			}
		}
		if e := events(t, w, "session.open"); e[0].Detail["sealed-to"] != strings.Join(told, ", ") {
			t.Errorf("%b: it says %q, want %q", row.seal, e[0].Detail["sealed-to"], told)
		}
		if c := custody(t, w, v.Session.ID); !slices.Equal(c.Sealed, told) {
			t.Errorf("%b: custody says %q, want %q", row.seal, c.Sealed, told)
		}
		for _, by := range []struct {
			name string
			key  age.Identity
			may  bool
		}{{"the vault", w.Keys.Vault, row.vault}, {"the auditor", auditor, row.auditor}, {"nord", nord, row.nord}} {
			if _, err := w.Shelf.Play(v.Session.ID, by.key); (err == nil) != by.may {
				t.Errorf("%b: %s opens it: %v", row.seal, by.name, err)
			}
		}
	}
}

func TestWhatReachesTwoCustomersIsSealedToNeither(t *testing.T) {
	w := newWorld(t)
	_, nord := readers(t, w, policy.ToVault|policy.ToCustomer)
	v := shared(t, w)
	v.Leave()
	if _, err := w.Shelf.Play(v.Session.ID, nord); err == nil {
		t.Error("nord opens what may hold syd's data")
	}
}

func TestALaterChannelForOtherReadersIsRefused(t *testing.T) {
	w := newWorld(t)
	readers(t, w, policy.ToVault)
	w.Grant(t, w.Eng, time.Hour)
	v := visit(t, w, w.Eng)
	readers(t, w, policy.ToVault|policy.ToAuditor)
	if d, err := v.May(t.Context(), policy.Exec); err != nil || d.Verdict != policy.Deny || !strings.Contains(d.Why.String(), "connect again") {
		t.Errorf("got %v %q, %v", d.Verdict, d.Why, err)
	}
	visit(t, w, w.Eng)
}

func TestARuleThatSealsToNobodyLetsNobodyIn(t *testing.T) {
	w := newWorld(t)
	w.Grant(t, w.Eng, time.Hour)
	p := *w.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Record.Seal = policy.ToAuditor
	w.SetPolicy(&p)
	if v, a, err := w.Gateway.Visit(t.Context(), knock(w.Eng)); v != nil || err == nil && a.Verdict == policy.Allow {
		t.Errorf("got %v, %v, %v", v, a.Decision, err)
	}
	if len(w.Gateway.Visits()) != 0 {
		t.Error("a visit is left")
	}
}

func TestAKeyThatIsNoneRefusesTheSession(t *testing.T) {
	w := newWorld(t)
	readers(t, w, policy.ToVault|policy.ToAuditor)
	w.Grant(t, w.Eng, time.Hour)
	p := *w.Policy()
	p.Auditors = []string{"age1pq1nonsense"}
	w.SetPolicy(&p)
	v, _, err := w.Visit(t, w.Eng, knock(w.Eng))
	if end := (*gateway.Ending)(nil); v != nil || !errors.As(err, &end) || end.Code != gateway.NoRecorder || !strings.Contains(end.Why, "status page") {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestAnAmberShelfRefusesStrictRulesOnly(t *testing.T) {
	for _, strict := range []bool{false, true} {
		w := newWorld(t)
		w.Shelf.Waits = func() recorder.Wait { return recorder.Wait{Segments: 1, Oldest: time.Now().Add(-10 * time.Minute)} }
		if got := w.Shelf.Health().Level; got != recorder.Amber {
			t.Fatalf("it is %d", got)
		}
		w.Grant(t, w.Eng, time.Hour)
		p := *w.Policy()
		p.Rules = slices.Clone(p.Rules)
		p.Rules[0].Record.Strict = strict
		w.SetPolicy(&p)
		v, _, err := w.Visit(t, w.Eng, knock(w.Eng))
		if end := (*gateway.Ending)(nil); strict && (v != nil || !errors.As(err, &end) || end.Code != gateway.NoRecorder) {
			t.Errorf("a strict one opens: %v", err)
		}
		if strict {
			continue
		}
		if err != nil || !w.Gateway.Sick() {
			t.Fatalf("got %v, and nobody is warned", err)
		}
		v.Leave()
	}
}
