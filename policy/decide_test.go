package policy

import (
	"net/netip"
	"testing"
	"time"
)

// TestDecide reads as the specification of who may do what: who gets through to
// a target, who decides on, looks at and ends a request, and who makes, signs
// and ends a motion. It holds with an index and without.
func TestDecide(t *testing.T) {
	p, ready := testPolicy(t), testPolicy(t)
	t1 := at(1)
	q := func(change func(*Question)) Question {
		q := Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Login: "deploy", Binding: "this terminal"}
		change(&q)
		return q
	}
	under := func(g *Grant, now time.Time, proofs []Proof) Question {
		return q(func(q *Question) { q.Grant, q.Now, q.Proofs = g, now, proofs })
	}
	proof := []Proof{{Passkey, ceo.ID, at(1), "statement"}}
	by := func(who Principal, do Action, r *Request, lent ...*Motion) Question {
		return Question{Now: at(20), Who: who, Do: do, Request: r, Delegations: lent, Binding: "statement", Proofs: []Proof{{Passkey, who.ID, at(20), "statement"}}}
	}
	on := func(who Principal, do Action, m *Motion) Question {
		return Question{Now: at(20), Who: who, Do: do, Motion: m, Binding: "motion", Proofs: []Proof{{Passkey, who.ID, at(20), "motion"}}}
	}
	opExec := Principal{ID: op.ID, Kind: Executive, Admitted: true}
	p.Groups["board"], ready.Groups["board"] = append(p.Groups["board"], op.ID), append(ready.Groups["board"], op.ID)
	ready.Ready()
	stranger := Principal{ID: "x", Kind: Executive}
	approvedByBoard := with(request(), func(r *Request) { r.Votes = []Vote{yes(ceo, 0, 0)} })
	all := with(request(), func(r *Request) { r.Customers = []string{"nord", "syd"} })
	of := func(s Stage) *Request {
		s.Count, s.Of, s.Expires = max(1, s.Count), 2, 12*time.Hour
		return with(request(), func(r *Request) { r.Stages = []Stage{s} })
	}
	ladder := of(Stage{Kind: ByExecutive, Group: "board", Escalate: []Rung{{After: 5 * time.Minute, Remind: "all"}, {After: 15 * time.Minute, To: "deputies", Of: 1}}})
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
		{"a forbid that names nobody is for everybody", q(func(q *Question) { q.On, q.Login, q.Do = "host.prod", "app", SFTPGet }), Deny, ByPolicy, "forbids"},
		{"a forbid whose hours have no zone holds", q(func(q *Question) { q.On, q.Login = "host.prod", "app" }), Deny, ByPolicy, "forbids"},
		{"a permit that names nobody is for nobody", q(func(q *Question) { q.On, q.Login, q.Do = "host.prod", "app", SFTPPut }), Deny, ByPolicy, "no rule"},
		{"a rule by kind fits that kind", q(func(q *Question) { q.On, q.Login, q.Do = "web.prod", "app", HTTPGet }), Ask, NoGrant, ""},
		{"what is not done on such a target is denied, whatever rule names it", q(func(q *Question) { q.On, q.Login, q.Do = "web.prod", "app", Forward }), Deny, ByPolicy, "forward cannot be done on web.prod, which is of kind http"},
		{"and under a grant for it", q(func(q *Question) { q.On, q.Login, q.Do, q.Grant = "host.prod", "app", HTTPGet, grant() }), Deny, ByPolicy, "http-read cannot be done on host.prod"},
		{"whom nothing concerns learns no kind", q(func(q *Question) { q.Who, q.On, q.Do = op, "web.prod", Shell }), Deny, NoTarget, "there is no target"},
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

		{"a rule that takes more stages now", under(with(grant(), func(g *Grant) { g.Stages = g.Stages[1:] }), noon, touched(noon)), Deny, ByPolicy, "takes more approvals now"},
		{"a rule that takes more votes now", under(with(grant(), func(g *Grant) { g.Stages[0].Count = 0 }), noon, touched(noon)), Deny, ByPolicy, "takes more approvals now"},
		{"one that starts later", under(with(grant(), func(g *Grant) { g.NotBefore = at(5) }), noon, touched(noon)), Deny, NotYet, "starts at 2026-11-18 12:05 UTC"},
		{"its first instant is in", under(with(grant(), func(g *Grant) { g.NotBefore = at(5) }), at(5), touched(at(5))), Allow, "", ""},
		{"a promise is made first", under(with(grant(), func(g *Grant) { g.Promises = []string{"call me"} }), noon, touched(noon)), Deny, NotYet, "`accept 7KQM` shows it"},
		{"a promise made", under(with(grant(), func(g *Grant) { g.Promises, g.Accepted = []string{"call me"}, noon }), noon, touched(noon)), Allow, "", ""},
		{"before it was made it is not", under(with(grant(), func(g *Grant) { g.Promises, g.Accepted = []string{"call me"}, at(1) }), noon, touched(noon)), Deny, NotYet, ""},
		{"a rule that gives less time now", under(with(begun(), func(g *Grant) { g.NotAfter = at(300) }), at(240), touched(at(240))), Deny, HasExpired, "less time now"},
		{"just before it is in, of less time", under(with(begun(), func(g *Grant) { g.NotAfter = at(300) }), at(239), touched(at(239))), Allow, "", ""},
		{"more time that was asked for is not a rule's", under(with(begun(), func(g *Grant) { g.NotAfter, g.Extends = at(300), "2B7T" }), at(240), touched(at(240))), Allow, "", ""},
		{"but at most eight hours in all", under(with(begun(), func(g *Grant) { g.NotAfter, g.Extends, g.Spent = at(300), "2B7T", 4*time.Hour }), at(240), touched(at(240))), Deny, HasExpired, ""},
		{"a grant for no reason does not meet a rule's", under(with(grant(), func(g *Grant) { g.Reason = "" }), noon, touched(noon)), Deny, ByPolicy, "permits it only for"},
		{"a forbid for some reasons holds where none is known", q(func(q *Question) { q.On, q.Login, q.Do = "host.prod", "app", Exec }), Deny, ByPolicy, `"no audits" forbids`},
		{"and does not hold for another", q(func(q *Question) { q.On, q.Login, q.Do, q.Reason = "host.prod", "app", Exec, "planned" }), Ask, NoGrant, ""},
		{"a forbid whose hours end before they begin holds", q(func(q *Question) { q.On, q.Login, q.Do = "web.prod", "app", HTTPPut }), Deny, ByPolicy, "forbids"},
		{"a forbid whose hours are over does not", q(func(q *Question) { q.On, q.Login, q.Do = "web.prod", "app", HTTPGet }), Ask, NoGrant, ""},
		{"the first permit decides", q(func(q *Question) { q.Reason = "outage" }), Ask, NoGrant, ""},

		{"no request", Question{Now: t1, Who: ceo, Do: Approve}, Deny, ByPolicy, "no such request"},
		{"a board member must sign", Question{Now: t1, Who: ceo, Do: Approve, Request: request()}, Prove, NeedTouch, "passkey signature"},
		{"a signature counts", Question{Now: t1, Who: ceo, Do: Approve, Request: request(), Proofs: proof, Binding: "statement"}, Allow, "", "may decide"},
		{"a signature of another statement does not", Question{Now: t1, Who: ceo, Do: Approve, Request: request(), Proofs: proof, Binding: "other"}, Prove, NeedTouch, ""},
		{"a no needs none", Question{Now: t1, Who: ceo, Do: Reject, Request: request()}, Allow, "", ""},
		{"own request", Question{Now: t1, Who: eng, Do: Approve, Request: request()}, Deny, ByPolicy, "own request"},
		{"own request, rejected", Question{Now: t1, Who: eng, Do: Reject, Request: request()}, Deny, ByPolicy, "own request"},
		{"who vouched for the requester", Question{Now: t1, Who: opExec, Do: Approve, Request: request()}, Deny, ByPolicy, "confirmed the key"},
		{"an executive outside the group", Question{Now: t1, Who: Principal{ID: "x", Kind: Executive, Admitted: true}, Do: Approve, Request: request()}, Deny, ByPolicy, "not among those"},
		{"an executive who is not pinned", Question{Now: t1, Who: Principal{ID: ceo.ID, Kind: Executive}, Do: Reject, Request: request()}, Deny, ByPolicy, "not among those"},
		{"an executive who is not pinned sees nothing", Question{Now: t1, Who: Principal{ID: ceo.ID, Kind: Executive}, Do: See, Request: request()}, Deny, ByPolicy, "not yours"},
		{"staff in the board's group", Question{Now: t1, Who: Principal{ID: ceo.ID, Kind: Staff, Admitted: true}, Do: Approve, Request: request()}, Deny, ByPolicy, "not among those"},
		{"a reviewer before the board", Question{Now: t1, Who: nord, Do: Approve, Request: request()}, Deny, ByPolicy, "not your turn"},
		{"a reviewer after the board", Question{Now: t1, Who: nord, Do: Approve, Request: approvedByBoard}, Prove, NeedTouch, ""},
		{"a reviewer of another customer", Question{Now: t1, Who: syd, Do: Approve, Request: approvedByBoard}, Deny, ByPolicy, "not among those"},
		{"a reviewer of no customer", Question{Now: t1, Who: Principal{ID: "x", Kind: Reviewer, Admitted: true}, Do: Approve, Request: with(request(), func(r *Request) { r.Stages[0].Kind, r.Stages[0].Customer = ByCustomer, "" })}, Deny, ByPolicy, "not among those"},
		{"the board twice", Question{Now: t1, Who: ceo, Do: Reject, Request: approvedByBoard}, Deny, ByPolicy, "already voted"},
		{"the other board member after quorum", Question{Now: t1, Who: cto, Do: Approve, Request: approvedByBoard}, Deny, ByPolicy, "this stage is approved"},
		{"an expired request", Question{Now: at(12 * 60), Who: ceo, Do: Approve, Request: request()}, Deny, ByPolicy, "the request is expired"},
		{"a stage of an unknown kind has no voters", Question{Now: t1, Who: ceo, Do: Approve, Request: with(request(), func(r *Request) { r.Stages[0].Kind = "moon" })}, Deny, ByPolicy, "not among those"},

		{"the requester sees it", Question{Now: t1, Who: eng, Do: See, Request: request()}, Allow, "", ""},
		{"the board sees it", Question{Now: t1, Who: ceo, Do: See, Request: request()}, Allow, "", ""},
		{"its customer sees it", Question{Now: t1, Who: nord, Do: See, Request: request()}, Allow, "", ""},
		{"an auditor sees it", Question{Now: t1, Who: audit, Do: See, Request: request()}, Allow, "", ""},
		{"another customer does not", Question{Now: t1, Who: syd, Do: See, Request: request()}, Deny, ByPolicy, "not yours to see"},
		{"another engineer does not", Question{Now: t1, Who: op, Do: See, Request: request()}, Deny, ByPolicy, "not yours to see"},
		{"the requester withdraws", Question{Now: t1, Who: eng, Do: Withdraw, Request: request()}, Allow, "", ""},
		{"the board does not withdraw", Question{Now: t1, Who: ceo, Do: Withdraw, Request: request()}, Deny, ByPolicy, "withdraw"},
		{"the requester gives back", Question{Now: t1, Who: eng, Do: GiveBack, Request: request()}, Allow, "", ""},
		{"nobody else gives back", Question{Now: t1, Who: nord, Do: GiveBack, Request: request()}, Deny, ByPolicy, "give back"},
		{"the board revokes", Question{Now: t1, Who: cto, Do: Revoke, Request: request()}, Allow, "", ""},
		{"its customer revokes", Question{Now: t1, Who: nord, Do: Revoke, Request: request()}, Allow, "", ""},
		{"another customer does not revoke", Question{Now: t1, Who: syd, Do: Revoke, Request: request()}, Deny, ByPolicy, ""},
		{"the requester revokes", Question{Now: t1, Who: eng, Do: Revoke, Request: request()}, Allow, "", ""},
		{"an auditor does not revoke", Question{Now: t1, Who: audit, Do: Revoke, Request: request()}, Deny, ByPolicy, ""},
		{"a touch is signed", Question{Now: t1, Who: eng, Do: Touch, Request: request()}, Prove, NeedTouch, "passkey signature"},
		{"a touch that is signed", Question{Now: t1, Who: eng, Do: Touch, Request: request(), Binding: "b", Proofs: []Proof{{Passkey, eng.ID, at(1), "b"}}}, Allow, "", ""},
		{"a touch of another", Question{Now: t1, Who: op, Do: Touch, Request: request()}, Deny, ByPolicy, ""},
		{"the requester replays", Question{Now: t1, Who: eng, Do: Replay, Request: request()}, Allow, "", ""},
		{"the auditor replays", Question{Now: t1, Who: audit, Do: Replay, Request: request()}, Allow, "", ""},
		{"the board watches", Question{Now: t1, Who: ceo, Do: Watch, Request: request()}, Allow, "", ""},
		{"its customer watches", Question{Now: t1, Who: nord, Do: Watch, Request: request()}, Allow, "", ""},
		{"one of two customers does not", Question{Now: t1, Who: nord, Do: Replay, Request: all}, Deny, ByPolicy, ""},
		{"another customer does not watch", Question{Now: t1, Who: syd, Do: Watch, Request: request()}, Deny, ByPolicy, ""},
		{"the board freezes", Question{Now: t1, Who: cto, Do: Freeze, Request: request()}, Allow, "", ""},
		{"its customer freezes", Question{Now: t1, Who: nord, Do: Freeze, Request: request()}, Allow, "", ""},
		{"one of two customers freezes what it may not watch", Question{Now: t1, Who: syd, Do: Freeze, Request: with(request(), func(r *Request) {
			r.Customers = []string{"nord", "syd"}
			r.Stages = append(r.Stages, Stage{Kind: ByCustomer, Customer: "syd", Count: 1, Of: 1, Expires: 96 * time.Hour, Step: 1})
		})}, Allow, "", ""},
		{"another customer does not freeze", Question{Now: t1, Who: syd, Do: Freeze, Request: request()}, Deny, ByPolicy, "not yours to freeze"},
		{"a reviewer who is not pinned does not", Question{Now: t1, Who: Principal{ID: nord.ID, Kind: Reviewer, Customer: "nord"}, Do: Freeze, Request: request()}, Deny, ByPolicy, "not yours to freeze"},
		{"who works in it does not", Question{Now: t1, Who: eng, Do: Freeze, Request: request()}, Deny, ByPolicy, "not yours to freeze"},
		{"not by a seat of theirs either", Question{Now: t1, Who: ceo, Do: Freeze, Request: with(request(), func(r *Request) { r.Who = ceo })}, Deny, ByPolicy, "not yours to freeze"},
		{"an auditor does not freeze", Question{Now: t1, Who: audit, Do: Freeze, Request: request()}, Deny, ByPolicy, "not yours to freeze"},
		{"an executive keeps a recording", Question{Now: t1, Who: ceo, Do: Preserve, Request: request()}, Allow, "", ""},
		{"one whom nobody asked, too", Question{Now: t1, Who: third, Do: Preserve, Request: request()}, Allow, "", ""},
		{"one who is not pinned does not", Question{Now: t1, Who: stranger, Do: Preserve, Request: request()}, Deny, ByPolicy, "not yours to preserve"},
		{"its customer does not", Question{Now: t1, Who: nord, Do: Preserve, Request: request()}, Deny, ByPolicy, "not yours to preserve"},
		{"who works in it does not keep it", Question{Now: t1, Who: eng, Do: Preserve, Request: request()}, Deny, ByPolicy, "not yours to preserve"},
		{"an auditor does not keep it", Question{Now: t1, Who: audit, Do: Preserve, Request: request()}, Deny, ByPolicy, "not yours to preserve"},
		{"an unknown action", Question{Now: t1, Who: ceo, Do: "fly", Request: request()}, Deny, ByPolicy, "not yours to fly"},

		{"a login is signed", Question{Now: t1, Who: eng, Do: LogIn}, Prove, NeedTouch, "passkey signature"},
		{"a login that is signed", Question{Now: t1, Who: eng, Do: LogIn, Binding: "b", Proofs: []Proof{{Passkey, eng.ID, at(1), "b"}}}, Allow, "", ""},
		{"a login signed by another", Question{Now: t1, Who: eng, Do: LogIn, Binding: "b", Proofs: []Proof{{Passkey, op.ID, at(1), "b"}}}, Prove, NeedTouch, ""},
		{"the login of a machine", Question{Now: t1, Who: Principal{ID: "ci", Kind: Machine}, Do: LogIn}, Deny, ByPolicy, "machine"},
		{"an executive vouches, signed", Question{Now: t1, Who: ceo, Do: Vouch, Person: eng}, Prove, NeedTouch, ""},
		{"and signs", Question{Now: t1, Who: ceo, Do: Vouch, Person: eng, Binding: "v", Proofs: []Proof{{Passkey, ceo.ID, at(1), "v"}}}, Allow, "", ""},
		{"one who is not pinned does not", Question{Now: t1, Who: Principal{ID: "x", Kind: Executive}, Do: Vouch, Person: eng}, Deny, ByPolicy, "only an executive"},
		{"an operator does not vouch", Question{Now: t1, Who: op, Do: Vouch, Person: eng}, Deny, ByPolicy, "only an executive"},
		{"an engineer does not vouch", Question{Now: t1, Who: eng, Do: Vouch, Person: op}, Deny, ByPolicy, "only an executive"},
		{"a reviewer does not vouch", Question{Now: t1, Who: nord, Do: Vouch, Person: op}, Deny, ByPolicy, "only an executive"},
		{"nobody vouches for themselves", Question{Now: t1, Who: ceo, Do: Vouch, Person: ceo}, Deny, ByPolicy, "own key"},
		{"nobody vouches for nobody", Question{Now: t1, Who: ceo, Do: Vouch}, Deny, ByPolicy, "own key"},

		{"before its rung a deputy group waits", Question{Now: at(14), Who: out, Do: Reject, Request: ladder}, Deny, ByPolicy, "not among those"},
		{"after its rung it decides", Question{Now: at(15), Who: out, Do: Reject, Request: ladder}, Allow, "", ""},
		{"but only who is of the stage's kind", Question{Now: at(15), Who: Principal{ID: out.ID, Kind: Staff}, Do: Reject, Request: ladder}, Deny, ByPolicy, "not among those"},
		{"a reminder lets in nobody", Question{Now: at(15), Who: Principal{ID: "y", Kind: Executive, Admitted: true}, Do: Reject, Request: ladder}, Deny, ByPolicy, "not among those"},
		{"a peer decides", by(op, Approve, of(Stage{Kind: ByPeer, Group: "platform"})), Deny, ByPolicy, "confirmed the key"},
		{"another peer does", by(peer, Approve, of(Stage{Kind: ByPeer, Group: "platform"})), Allow, "", ""},
		{"a peer of no group does not", by(peer, Approve, of(Stage{Kind: ByPeer})), Deny, ByPolicy, "not among those"},
		{"a reviewer is no peer", by(nord, Approve, of(Stage{Kind: ByPeer, Group: "platform"})), Deny, ByPolicy, "not among those"},
		{"the owner decides", by(peer, Approve, of(Stage{Kind: ByOwner, Group: peer.ID})), Allow, "", ""},
		{"a member of the group that owns it does", by(peer, Approve, of(Stage{Kind: ByOwner, Group: "platform"})), Allow, "", ""},
		{"a person is no group of peers", by(peer, Approve, of(Stage{Kind: ByPeer, Group: peer.ID})), Deny, ByPolicy, "not among those"},

		{"a deputy decides", by(peer, Approve, request(), lent(ceo, peer)), Allow, "", ""},
		{"a deputy sees it", by(peer, See, request(), lent(ceo, peer)), Allow, "", ""},
		{"a deputy watches as who lends the seat", by(peer, Watch, request(), lent(ceo, peer)), Allow, "", ""},
		{"a deputy freezes", by(peer, Freeze, request(), lent(ceo, peer)), Allow, "", ""},
		{"not one's own session", by(eng, Freeze, request(), lent(ceo, eng)), Deny, ByPolicy, "not yours to freeze"},
		{"a deputy keeps no recording", by(peer, Preserve, request(), lent(ceo, peer)), Deny, ByPolicy, "not yours to preserve"},
		{"and no more than they", by(peer, Watch, with(request(), func(r *Request) { r.Customers = []string{"nord", "syd"} }), lent(nord, peer)), Deny, ByPolicy, ""},
		{"a deputy of somebody else's does not", by(peer, Approve, request(), lent(ceo, cto)), Deny, ByPolicy, "not among those"},
		{"a deputy of who is not pinned does not", by(peer, Approve, request(), lent(stranger, peer)), Deny, ByPolicy, "not among those"},
		{"a deputy's deputy does not", by(peer, Approve, request(), lent(op, peer)), Deny, ByPolicy, "not among those"},
		{"a deputy for one's own request does not", by(eng, Approve, request(), lent(ceo, eng)), Deny, ByPolicy, "own request"},
		{"a deputy of who asks does not", by(peer, Approve, with(request(), func(r *Request) { r.Who.ID = ceo.ID }), lent(ceo, peer)), Deny, ByPolicy, "not among those"},
		{"a deputy of who confirmed the key does not", by(peer, Approve, with(request(), func(r *Request) { r.Who.Vouched = ceo.ID }), lent(ceo, peer)), Deny, ByPolicy, "not among those"},
		{"a deputy whose time is over does not", by(peer, Approve, request(), with(lent(ceo, peer), func(m *Motion) { m.Until = at(20) })), Deny, ByPolicy, "not among those"},
		{"a deputy for other targets does not", by(peer, Approve, request(), with(lent(ceo, peer), func(m *Motion) { m.Scope.Targets = []string{"web.prod"} })), Deny, ByPolicy, "not among those"},
		{"a motion to admit lends nothing", by(peer, Approve, request(), with(lent(ceo, peer), func(m *Motion) { m.Kind = ToInstruct })), Deny, ByPolicy, "not among those"},
		{"no delegation lends nothing", by(peer, Approve, request(), nil), Deny, ByPolicy, "not among those"},
		{"who approved one stage is not asked for the next", by(ceo, Approve, with(request(), func(r *Request) {
			r.Stages[1] = Stage{Kind: ByOwner, Group: ceo.ID, Count: 1, Of: 1, Expires: 12 * time.Hour, Step: 1}
			r.Votes = []Vote{yes(ceo, 0, 0)}
		})), Deny, ByPolicy, "this one takes somebody else"},
		{"a deputy and who lends the seat are one", by(peer, Approve, with(request(), func(r *Request) { r.Stages[0].Count, r.Votes = 2, []Vote{yes(ceo, 0, 1)} }), lent(ceo, peer)), Deny, ByPolicy, "already voted"},
		{"and the other way round", by(ceo, Approve, with(request(), func(r *Request) {
			r.Stages[0].Count, r.Votes = 2, []Vote{{By: peer, Behalf: ceo.ID, Verdict: Yes, At: at(1)}}
		})), Deny, ByPolicy, "already voted"},
		{"the deputy of two stands for the one who has not voted", by(peer, Approve, with(request(), func(r *Request) { r.Stages[0].Count, r.Votes = 2, []Vote{yes(ceo, 0, 1)} }), lent(ceo, peer), lent(cto, peer)), Allow, "", ""},
		{"who asks writes into the thread", by(eng, Say, request()), Allow, "", ""},
		{"the board does", by(ceo, Say, request()), Allow, "", ""},
		{"an auditor does not", by(audit, Say, request()), Deny, ByPolicy, ""},
		{"who asked extends", by(eng, Extend, request()), Allow, "", ""},
		{"who asked accepts", by(eng, Accept, request()), Allow, "", ""},
		{"nobody accepts for another", by(ceo, Accept, request()), Deny, ByPolicy, "not yours to accept"},

		{"an auditor reads the main log", Question{Now: t1, Who: audit, Do: ReadLog}, Allow, "", "every log"},
		{"the board does", Question{Now: t1, Who: ceo, Do: ReadLog}, Allow, "", ""},
		{"who is not pinned does not", Question{Now: t1, Who: stranger, Do: ReadLog}, Deny, ByPolicy, "not yours to read"},
		{"an engineer does not", Question{Now: t1, Who: eng, Do: ReadLog}, Deny, ByPolicy, "not yours to read"},
		{"a reviewer does not", Question{Now: t1, Who: nord, Do: ReadLog}, Deny, ByPolicy, "not yours to read"},
		{"a reviewer reads their customer's", Question{Now: t1, Who: nord, Do: ReadLog, Customer: "nord"}, Allow, "", "own customer"},
		{"not another's", Question{Now: t1, Who: nord, Do: ReadLog, Customer: "syd"}, Deny, ByPolicy, "not yours to read"},
		{"an auditor reads a customer's", Question{Now: t1, Who: audit, Do: ReadLog, Customer: "nord"}, Allow, "", ""},

		{"an executive proposes another", on(ceo, Propose, admit()), Allow, "", ""},
		{"one who is not pinned does not", on(stranger, Propose, with(admit(), func(m *Motion) { m.By = stranger })), Deny, ByPolicy, "not yours to propose"},
		{"an operator does not", on(op, Propose, with(admit(), func(m *Motion) { m.By = op })), Deny, ByPolicy, "not yours to propose"},
		{"nobody proposes in another's name", on(cto, Propose, admit()), Deny, ByPolicy, "own name"},
		{"nobody makes their own quorum", on(ceo, Propose, with(admit(), func(m *Motion) { m.Stage.Count = 1 })), Deny, ByPolicy, "other signatures"},
		{"nor picks a group", on(ceo, Propose, with(admit(), func(m *Motion) { m.Stage.Group = "friends" })), Deny, ByPolicy, "other signatures"},
		{"nor another kind", on(ceo, Propose, with(admit(), func(m *Motion) { m.Stage.Kind = BySelf })), Deny, ByPolicy, "other signatures"},
		{"a reviewer proposes one of their customer's", on(nord, Propose, admitFor("nord", nord)), Allow, "", ""},
		{"not one of another's", on(nord, Propose, admitFor("syd", nord)), Deny, ByPolicy, "not yours to propose"},
		{"a motion of an unknown kind", on(ceo, Propose, with(admit(), func(m *Motion) { m.Kind = "dance" })), Deny, ByPolicy, "other signatures"},
		{"settings of no customer", on(nord, Propose, &Motion{Kind: ToSet, By: nord}), Deny, ByPolicy, "other signatures"},
		{"settings of their customer", on(nord, Propose, settings()), Allow, "", ""},
		{"an operator proposes no settings", on(op, Propose, with(settings(), func(m *Motion) { m.By = op })), Deny, ByPolicy, "not yours to propose"},
		{"the gateway proposes a policy", on(gateway, Propose, activate(gateway)), Allow, "", ""},
		{"people do not", on(ceo, Propose, activate(ceo)), Deny, ByPolicy, "not yours to propose"},
		{"one executive is not enough for it", on(gateway, Propose, with(activate(gateway), func(m *Motion) { m.Stage.Count = 1 })), Deny, ByPolicy, "other signatures"},
		{"an executive makes a deputy", on(ceo, Propose, lent(ceo, peer)), Allow, "", ""},
		{"one who is not pinned makes none", on(stranger, Propose, lent(stranger, peer)), Deny, ByPolicy, "not yours to propose"},
		{"nobody is their own deputy", on(ceo, Propose, lent(ceo, ceo)), Deny, ByPolicy, "not yours to propose"},
		{"a deputy without a passkey is none", on(ceo, Propose, with(lent(ceo, peer), func(m *Motion) { m.Key = "" })), Deny, ByPolicy, "not yours to propose"},
		{"a deputy for ever is none", on(ceo, Propose, with(lent(ceo, peer), func(m *Motion) { m.Until = time.Time{} })), Deny, ByPolicy, "not yours to propose"},
		{"an executive proposes to recover a person", on(ceo, Propose, onPerson(ToRecover, eng, "")), Allow, "", ""},
		{"nobody their own", on(ceo, Propose, onPerson(ToRecover, ceo, "")), Deny, ByPolicy, "not yours to propose"},
		{"an operator does not", on(op, Propose, with(onPerson(ToRecover, eng, ""), func(m *Motion) { m.By = op })), Deny, ByPolicy, "not yours to propose"},
		{"one executive is not enough", on(ceo, Propose, with(onPerson(ToRecover, eng, ""), func(m *Motion) { m.Stage.Count = 1 })), Deny, ByPolicy, "other signatures"},
		{"executives recover no reviewer", on(ceo, Propose, onPerson(ToRecover, nord2, "nord")), Deny, ByPolicy, "not yours to propose"},
		{"a customer's reviewers do", on(nord, Propose, with(onPerson(ToRecover, nord2, "nord"), func(m *Motion) { m.By = nord })), Allow, "", ""},
		{"not another's", on(syd, Propose, with(onPerson(ToRecover, nord2, "nord"), func(m *Motion) { m.By = syd })), Deny, ByPolicy, "not yours to propose"},
		{"an executive proposes to erase a person", on(ceo, Propose, onPerson(ToErase, eng, "")), Allow, "", ""},
		{"a customer's reviewers erase nobody", on(nord, Propose, with(onPerson(ToErase, nord2, "nord"), func(m *Motion) { m.By = nord })), Deny, ByPolicy, "other signatures"},
		{"an executive proposes to erase a recording", on(ceo, Propose, shred("", ceo)), Allow, "", ""},
		{"one executive is not enough for it, either", on(ceo, Propose, with(shred("", ceo), func(m *Motion) { m.Stage.Count = 1 })), Deny, ByPolicy, "other signatures"},
		{"an engineer does not", on(eng, Propose, shred("", eng)), Deny, ByPolicy, "not yours to propose"},
		{"a reviewer proposes to erase one of their customer's", on(nord, Propose, shred("nord", nord)), Allow, "", ""},
		{"not of another's", on(syd, Propose, shred("nord", syd)), Deny, ByPolicy, "not yours to propose"},
		{"an executive does not in a customer's name", on(ceo, Propose, shred("nord", ceo)), Deny, ByPolicy, "not yours to propose"},
		{"a reviewer does not in the executives'", on(nord, Propose, with(shred("nord", nord), func(m *Motion) { m.Customer = "" })), Deny, ByPolicy, "other signatures"},
		{"another executive signs it", on(cto, Sign, shred("", ceo)), Allow, "", ""},
		{"a reviewer does not sign it", on(nord, Sign, shred("", ceo)), Deny, ByPolicy, "not among those"},
		{"a customer signs its own", on(nord2, Sign, shred("nord", nord)), Allow, "", ""},
		{"executives do not sign it", on(ceo, Sign, shred("nord", nord)), Deny, ByPolicy, "not among those"},
		{"it does not end", on(ceo, End, signed(shred("", ceo), ceo, cto)), Deny, ByPolicy, "only by another motion"},
		{"nobody signs their own recovery", on(cto, Sign, onPerson(ToRecover, cto, "")), Deny, ByPolicy, "on themselves"},
		{"nobody opposes their own erasure", on(cto, Oppose, onPerson(ToErase, cto, "")), Deny, ByPolicy, "on themselves"},
		{"a recovery does not end", on(ceo, End, signed(onPerson(ToRecover, eng, ""), ceo, cto)), Deny, ByPolicy, "only by another motion"},
		{"where no declaration is asked for, none is made", on(eng, Propose, declare(eng, "1")), Deny, ByPolicy, "not yours to propose"},

		{"an executive signs", on(ceo, Sign, admit()), Allow, "", ""},
		{"with a passkey", Question{Now: t1, Who: ceo, Do: Sign, Motion: admit()}, Prove, NeedTouch, "passkey signature"},
		{"or opposes without", Question{Now: t1, Who: ceo, Do: Oppose, Motion: admit()}, Allow, "", ""},
		{"one who is not pinned does not sign", on(stranger, Sign, admit()), Deny, ByPolicy, "not among those"},
		{"nobody signs for themselves", on(newcomer, Sign, admit()), Deny, ByPolicy, "on themselves"},
		{"nobody opposes their own dismissal", on(cto, Oppose, &Motion{Kind: ToDismiss, By: ceo, About: cto.ID}), Deny, ByPolicy, "on themselves"},
		{"nobody signs twice", on(ceo, Sign, with(admit(), func(m *Motion) { m.Votes = []Vote{yes(ceo, 0, 1)} })), Deny, ByPolicy, "already answered"},
		{"nobody signs what is decided", on(third, Sign, signed(admit(), ceo, cto)), Deny, ByPolicy, "the motion is approved"},
		{"nor what takes more now", on(ceo, Sign, with(activate(gateway), func(m *Motion) { m.Stage.Count = 1 })), Deny, ByPolicy, "propose it again"},
		{"a reviewer signs for their customer", on(nord, Sign, admitFor("nord", nord)), Allow, "", ""},
		{"not for another", on(nord, Sign, admitFor("syd", syd)), Deny, ByPolicy, "not among those"},
		{"who lends a seat signs it", on(ceo, Sign, with(lent(ceo, peer), func(m *Motion) { m.Votes = nil })), Allow, "", ""},
		{"nobody signs it for them", on(cto, Sign, with(lent(ceo, peer), func(m *Motion) { m.Votes = nil })), Deny, ByPolicy, "not among those"},
		{"nor they when they are not pinned any more", on(Principal{ID: ceo.ID, Kind: Executive}, Sign, with(lent(ceo, peer), func(m *Motion) { m.Votes = nil })), Deny, ByPolicy, "not among those"},

		{"an executive sees a motion", on(cto, See, admit()), Allow, "", ""},
		{"an auditor sees it, too", on(audit, See, admit()), Allow, "", ""},
		{"whom it is about sees it", on(newcomer, See, admit()), Allow, "", ""},
		{"who made it sees it", on(op, See, with(settings(), func(m *Motion) { m.By = op })), Allow, "", ""},
		{"nobody else does", on(nord, See, admit()), Deny, ByPolicy, "there is no such motion"},
		{"one is not about oneself by the digest of a policy", on(Principal{ID: "d1", Kind: Staff}, See, activate(gateway)), Deny, ByPolicy, "there is no such motion"},
		{"an unknown deed on a motion", on(ceo, Approve, admit()), Deny, ByPolicy, "nothing is known"},

		{"who made it takes it back", on(ceo, End, admit()), Allow, "", ""},
		{"nobody else does that", on(cto, End, admit()), Deny, ByPolicy, "not yours to end"},
		{"an admission ends only by a dismissal", on(ceo, End, signed(admit(), ceo, cto)), Deny, ByPolicy, "only by another motion"},
		{"a deputy is let go", on(ceo, End, lent(ceo, peer)), Allow, "", ""},
		{"by nobody else", on(peer, End, lent(ceo, peer)), Deny, ByPolicy, "not yours to end"},
		{"notice ends by one reviewer's word", on(nord2, End, signed(settings(), nord)), Allow, "", ""},
		{"not by another customer's", on(syd, End, signed(settings(), nord)), Deny, ByPolicy, "not yours to end"},
		{"a quorum ends only by another motion", on(nord, End, signed(with(settings(), func(m *Motion) { m.Notice, m.Quorum = false, 2 }), nord)), Deny, ByPolicy, "only by another motion"},
		{"what is over does not end again", on(nord, End, with(signed(settings(), nord), func(m *Motion) { m.Ended = at(30) })), Deny, ByPolicy, "is over"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			check(t, p.Decide(c.q), c.want, c.code, c.why)
			check(t, ready.Decide(c.q), c.want, c.code, c.why)
		})
	}
	check(t, (*Policy)(nil).Decide(q(func(*Question) {})), Deny, ByPolicy, "not known")
	check(t, new(Policy).Decide(q(func(*Question) {})), Deny, NoTarget, "no target")
}

// shred is a motion to erase the recording of a session.
func shred(customer string, by Principal) *Motion {
	return with(onPerson(ToErase, Principal{ID: OfRecording("01ARZ3NDEKTSV4RRFFQ69G5FAV")}, customer), func(m *Motion) { m.By = by })
}

// TestARecordingIsNoPerson: only what is written so is one, and who it is about is nobody.
func TestARecordingIsNoPerson(t *testing.T) {
	for about, want := range map[string]string{
		"recording 01ARZ3NDEKTSV4RRFFQ69G5FAV": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAV": "", "recording 01ARZ3NDEKTSV4RRFFQ69G5FA": "",
		"recording 01ARZ3NDEKTSV4RRFFQ69G5FAVX": "", "recording 01arz3ndektsv4rrffq69g5fav": "", "recording ../ARZ3NDEKTSV4RRFFQ69G5FAV": "", "Recording 01ARZ3NDEKTSV4RRFFQ69G5FAV": "", "": "",
	} {
		m := Motion{Kind: ToErase, About: about}
		if got := m.Recording(); got != want || m.OnPerson() != (want == "") {
			t.Errorf("%q: got %q, on a person %v", about, got, m.OnPerson())
		}
		if m.Kind = ToRecover; m.Recording() != "" || !m.OnPerson() {
			t.Errorf("%q: a recovery is about recording %q", about, m.Recording())
		}
	}
}

// onPerson is a motion of the chief executive's on what becomes of somebody.
func onPerson(k MotionKind, about Principal, customer string) *Motion {
	m := with(admit(), func(m *Motion) { m.Kind, m.About, m.Name, m.Key, m.Customer = k, about.ID, about.Name, "", customer })
	m.Stage.Kind = map[bool]StageKind{true: ByExecutive, false: ByCustomer}[customer == ""]
	m.Stage.Customer = customer
	return m
}

func TestPasskeysThatAreCopiedCountWhereThePolicyTakesThem(t *testing.T) {
	p := &Policy{DeviceBound: []Kind{Executive}}
	if p.Copied(Executive) || !p.Copied(Staff) || (*Policy)(nil).Copied(Staff) {
		t.Error("who may use a passkey that is copied is not what the policy says")
	}
}
