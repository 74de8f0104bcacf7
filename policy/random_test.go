package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// few draws some of a few things: small worlds find more than large ones.
func few[T any](t *rapid.T, name string, of ...T) []T {
	return rapid.SliceOfN(rapid.SampledFrom(of), 0, 3).Draw(t, name)
}

func one[T any](t *rapid.T, name string, of ...T) T {
	return rapid.SampledFrom(of).Draw(t, name)
}

func anyRule(t *rapid.T, name string) Rule {
	r := Rule{
		Name: name, Position: name, Forbid: rapid.Bool().Draw(t, "forbid"), Actions: few(t, "actions", Shell, Exec, SFTPGet, Forward),
		Groups: few(t, "groups", "a", "b", "idp"), People: few(t, "people", "eng", "op", "ceo"), Targets: few(t, "targets", "x.prod", "y.prod", "z.test"),
		Kinds: few(t, "kinds", "ssh", "http"), Reasons: few(t, "reasons", Reason("outage"), Reason("planned")), Fresh: time.Hour,
		Stages: few(t, "stages", Stage{Kind: ByExecutive, Count: 1}, Stage{Kind: ByCustomer, Count: 1}, Stage{Kind: ByPeer, Group: "a", Count: 2}),
	}
	r.Record = Recording{Keep: one(t, "kept", 0, 2*time.Hour, time.Minute), Seal: one(t, "seal", 0, 0, ToVault, ToCustomer, ToAuditor, ToVault|ToCustomer)}
	r.Bounds.To = few(t, "leads to", "a:1", "b:2")
	for _, k := range few(t, "labels", "env", "role", "none") {
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		r.Labels[k] = one(t, "value", "1", "2", "")
	}
	if rapid.Bool().Draw(t, "timed") {
		r.Hours = &Hours{Days: []time.Weekday{time.Wednesday}, From: 9 * time.Hour, To: one(t, "to", 12*time.Hour, 18*time.Hour), Zone: one(t, "zone", time.UTC, nil)}
	}
	if rapid.Bool().Draw(t, "near") {
		r.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	}
	return r
}

func anyPolicy(t *rapid.T) *Policy {
	p := &Policy{Groups: map[string][]string{"a": few(t, "in a", "eng", "op"), "b": few(t, "in b", "op", "ceo")}, Targets: map[string]*Target{"nil.prod": nil}}
	for _, name := range []string{"x.prod", "y.prod", "z.test"} {
		x := &Target{
			Name: name, Kind: one(t, "kind", "ssh", "http"), Class: one(t, "class", "", "test"), Customers: few(t, "customers", "nord", "syd", "ost"),
			Logins: few(t, "logins", Login{Name: "root"}, Login{Name: "s_{{customer}}", One: true}, Login{Name: "{{customer}}", One: true}, Login{Name: "s_nord", ReadOnly: true}),
			Labels: map[string]string{"env": one(t, "env", "1", "2")},
		}
		x.Customers = slices.Compact(slices.Sorted(slices.Values(x.Customers)))
		p.Targets[name] = x
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "rules") {
		p.Rules = append(p.Rules, anyRule(t, fmt.Sprint("r", i)))
	}
	p.Auditors = few(t, "auditors", "age1pq1aud")
	p.Customers = map[string]Customer{"nord": {ID: "nord", SealTo: few(t, "seal to", "age1pq1nord"), Keep: one(t, "keep", 0, time.Hour)}}
	if rapid.Bool().Draw(t, "declaration") {
		p.Declaration = &Declaration{Version: "1"}
	}
	return p
}

func anyQuestion(t *rapid.T, p *Policy) Question {
	q := Question{
		Now: noon, Who: Principal{ID: one(t, "who", "eng", "op", "ceo", "nobody"), Kind: one(t, "kind of person", Staff, Machine, Executive), Groups: few(t, "says the provider", "a", "idp")},
		Do: one(t, "do", Shell, Exec, SFTPGet, Forward), To: one(t, "to", "", "a:1", "b:2", "c:3"), On: one(t, "on", "x.prod", "y.prod", "z.test", "nil.prod", "w.prod"),
		Login: one(t, "login", "", "root", "s_nord", "s_{{customer}}", "{{customer}}", "nord", "zz"), Customer: one(t, "customer", "", "nord", "syd", "zz"),
		Reason: one(t, "reason", Reason(""), "outage", "planned"), Binding: "b",
	}
	q.From, _ = netip.ParseAddr(one(t, "from", "", "10.1.1.1", "192.0.2.1"))
	q.Proofs = []Proof{{Passkey, q.Who.ID, noon, "b"}}
	if rapid.Bool().Draw(t, "declared") && p.Declaration != nil {
		q.Proofs = append(q.Proofs, Proof{Declared, q.Who.ID, noon, p.Declaration.Digest()})
	}
	if rapid.Bool().Draw(t, "granted") {
		if d := p.Decide(q); d.Verdict == Ask { // what was asked for was approved
			q.Grant = &Grant{ID: "G", Who: q.Who, Target: q.On, Login: d.Login, Actions: d.Actions(), To: d.Bounds.To, Customers: d.Customers, Reason: "outage", Machine: d.Machine(),
				For: time.Hour, Made: noon, ActivateBefore: at(60), Stages: d.Stages()}
		}
	}
	return q
}

// told is a decision in what anybody can see of it.
func told(d Decision) string {
	return fmt.Sprint(d.Verdict, d.Code, d.Why, d.Rule, d.Position, d.Login, d.ReadOnly, d.Customers, d.Limits, d.Ticket, d.Proof, d.For, d.Fresh,
		d.Until, d.Grace, d.Accept, d.Recording, d.Bounds, d.Witnesses, d.Stages(), d.Reasons(), d.Actions(), d.Machine())
}

func TestAnIndexChangesNoDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPolicy(t)
		ready := *p
		ready.Ready()
		for range 20 {
			q := anyQuestion(t, p)
			if d := cmp.Diff(told(p.Decide(q)), told(ready.Decide(q))); d != "" {
				t.Fatalf("(-without index +with):\n%s", d)
			}
			if d := cmp.Diff(told(p.Decide(q)), told(ready.Explain(q).Decision)); d != "" {
				t.Fatalf("(-decided +explained):\n%s", d)
			}
		}
	})
}

func TestAForbidNeverAddsAccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPolicy(t)
		more := *p
		f := anyRule(t, "more")
		f.Forbid = true
		more.Rules = slices.Insert(slices.Clone(p.Rules), rapid.IntRange(0, len(p.Rules)).Draw(t, "where"), f)
		if rapid.Bool().Draw(t, "indexed") {
			more.Ready()
		}
		for range 10 {
			q := anyQuestion(t, p)
			before, after := p.Decide(q), more.Decide(q)
			if after.Verdict > before.Verdict || after.Verdict != Deny && told(after) != told(before) {
				t.Fatalf("%+v turns\n%s into\n%s", f, told(before), told(after))
			}
		}
	})
}

// TestTimeBackwardsNeverExtends: what is over is over for every later time, and
// at an earlier time there is no more than at a later one.
func TestTimeBackwardsNeverExtends(t *testing.T) {
	p := testPolicy(t)
	rapid.Check(t, func(t *rapid.T) {
		minute := func(name string) time.Time { return at(rapid.IntRange(-10, 300).Draw(t, name)) }
		g := with(grant(), func(g *Grant) { g.Made, g.ActivateBefore = minute("made"), minute("activate before") })
		if rapid.Bool().Draw(t, "begun") {
			g.Activated, g.NotAfter = minute("activated"), minute("not after")
		}
		if rapid.Bool().Draw(t, "revoked") {
			g.Revoked = minute("revoked")
		}
		now, later := minute("now"), minute("later")
		ask := func(now time.Time) Verdict {
			return p.Decide(Question{Now: now, Who: eng, Do: Shell, On: "db1.prod", Login: "deploy", Grant: g, Binding: "this terminal", Proofs: touched(now)}).Verdict
		}
		if !now.Before(g.Made) && later.After(now) && g.Over(now) != "" && (g.Over(later) == "" || ask(later) == Allow) {
			t.Fatalf("over at %v, and not at %v", now, later)
		}
		if got := ask(now); got == Allow && (now.Before(g.Made) || !now.Before(g.Until()) || !g.Revoked.IsZero()) {
			t.Fatalf("got %v at %v under %+v", got, now, g)
		}
		r := anyVotes(t)
		first, second := r.Tally(now), r.Tally(later)
		if !later.Before(now) && first.Phase != Pending && first.Phase != Approved && second.Phase != first.Phase && second.Phase != Rejected {
			t.Fatalf("%s at %v, %s at %v", first.Phase, now, second.Phase, later)
		}
		if !later.Before(now) && first.Phase != Approved && first.Phase != Pending && second.Phase == Approved {
			t.Fatalf("%s at %v, approved at %v", first.Phase, now, later)
		}
		if later.After(now) && first.Phase == Approved && second.Phase == Approved && second.For > first.For {
			t.Fatalf("for %s at %v, for %s at %v", first.For, now, second.For, later)
		}
	})
}
