package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
	p.Targets["made.prod"] = &Target{Name: "made.prod", Kind: "ssh", Customers: []string{"nord", "syd"}, Logins: []Login{
		{Name: "ops_{{customer}}", One: true}, {Name: "ops_nord"}, {Name: "{{customer}}", One: true}, {Name: "s{{customer}}d", One: true}, {Name: "{{customer}}", One: true, ReadOnly: true}}}
	p.Rules = append(p.Rules, Rule{Name: "made", Actions: []Action{Shell}, People: []string{eng.ID}, Targets: []string{"made.prod"}})
	ready := *p
	ready.Ready()
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
		{"a fixed login comes before one made for a customer", "made.prod", "ops_nord", "", "ops_nord", []Stage{exec, cust("nord", 1), cust("syd", 1)}, ""},
		{"also where it is made", "made.prod", "ops_{{customer}}", "nord", "ops_nord", []Stage{exec, cust("nord", 1), cust("syd", 1)}, ""},
		{"what only one login makes reaches one", "made.prod", "ops_{{customer}}", "syd", "ops_syd", []Stage{exec, cust("syd", 1)}, ""},
		{"what two logins make reaches all", "made.prod", "syd", "", "syd", []Stage{exec, cust("nord", 1), cust("syd", 1)}, ""},
		{"another class does not", "box.test", "root", "", "root", nil, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			q := Question{Now: noon, Who: eng, Do: Shell, On: c.on, Login: c.login, Customer: c.customer}
			got := p.Decide(q)
			if d := cmp.Diff(got.Stages(), ready.Decide(q).Stages()); d != "" || got.Why.String() != ready.Decide(q).Why.String() {
				t.Errorf("with an index: %s%q", d, ready.Decide(q).Why)
			}
			if c.why != "" {
				check(t, got, Deny, NoTarget, c.why)
				return
			}
			if got.Verdict != Ask || got.Login != c.as {
				t.Fatalf("got %v %q %q", got.Verdict, got.Login, got.Why)
			}
			if d := cmp.Diff(c.stages, got.Stages()); d != "" {
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

func TestALoginIsReadOnlyWhereEverythingThatMakesItIs(t *testing.T) {
	x := Target{Name: "x", Customers: []string{"nord"}, Logins: []Login{{Name: "ro", ReadOnly: true}, {Name: "nord"}, {Name: "{{customer}}", ReadOnly: true}}}
	for name, want := range map[string]bool{"ro": true, "nord": false} {
		if got, _ := x.login(name, ""); got.readOnly != want {
			t.Errorf("%s: read only %v, want %v", name, got.readOnly, want)
		}
	}
}

// TestDeclaration reads as the specification of who may ask while a declaration is asked for.
func TestDeclaration(t *testing.T) {
	p := testPolicy(t)
	p.Declaration = &Declaration{Version: "2", Text: "I say nothing."}
	ready := *p
	ready.Ready()
	digest := p.Declaration.Digest()
	q := func(proofs ...Proof) Question {
		return Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Proofs: proofs}
	}
	under := q(touched(noon)...)
	under.Grant, under.Binding = grant(), "this terminal"
	signs := func(do Action) Question {
		return Question{Now: at(1), Who: eng, Do: do, Motion: declare(eng, "2"), Binding: "b", Proofs: []Proof{{Passkey, eng.ID, noon, "b"}}}
	}
	for _, c := range []struct {
		rule string
		q    Question
		want Verdict
		code Code
		why  string
	}{
		{"who has not signed it does not ask", q(), Prove, ByPolicy, "declaration (version 2) first"},
		{"who has does", q(Proof{Declared, eng.ID, noon, digest}), Ask, NoGrant, ""},
		{"another's does not count", q(Proof{Declared, op.ID, noon, digest}), Prove, ByPolicy, ""},
		{"an older one does not", q(Proof{Declared, eng.ID, noon, "old"}), Prove, ByPolicy, ""},
		{"another proof does not", q(Proof{Passkey, eng.ID, noon, digest}), Prove, ByPolicy, ""},
		{"one of the future does not", q(Proof{Declared, eng.ID, at(1), digest}), Prove, ByPolicy, ""},
		{"who has a grant is not asked again", under, Allow, "", ""},
		{"everybody may sign it", signs(Propose), Allow, "", ""},
		{"in their own name", signs(Sign), Allow, "", ""},
		{"not another version", Question{Now: at(1), Who: eng, Do: Propose, Motion: declare(eng, "1")}, Deny, ByPolicy, "not yours to propose"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			check(t, p.Decide(c.q), c.want, c.code, c.why)
			check(t, ready.Decide(c.q), c.want, c.code, c.why)
		})
	}
	if got := p.Decide(q()); got.Proof != Declared || got.For != digest {
		t.Errorf("got proof %q for %q", got.Proof, got.For)
	}
}

// TestGrace reads as the specification of when a session whose time is up stays frozen.
func TestGrace(t *testing.T) {
	extension := func(change func(*Request)) *Request {
		return with(request(), func(r *Request) { r.Extends, r.At = "7KQM", at(50); change(r) })
	}
	nothing := func(*Request) {}
	for _, c := range []struct {
		rule string
		g    *Grant
		x    *Request
		now  time.Time
		want time.Time
	}{
		{"more time is pending", begun(), extension(nothing), at(60), at(61)},
		{"the last instant is out", begun(), extension(nothing), at(61), time.Time{}},
		{"no more time was asked for", begun(), nil, at(60), time.Time{}},
		{"under another grant", begun(), extension(func(r *Request) { r.Extends = "2B7T" }), at(60), time.Time{}},
		{"by another person", begun(), extension(func(r *Request) { r.Who = peer }), at(60), time.Time{}},
		{"too late", begun(), extension(func(r *Request) { r.At = at(60) }), at(60), time.Time{}},
		{"it was rejected", begun(), extension(func(r *Request) { r.Votes = []Vote{no(ceo, 0, 51), no(cto, 0, 52)} }), at(60), time.Time{}},
		{"the grant was never used", grant(), extension(nothing), at(60), time.Time{}},
		{"the grant was revoked", with(begun(), func(g *Grant) { g.Revoked = at(59) }), extension(nothing), at(60), time.Time{}},
		{"the clock went back", begun(), extension(nothing), at(-1), time.Time{}},
	} {
		got := testPolicy(t).Decide(Question{Now: c.now, Who: eng, Do: Shell, On: "db1.prod", Grant: c.g, Extension: c.x})
		if got.Verdict != Deny || !got.Grace.Equal(c.want) {
			t.Errorf("%s: got %v until %v, want %v", c.rule, got.Verdict, got.Grace, c.want)
		}
	}
}

// TestWhatAnAnswerHolds shows what is worked out only when somebody asks.
func TestWhatAnAnswerHolds(t *testing.T) {
	p, ready := testPolicy(t), testPolicy(t)
	ready.Ready()
	for _, p := range []*Policy{p, ready} {
		ask := p.Decide(Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod"})
		if ask.Machine() != machine() || !slices.Equal(ask.Actions(), []Action{Shell, Exec}) {
			t.Errorf("got machine %s, actions %v", ask.Machine(), ask.Actions())
		}
		no := p.Decide(Question{Now: noon, Who: eng, Do: Exec, On: "box.test"})
		if no.Stages() != nil || no.Actions() != nil || no.Machine() != "" || !slices.Equal(no.Reasons(), Reasons()) {
			t.Errorf("a forbid asks for %v, permits %v", no.Stages(), no.Actions())
		}
	}
}

// TestStagesNameWhomTheyAsk: an owner's stage asks the target's owner.
func TestStagesNameWhomTheyAsk(t *testing.T) {
	p := testPolicy(t)
	p.Targets["box.test"].Owner = peer.ID
	p.Rules[5].Stages = []Stage{{Kind: ByPeer, Group: "platform", Count: 1}, {Kind: ByOwner, Count: 1, Step: 1}}
	got := p.Decide(Question{Now: noon, Who: eng, Do: Shell, On: "box.test"}).Stages()
	if d := cmp.Diff([]Stage{{Kind: ByPeer, Group: "platform", Count: 1}, {Kind: ByOwner, Group: peer.ID, Count: 1, Step: 1}}, got); d != "" {
		t.Errorf("stages (-want +got):\n%s", d)
	}
}

// TestMoreOfTheSame: two stages of the same people are not passed by one.
func TestMoreOfTheSame(t *testing.T) {
	s := Stage{Kind: ByPeer, Group: "platform", Count: 1}
	r := Rule{Stages: []Stage{s, s}}
	box := &Target{Class: "test"}
	if r.sufficed([]Stage{s}, box, nil) || !r.sufficed([]Stage{s, s}, box, nil) {
		t.Error("one of two stages is enough, or two are not")
	}
}

func TestAGrantSaysUntilWhen(t *testing.T) {
	if got := grant().Until(); !got.Equal(at(60)) {
		t.Errorf("unused until %v", got)
	}
	if got := with(begun(), func(g *Grant) { g.NotAfter = at(30) }).Until(); !got.Equal(at(30)) {
		t.Errorf("begun until %v", got)
	}
}

func TestActivatorsAreTwoAtLeast(t *testing.T) {
	for n, p := range map[int]*Policy{2: nil, 3: {Activation: 3}} {
		if got := p.Activators(); got != n {
			t.Errorf("got %d, want %d", got, n)
		}
	}
	if got := (&Policy{Activation: 1}).Activators(); got != 2 {
		t.Errorf("got %d", got)
	}
}

// TestScopes reads as the specification of what a delegation or an instruction covers.
func TestScopes(t *testing.T) {
	r := request()
	r.Actions, r.Need.Reason = []Action{Shell, Exec}, "outage"
	open := Hours{Days: []time.Weekday{time.Wednesday}, From: 12 * time.Hour, To: 13 * time.Hour, Zone: time.UTC}
	shut := open
	shut.To = 12 * time.Hour
	for _, c := range []struct {
		rule string
		s    Scope
		want bool
	}{
		{"the zero scope is everything", Scope{}, true},
		{"its target", Scope{Targets: []string{"db1.prod"}}, true},
		{"another target", Scope{Targets: []string{"web.prod"}}, false},
		{"its login", Scope{Logins: []string{"support_nord"}}, true},
		{"another login", Scope{Logins: []string{"deploy"}}, false},
		{"all of its actions", Scope{Actions: []Action{Exec, Shell, Forward}}, true},
		{"one of its actions", Scope{Actions: []Action{Shell}}, false},
		{"its reason", Scope{Reasons: []Reason{"outage"}}, true},
		{"another reason", Scope{Reasons: []Reason{"planned"}}, false},
		{"in its hours", Scope{Hours: &open}, true},
		{"out of them", Scope{Hours: &shut}, false},
	} {
		if got := c.s.Covers(r); got != c.want {
			t.Errorf("%s: got %v", c.rule, got)
		}
	}
}
