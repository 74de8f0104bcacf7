package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// glassPolicy is that of the tables with a rule for emergencies on all production.
func glassPolicy(t *testing.T) *Policy {
	p := testPolicy(t)
	p.Groups["oncall"] = []string{eng.ID, op.ID, peer.ID, ceo.ID}
	p.Rules = append(p.Rules, Rule{
		Name: "emergency", Position: "r.yaml:30:1", Actions: []Action{Shell, SFTPPut}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Reasons: []Reason{"outage"},
		Stages: []Stage{{Kind: ByGlass, Group: "oncall", Count: 1, Expires: 15 * time.Minute}}, Fresh: time.Hour, Witnesses: 2,
		Limits: Limits{Default: 2 * time.Hour, Max: 8 * time.Hour, ActivateWithin: 8 * time.Hour},
	}, Rule{Name: "endless", Actions: []Action{Agent}, Groups: []string{"engineers"}, Targets: []string{"night.prod"}, Stages: []Stage{{Kind: ByGlass, Group: "oncall", Count: 1}}})
	return p
}

// emergency is the request of an emergency, and its grant.
func emergency() *Request {
	return with(request(), func(r *Request) {
		r.Emergency, r.Glass, r.Actions = true, "G7KQ", []Action{Shell}
		r.Stages = []Stage{{Kind: ByGlass, Group: "oncall", Count: 1, Of: 2, Expires: 15 * time.Minute}}
	})
}

func taken() *Grant {
	return with(begun(), func(g *Grant) {
		g.Emergency, g.Login, g.Customers, g.Stages = true, "support_nord", []string{"nord"}, emergency().Stages
	})
}

// TestDecideInAnEmergency reads as the specification of breaking the glass.
func TestDecideInAnEmergency(t *testing.T) {
	p, ready := glassPolicy(t), glassPolicy(t)
	ready.Ready()
	machine := p.Targets["db1.prod"]
	ask := func(change func(*Question)) Question {
		q := Question{Now: at(1), Who: eng, Do: Shell, On: "db1.prod", Login: "support_nord", Emergency: true, Binding: "this terminal"}
		change(&q)
		return q
	}
	under := func(g *Grant, change func(*Question)) Question {
		return ask(func(q *Question) { q.Grant, q.Proofs = g, touched(at(1)); change(q) })
	}
	same := func(*Question) {}
	incident := Incident{Request: "7KQM", Who: peer.ID, Target: "db9.prod", Marks: machine.Marks(), At: at(2).Add(-RatifyWithin)}
	locks := func(x Incident) func(*Question) {
		return func(q *Question) { q.Incidents = []Incident{x} }
	}
	by := func(who Principal, do Action, lent ...*Motion) Question {
		return Question{Now: at(2), Who: who, Do: do, Request: emergency(), Delegations: lent, Binding: "statement", Proofs: []Proof{{Passkey, who.ID, at(2), "statement"}}}
	}
	lets := func(x Incident) Question {
		q := by(peer, Approve)
		q.Incidents = []Incident{x}
		return q
	}
	for _, c := range []struct {
		rule string
		q    Question
		want Verdict
		code Code
		why  string
	}{
		{"who breaks the glass asks a second person", ask(same), Ask, NoGrant, "no active grant"},
		{"a normal question finds normal rules alone", ask(func(q *Question) { q.Emergency = false }), Ask, NoGrant, ""},
		{"and is told of the glass where there is no other", ask(func(q *Question) { q.Emergency, q.Do, q.On, q.Login = false, Agent, "night.prod", "root" }), Deny, ByPolicy, "only in an emergency"},
		{"an emergency finds no normal rule", ask(func(q *Question) { q.Do = Exec }), Deny, ByPolicy, "no rule lets you break the glass for exec"},
		{"its conditions hold", ask(func(q *Question) { q.Reason = "planned" }), Deny, ByPolicy, "permits it only for"},
		{"a forbid holds in an emergency", ask(func(q *Question) { q.Do = SFTPPut }), Deny, ByPolicy, "forbids"},
		{"a customer that said never", ask(func(q *Question) { q.Never = []string{"nord"} }), Deny, ByPolicy, "customer nord said"},
		{"another one that did", ask(func(q *Question) { q.Never = []string{"syd"} }), Ask, NoGrant, ""},
		{"never is about emergencies", ask(func(q *Question) { q.Never, q.Emergency = []string{"nord"}, false }), Ask, NoGrant, ""},

		{"a grant of an emergency opens", under(taken(), same), Allow, "", "is in force"},
		{"with a touch of its own", under(taken(), func(q *Question) { q.Now, q.Proofs = at(7), touched(at(1)) }), Prove, NeedTouch, "touch"},
		{"it opens nothing as a normal one", under(taken(), func(q *Question) { q.Emergency = false }), Deny, NoGrant, "is for an emergency"},
		{"nor does a normal one in an emergency", under(begun(), func(q *Question) { q.Login = "deploy" }), Deny, NoGrant, "is for an emergency"},
		{"never ends what is under way", under(taken(), func(q *Question) { q.Never = []string{"nord"} }), Deny, ByPolicy, "never broken"},
		{"an hour is the most, whatever a row says", under(with(taken(), func(g *Grant) { g.NotAfter = at(300) }), func(q *Question) { q.Now, q.Proofs = at(60), touched(at(60)) }), Deny, HasExpired, "it is up"},
		{"its rule has to be there", under(with(taken(), func(g *Grant) { g.Stages[0].Group = "others" }), same), Deny, ByPolicy, "takes more approvals"},

		{"a machine of an emergency is not locked before its time", ask(locks(incident)), Ask, NoGrant, ""},
		{"at that instant it is", ask(func(q *Question) { locks(incident)(q); q.Now = at(2) }), Deny, ByPolicy, "nobody ratified it within 24 h"},
		{"and for normal questions", ask(func(q *Question) { locks(incident)(q); q.Now, q.Emergency = at(2), false }), Deny, ByPolicy, "/incidents/7KQM"},
		{"and under a grant", under(taken(), func(q *Question) { locks(incident)(q); q.Now = at(2) }), Deny, ByPolicy, "locked"},
		{"so is the person elsewhere", ask(func(q *Question) {
			locks(Incident{Who: eng.ID, Target: "x", At: noon.Add(-48 * time.Hour)})(q)
			q.On, q.Login, q.Emergency = "night.prod", "root", false
		}), Deny, ByPolicy, "locked"},
		{"so is a name, whatever machine it is of", ask(locks(Incident{Who: "x", Target: "db1.prod", At: noon.Add(-48 * time.Hour)})), Deny, ByPolicy, "locked"},
		{"others elsewhere are not", ask(locks(Incident{Who: "x", Target: "x", Marks: []string{"name x"}, At: noon.Add(-48 * time.Hour)})), Ask, NoGrant, ""},

		{"a second person says yes", by(peer, Approve), Allow, "", "you may decide"},
		{"not who is locked for an emergency of their own", lets(incident), Deny, ByPolicy, "you broke the glass"},
		{"whom another's does not lock", lets(Incident{Who: "x", Target: "db1.prod", At: noon.Add(-48 * time.Hour)}), Allow, "", ""},
		{"not who asks", by(eng, Approve), Deny, ByPolicy, "their own request"},
		{"not who confirmed their key", by(op, Approve), Deny, ByPolicy, "you confirmed the key"},
		{"not an executive, who ratifies it", by(ceo, Approve), Deny, ByPolicy, "not among those"},
		{"not one outside the group", by(Principal{ID: "x", Kind: Staff}, Approve), Deny, ByPolicy, "not among those"},
		{"not a deputy", by(out, Approve, lent(peer, out)), Deny, ByPolicy, "not among those"},
		{"who was skipped sees it", by(ceo, See), Allow, "", ""},
		{"and ends it", by(ceo, Revoke), Allow, "", ""},
		{"so does the customer", by(nord, Revoke), Allow, "", ""},
		{"and watches it", by(nord, Watch), Allow, "", ""},
		{"not another customer", by(syd, See), Deny, ByPolicy, "not yours"},
		{"an executive's deputy ends it", by(third, Revoke, lent(ceo, third)), Allow, "", ""},
	} {
		check(t, p.Decide(c.q), c.want, c.code, c.why)
		if got, want := ready.Decide(c.q).Why.String(), p.Decide(c.q).Why.String(); got != want {
			t.Errorf("%s: with an index %q, without %q", c.rule, got, want)
		}
		if t.Failed() {
			t.Fatal(c.rule)
		}
	}
}

func TestAnEmergencyIsShortAndWaitsForNoWitness(t *testing.T) {
	p := glassPolicy(t)
	q := Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Login: "deploy", Emergency: true}
	d := p.Decide(q)
	if d.Limits != (Limits{Default: time.Hour, Max: time.Hour, ActivateWithin: time.Hour}) || d.Fresh > 5*time.Minute || d.Witnesses != 0 || !d.Emergency {
		t.Errorf("got %+v", d)
	}
	if s := d.Stages(); len(s) != 1 || s[0].Kind != ByGlass {
		t.Errorf("it asks %+v", s)
	}
	if got := (&Request{Emergency: true, Customers: []string{"nord", "syd"}}).Skipped(); len(got) != 3 || (&Request{}).Skipped() != nil {
		t.Errorf("skipped are %+v", got)
	}
	q.Do, q.On, q.Login = Agent, "night.prod", "root"
	if d = p.Decide(q); d.Limits.Max != GlassMost {
		t.Errorf("a rule without a longest time gives %s", d.Limits.Max)
	}
	g := taken()
	q = Question{Now: at(1), Who: eng, Do: Shell, On: "db1.prod", Login: "support_nord", Emergency: true, Grant: g, Proofs: touched(at(1)), Binding: "this terminal",
		Incidents: []Incident{{Who: eng.ID, At: at(30).Add(-RatifyWithin)}, {Who: eng.ID, At: at(20).Add(-RatifyWithin)}, {Who: "x", At: at(10).Add(-RatifyWithin)}}}
	if d = p.Decide(q); d.Verdict != Allow || !d.Until.Equal(at(20)) {
		t.Errorf("it lasts until %s, want the first lock that is to come: %v", d.Until, d.Why)
	}
}

func TestADeputysYesIsNoSecondPersons(t *testing.T) {
	r := emergency()
	r.Votes = []Vote{deputy(out, peer, 1)}
	if s := r.Tally(at(2)); s.Phase != Pending {
		t.Errorf("it is %s", s.Phase)
	}
	r.Votes = append(r.Votes, yes(peer, 0, 2))
	if s := r.Tally(at(2)); s.Phase != Approved {
		t.Errorf("it is %s", s.Phase)
	}
}

func TestExplainSaysWhatIsForEmergencies(t *testing.T) {
	p := glassPolicy(t)
	for emergency, want := range map[bool]string{true: "it is not for emergencies", false: "it is for emergencies, and this is none"} {
		x := p.Explain(Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Login: "deploy", Emergency: emergency})
		if !slices.ContainsFunc(x.Rules, func(w Weighed) bool { return w.Why.String() == want }) {
			t.Errorf("no rule says %q: %+v", want, x.Rules)
		}
	}
}

// TestRatifyingIsForTheBoard, and to ask for it the gateway's and theirs.
func TestRatifyingIsForTheBoard(t *testing.T) {
	p := testPolicy(t)
	ratify := func(by Principal) *Motion {
		return with(moved(ToRatify, by, Stage{Kind: ByExecutive, Count: 1}), func(m *Motion) { m.About = "7KQM" })
	}
	review := func(by Principal) *Motion {
		return with(moved(ToReview, by, Stage{Kind: BySelf, Count: 1}), func(m *Motion) { m.About = "2026-W47" })
	}
	left := ceo
	left.Admitted = false
	seal := with(moved(ToSeal, gateway, Stage{Kind: ByExecutive, Count: 2}), func(m *Motion) { m.About = "B7KQ" })
	on := func(who Principal, do Action, m *Motion) Question {
		return Question{Now: at(20), Who: who, Do: do, Motion: m, Binding: "motion", Proofs: []Proof{{Passkey, who.ID, at(20), "motion"}}}
	}
	for _, c := range []struct {
		rule string
		q    Question
		want Verdict
		why  string
	}{
		{"the gateway asks for it", on(gateway, Propose, ratify(gateway)), Allow, ""},
		{"an executive asks for it", on(ceo, Propose, ratify(ceo)), Allow, ""},
		{"an engineer does not", on(eng, Propose, ratify(eng)), Deny, "not yours"},
		{"of nothing", on(ceo, Propose, with(ratify(ceo), func(m *Motion) { m.About = "" })), Deny, "not yours"},
		{"the gateway asks for codes", on(gateway, Propose, seal), Allow, ""},
		{"nobody else does", on(ceo, Propose, with(moved(ToSeal, ceo, Stage{Kind: ByExecutive, Count: 2}), func(*Motion) {})), Deny, "not yours"},
		{"one signature is not enough for codes", on(gateway, Propose, with(moved(ToSeal, gateway, Stage{Kind: ByExecutive, Count: 1}), func(*Motion) {})), Deny, "other signatures"},
		{"an executive signs", on(ceo, Sign, ratify(gateway)), Allow, ""},
		{"an executive reviews a week", on(ceo, Propose, review(ceo)), Allow, ""},
		{"and signs it alone", on(ceo, Sign, review(ceo)), Allow, ""},
		{"nobody signs another one's", on(ceo, Sign, review(peer)), Deny, "not among those"},
		{"not one whose passkey is not pinned", on(left, Sign, review(ceo)), Deny, "not among those"},
		{"an engineer reviews nothing", on(eng, Propose, review(eng)), Deny, "not yours"},
		{"a review is of some week", on(ceo, Propose, with(review(ceo), func(m *Motion) { m.About = "" })), Deny, "not yours"},
		{"nor who is not of the board", on(eng, Sign, ratify(gateway)), Deny, "not among those"},
	} {
		if got := p.Decide(c.q); got.Verdict != c.want || !strings.Contains(got.Why.String(), c.why) {
			t.Errorf("%s: got %v %q", c.rule, got.Verdict, got.Why)
		}
	}
}
