package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The people, targets and rules of the tables.
var (
	eng   = Principal{ID: "eng@example.eu", Name: "Eng", Kind: Staff, Vouched: "op@example.eu"}
	op    = Principal{ID: "op@example.eu", Kind: Staff}
	ceo   = Principal{ID: "ceo@example.eu", Kind: Executive, Admitted: true}
	cto   = Principal{ID: "cto@example.eu", Kind: Executive, Admitted: true}
	nord  = Principal{ID: "ann@nord.example", Kind: Reviewer, Customer: "nord", Admitted: true}
	syd   = Principal{ID: "bo@syd.example", Kind: Reviewer, Customer: "syd", Admitted: true}
	audit = Principal{ID: "aud@example.eu", Kind: Auditor}
	// noon is a Wednesday in Copenhagen, 13:00 there.
	noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func copenhagen(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func testPolicy(t *testing.T) *Policy {
	week := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	limits := Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour}
	return &Policy{
		Groups: map[string][]string{"engineers": {eng.ID}, "board": {ceo.ID, cto.ID}},
		Targets: map[string]*Target{
			"db1.prod": {Name: "db1.prod", Kind: "ssh", Customers: []string{"nord", "syd"}, Labels: map[string]string{"env": "prod"},
				Logins: []Login{{Name: "deploy"}, {Name: "support_{{customer}}", One: true}, {Name: "shared", One: true}, {Name: "all_{{customer}}"}}},
			"night.prod": {Name: "night.prod", Kind: "ssh", Logins: []Login{{Name: "root"}}, Labels: map[string]string{"env": "prod"}},
			"box.test":   {Name: "box.test", Kind: "ssh", Class: "test", Logins: []Login{{Name: "root"}}},
			"bare.prod":  {Name: "bare.prod", Kind: "ssh"},
			"web.prod":   {Name: "web.prod", Kind: "http", Logins: []Login{{Name: "app"}}},
		},
		Rules: []Rule{
			{Name: "prod", Position: "r.yaml:1:1", Actions: []Action{Shell, Exec}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"},
				Labels: map[string]string{"env": "prod"}, Reasons: []Reason{"outage", "planned"}, Limits: limits, Fresh: 15 * time.Minute,
				Stages: []Stage{{Kind: ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour}, {Kind: ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: 1}}},
			{Name: "later", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Reasons: []Reason{"outage"}},
			{Name: "other label", Actions: []Action{Forward}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Labels: map[string]string{"env": "test"}},
			{Name: "office hours", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"night.prod"}, Limits: limits,
				Hours: &Hours{Days: week, From: 7 * time.Hour, To: 13*time.Hour + 30*time.Minute, Zone: copenhagen(t)}},
			{Name: "near", Actions: []Action{Exec}, People: []string{eng.ID}, Targets: []string{"night.prod"}, Limits: limits,
				From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			{Name: "test", Actions: []Action{Shell, Exec}, People: []string{eng.ID}, Targets: []string{"box.test"}, Limits: limits},
			{Name: "no exec", Position: "r.yaml:9:1", Forbid: true, Actions: []Action{Exec}, Groups: []string{"engineers"}, Targets: []string{"box.test"}},
			{Name: "nobody", Actions: []Action{Shell}, Groups: []string{"engineers"}},
			{Name: "apps", Actions: []Action{Forward}, Groups: []string{"engineers"}, Kinds: []string{"http"}, Limits: limits},
			{Name: "bare", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"bare.prod"}},
			{Name: "no zone", Actions: []Action{SFTPGet}, People: []string{eng.ID}, Targets: []string{"db1.prod"}, Hours: &Hours{Days: week, To: 24 * time.Hour}},
			{Name: "no puts", Forbid: true, Actions: []Action{SFTPPut}, People: []string{eng.ID}, Targets: []string{"db1.prod"}, From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			{Name: "no gets", Forbid: true, Actions: []Action{SFTPGet}, Targets: []string{"web.prod"}},
			{Name: "gets", Actions: []Action{SFTPGet}, Groups: []string{"engineers"}, Targets: []string{"web.prod"}, Limits: limits},
			{Name: "no nights", Forbid: true, Actions: []Action{Shell}, Targets: []string{"web.prod"}, Hours: &Hours{}},
			{Name: "shells", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"web.prod"}, Limits: limits},
			{Name: "no get anywhere", Forbid: true, Actions: []Action{SFTPGet}, People: []string{"somebody@x.eu"}},
			{Name: "free for all", Actions: []Action{SFTPPut}, Targets: []string{"web.prod"}, Limits: limits},
			{Name: "puts", Actions: []Action{SFTPPut}, People: []string{eng.ID}, Targets: []string{"db1.prod"}, Limits: limits},
		},
	}
}

// machine is that of db1.prod in the tables.
func machine() string {
	t := Target{Name: "db1.prod", Kind: "ssh", Customers: []string{"syd", "nord"}}
	return t.Machine()
}

func grant() *Grant {
	return &Grant{Machine: machine(), ID: "7KQM", Who: eng, Target: "db1.prod", Login: "deploy", Actions: []Action{Shell}, Customers: []string{"nord", "syd"},
		Reason: "outage", For: time.Hour, Made: noon, ActivateBefore: at(60)}
}

func begun() *Grant {
	g := grant()
	g.Activated, g.NotAfter = noon, at(60)
	return g
}

func touched(now time.Time) []Proof {
	return []Proof{{Kind: Passkey, Of: eng.ID, At: now, For: "this terminal"}}
}

func with[T any](x *T, change func(*T)) *T {
	change(x)
	return x
}

// TestAccess reads as the specification of who gets through to a target.
func TestAccess(t *testing.T) {
	p := testPolicy(t)
	q := func(change func(*Question)) Question {
		q := Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Login: "deploy", Binding: "this terminal"}
		change(&q)
		return q
	}
	under := func(g *Grant, now time.Time, proofs []Proof) Question {
		return q(func(q *Question) { q.Grant, q.Now, q.Proofs = g, now, proofs })
	}
	for _, c := range []struct {
		rule string
		q    Question
		want Verdict
		code Code
		why  string
	}{
		{"the zero question is denied", Question{}, Deny, ByPolicy, "not known who"},
		{"nobody is denied", q(func(q *Question) { q.Who = Principal{} }), Deny, ByPolicy, "not known who"},
		{"no kind is denied", q(func(q *Question) { q.Who.Kind = "" }), Deny, ByPolicy, "not known who"},
		{"no time is denied", q(func(q *Question) { q.Now = time.Time{} }), Deny, ByPolicy, "or when"},
		{"an unknown action is denied", q(func(q *Question) { q.Do = "fly" }), Deny, ByPolicy, "no such request"},
		{"an unknown target is denied", q(func(q *Question) { q.On = "db9.prod" }), Deny, NoTarget, `no target "db9.prod"`},
		{"an unknown login is denied", q(func(q *Question) { q.Login = "root" }), Deny, NoTarget, `no login "root"`},
		{"a target without logins is denied", q(func(q *Question) { q.On, q.Login = "bare.prod", "" }), Deny, NoTarget, "has no logins"},
		{"no login is the first one", q(func(q *Question) { q.Login = "" }), Ask, NoGrant, "no active grant for deploy"},
		{"without a grant one asks", q(func(q *Question) {}), Ask, NoGrant, "no active grant"},
		{"what no rule names is denied", q(func(q *Question) { q.Do = Forward }), Deny, ByPolicy, "no rule permits forward"},
		{"who is in no group learns of no target", q(func(q *Question) { q.Who = op }), Deny, NoTarget, "there is no target"},
		{"a group of the identity provider counts", q(func(q *Question) { q.Who = Principal{ID: "x", Kind: Staff, Groups: []string{"engineers"}} }), Ask, NoGrant, ""},
		{"an executive does not go in", q(func(q *Question) { q.Who.Kind = Executive }), Deny, NoTarget, "there is no target"},
		{"a reviewer does not go in", q(func(q *Question) { q.Who.Kind = Reviewer }), Deny, NoTarget, "there is no target"},
		{"an auditor does not go in", q(func(q *Question) { q.Who.Kind = Auditor }), Deny, NoTarget, "there is no target"},
		{"a machine may ask", q(func(q *Question) { q.Who.Kind = Machine }), Ask, NoGrant, ""},
		{"a rule without targets matches none", q(func(q *Question) { q.On, q.Login = "box.test", "root" }), Ask, NoGrant, ""},
		{"forbid beats permit, even later", q(func(q *Question) { q.On, q.Login, q.Do = "box.test", "root", Exec }), Deny, ByPolicy, `"no exec" forbids exec`},
		{"a forbid of an unknown place holds", q(func(q *Question) { q.Do = SFTPPut }), Deny, ByPolicy, "forbids"},
		{"a forbid of another place does not", q(func(q *Question) { q.Do, q.From = SFTPPut, netip.MustParseAddr("192.0.2.1") }), Ask, NoGrant, ""},
		{"a forbid that names nobody is for everybody", q(func(q *Question) { q.On, q.Login, q.Do = "web.prod", "app", SFTPGet }), Deny, ByPolicy, "forbids"},
		{"a forbid whose hours have no zone holds", q(func(q *Question) { q.On, q.Login = "web.prod", "app" }), Deny, ByPolicy, "forbids"},
		{"a permit that names nobody is for nobody", q(func(q *Question) { q.On, q.Login, q.Do = "web.prod", "app", SFTPPut }), Deny, ByPolicy, "no rule"},
		{"a rule by kind fits that kind", q(func(q *Question) { q.On, q.Login, q.Do = "web.prod", "app", Forward }), Ask, NoGrant, ""},
		{"a rule by kind fits no other", q(func(q *Question) { q.Do = Forward }), Deny, ByPolicy, "no rule"},
		{"a reason outside the rule is denied", q(func(q *Question) { q.Reason = "legal-order" }), Deny, ByPolicy, "permits it only for"},
		{"a reason of the rule may ask", q(func(q *Question) { q.Reason = "planned" }), Ask, NoGrant, ""},
		{"in its hours", q(func(q *Question) { q.On, q.Login = "night.prod", "root" }), Ask, NoGrant, ""},
		{"the last instant of the hours is out", q(func(q *Question) { q.On, q.Login, q.Now = "night.prod", "root", at(30) }), Deny, ByPolicy, "only in its hours"},
		{"just before it is in", q(func(q *Question) { q.On, q.Login, q.Now = "night.prod", "root", at(30).Add(-1) }), Ask, NoGrant, ""},
		{"another day is out", q(func(q *Question) { q.On, q.Login, q.Now = "night.prod", "root", noon.AddDate(0, 0, 3) }), Deny, ByPolicy, "only in its hours"},
		{"hours without a zone never hold", q(func(q *Question) { q.Do = SFTPGet }), Deny, ByPolicy, "only in its hours"},
		{"from its networks", q(func(q *Question) {
			q.On, q.Login, q.Do, q.From = "night.prod", "root", Exec, netip.MustParseAddr("::ffff:10.1.1.1")
		}), Ask, NoGrant, ""},
		{"not from elsewhere", q(func(q *Question) {
			q.On, q.Login, q.Do, q.From = "night.prod", "root", Exec, netip.MustParseAddr("11.0.0.1")
		}), Deny, ByPolicy, "only from its networks"},
		{"not from nowhere", q(func(q *Question) { q.On, q.Login, q.Do = "night.prod", "root", Exec }), Deny, ByPolicy, "only from its networks"},

		{"a grant wants a touch", under(grant(), noon, nil), Prove, NeedTouch, "touch"},
		{"a grant and a touch go in", under(grant(), noon, touched(noon)), Allow, "", "in force"},
		{"a touch of somebody else does not count", under(grant(), noon, []Proof{{Passkey, ceo.ID, noon, "this terminal"}}), Prove, NeedTouch, ""},
		{"a touch for another terminal does not count", under(grant(), noon, []Proof{{Passkey, eng.ID, noon, "that terminal"}}), Prove, NeedTouch, ""},
		{"another kind of proof does not count", under(grant(), noon, []Proof{{SSHKey, eng.ID, noon, "this terminal"}}), Prove, NeedTouch, ""},
		{"a touch from the future does not count", under(grant(), noon, touched(at(1))), Prove, NeedTouch, ""},
		{"the last instant of a touch is out", under(begun(), at(15), touched(noon)), Prove, NeedTouch, ""},
		{"just before it is in", under(begun(), at(15).Add(-1), touched(noon)), Allow, "", ""},
		{"a proof for nothing counts for nothing", q(func(q *Question) { q.Grant, q.Binding, q.Proofs = grant(), "", []Proof{{Passkey, eng.ID, noon, ""}} }), Prove, NeedTouch, ""},
		{"the last instant is out", under(begun(), at(60), touched(at(59))), Deny, HasExpired, "time of the grant is up"},
		{"just before it is in, too", under(begun(), at(60).Add(-1), touched(at(59))), Allow, "", ""},
		{"not used in time", under(grant(), at(60), touched(at(60))), Deny, HasExpired, "not used in time"},
		{"before it was made", under(grant(), at(-1), touched(at(-1))), Deny, HasExpired, "before the grant was made"},
		{"revoked", under(with(begun(), func(g *Grant) { g.Revoked, g.RevokedBy, g.RevokedWhy = noon, "ceo", "enough" }), at(1), touched(noon)), Deny, WasRevoked, "revoked by ceo: enough"},
		{"revoked without a word", under(with(begun(), func(g *Grant) { g.Revoked, g.RevokedBy = noon, "ceo" }), at(1), touched(noon)), Deny, WasRevoked, "revoked by ceo"},
		{"another person's grant", under(with(grant(), func(g *Grant) { g.Who = op }), noon, touched(noon)), Deny, NoGrant, "another person"},
		{"another target's grant", under(with(grant(), func(g *Grant) { g.Target = "x.prod" }), noon, touched(noon)), Deny, NoGrant, "another person, target"},
		{"a grant for another machine of that name", under(with(grant(), func(g *Grant) { g.Machine = "other" }), noon, touched(noon)), Deny, NoGrant, "another machine"},
		{"another login's grant", under(with(grant(), func(g *Grant) { g.Login = "shared" }), noon, touched(noon)), Deny, NoGrant, "login"},
		{"an action the grant lacks", q(func(q *Question) { q.Grant, q.Do, q.Proofs = grant(), Exec, touched(noon) }), Deny, ByPolicy, "does not hold exec"},
		{"a customer the grant lacks", under(with(grant(), func(g *Grant) { g.Customers = []string{"nord"} }), noon, touched(noon)), Deny, NoGrant, "not approved for"},
		{"a grant for a reason the rule lost", under(with(grant(), func(g *Grant) { g.Reason = "legal-order" }), noon, touched(noon)), Deny, ByPolicy, "permits it only for"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			check(t, p.Decide(c.q), c.want, c.code, c.why)
		})
	}
	check(t, (*Policy)(nil).Decide(q(func(*Question) {})), Deny, ByPolicy, "not known")
	check(t, new(Policy).Decide(q(func(*Question) {})), Deny, NoTarget, "no target")
}

func check(t *testing.T, got Decision, want Verdict, code Code, why string) {
	t.Helper()
	if got.Verdict != want || got.Code != code || !strings.Contains(got.Why.String(), why) {
		t.Errorf("got %v %q %q, want %v %q %q", got.Verdict, got.Code, got.Why, want, code, why)
	}
}

func TestAnAllowSaysWhatItRestsOn(t *testing.T) {
	got := testPolicy(t).Decide(Question{Now: at(5), Who: eng, Do: Shell, On: "db1.prod", Binding: "this terminal", Grant: begun(), Proofs: touched(at(4))})
	if got.Rule != "prod" || got.Position != "r.yaml:1:1" || !got.Until.Equal(at(60)) || got.Login != "deploy" {
		t.Errorf("got rule %q at %q until %v login %q", got.Rule, got.Position, got.Until, got.Login)
	}
	unused := testPolicy(t).Decide(Question{Now: at(5), Who: eng, Do: Shell, On: "db1.prod", Binding: "this terminal", Grant: grant(), Proofs: touched(at(4))})
	if !unused.Until.Equal(at(60)) {
		t.Errorf("an unused grant ends at %v, want %v", unused.Until, at(60))
	}
}

// TestWhoIsConcerned shows which customers a login reaches and whose yes is needed.
func TestWhoIsConcerned(t *testing.T) {
	board := Stage{Kind: ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour}
	exec := Stage{Kind: ByExecutive, Count: 1, Expires: 12 * time.Hour}
	cust := func(id string, step int) Stage {
		return Stage{Kind: ByCustomer, Customer: id, Count: 1, Expires: 96 * time.Hour, Step: step}
	}
	p := testPolicy(t)
	for _, c := range []struct {
		rule                    string
		on, login, customer, as string
		stages                  []Stage
		why                     string
	}{
		{"all customers of the target are concerned", "db1.prod", "deploy", "", "deploy", []Stage{board, cust("nord", 1), cust("syd", 1)}, ""},
		{"one named in the login", "db1.prod", "support_nord", "", "support_nord", []Stage{board, cust("nord", 1)}, ""},
		{"one named beside it", "db1.prod", "support_{{customer}}", "syd", "support_syd", []Stage{board, cust("syd", 1)}, ""},
		{"the same named twice", "db1.prod", "support_syd", "syd", "support_syd", []Stage{board, cust("syd", 1)}, ""},
		{"a fixed login reaches all, whatever it says", "db1.prod", "shared", "nord", "shared", []Stage{board, cust("nord", 1), cust("syd", 1)}, ""},
		{"so does a login per customer that says so", "db1.prod", "all_nord", "", "all_nord", []Stage{board, cust("nord", 1), cust("syd", 1)}, ""},
		{"two different ones are refused", "db1.prod", "support_syd", "nord", "", nil, "reaches syd, not nord"},
		{"none named is refused", "db1.prod", "support_{{customer}}", "", "", nil, "say which (nord, syd)"},
		{"a stranger is refused", "db1.prod", "support_{{customer}}", "ost", "", nil, "say which (nord, syd)"},
		{"a stranger in the login is refused", "db1.prod", "support_ost", "", "", nil, "no login"},
		{"half a login is refused", "db1.prod", "support_", "", "", nil, "no login"},
		{"production without an executive stage gets one", "night.prod", "root", "", "root", []Stage{exec}, ""},
		{"another class does not", "box.test", "root", "", "root", nil, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := p.Decide(Question{Now: noon, Who: eng, Do: Shell, On: c.on, Login: c.login, Customer: c.customer})
			if c.why != "" {
				check(t, got, Deny, NoTarget, c.why)
				return
			}
			if got.Verdict != Ask || got.Login != c.as {
				t.Fatalf("got %v %q %q", got.Verdict, got.Login, got.Why)
			}
			if d := cmp.Diff(c.stages, got.Stages); d != "" {
				t.Errorf("stages (-want +got):\n%s", d)
			}
		})
	}
}

func TestCustomersAreAskedEvenIfTheRuleForgot(t *testing.T) {
	p := testPolicy(t)
	p.Rules[0].Stages = nil
	got := p.Decide(Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Login: "support_nord"})
	var kinds []StageKind
	for _, s := range got.Stages() {
		kinds = append(kinds, s.Kind)
	}
	if !slices.Equal(kinds, []StageKind{ByExecutive, ByCustomer}) {
		t.Errorf("got %v", kinds)
	}
	if !slices.Equal(got.Reasons(), p.Rules[0].Reasons) {
		t.Errorf("got reasons %v", got.Reasons())
	}
	if got := p.Decide(Question{Now: noon, Who: eng, Do: Shell, On: "box.test"}); !slices.Equal(got.Reasons(), Reasons()) {
		t.Errorf("a rule without reasons takes %v", got.Reasons())
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	for v, want := range map[Verdict]string{Deny: "deny", Ask: "ask", Prove: "prove", Allow: "allow"} {
		if v.String() != want {
			t.Errorf("got %q, want %q", v, want)
		}
	}
}
