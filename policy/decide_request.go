package policy

import (
	"slices"
	"strings"
	"time"
)

// vote decides whether a person may vote on a request, and for which stage it
// counts. To approve takes a passkey assertion over the statement.
func (p *Policy) vote(q *Question) Decision {
	r := q.Request
	switch s := r.Tally(q.Now); {
	case q.Who.ID == r.Who.ID:
		return deny(ByPolicy, "nobody votes on their own request")
	case r.Who.Vouched == q.Who.ID:
		return deny(ByPolicy, "you confirmed the key of the person who asks; somebody else has to decide")
	case s.Phase != Pending:
		return deny(ByPolicy, "the request is %s", string(s.Phase))
	default:
		return p.voteOn(q, s)
	}
}

func (p *Policy) voteOn(q *Question, s Status) Decision {
	why := "you are not among those who decide on this request"
	for i, st := range s.Stages {
		for _, seat := range p.seats(q, st) {
			switch {
			case slices.ContainsFunc(slices.Concat(st.Yes, st.No), func(v Vote) bool { return v.isOf(q.Who.ID) || v.isOf(seat.behalf()) }):
				why = "you have already voted, or the person you stand for has"
				continue
			case q.Do == Approve && q.Request.spent(len(q.Request.Votes), Vote{Stage: i, By: q.Who, Behalf: seat.behalf()}):
				why = "you approved another stage of this request, or the person you stand for has; this one takes somebody else"
				continue
			case q.Do == Approve && st.Kind == ByGlass && q.lockedOut():
				why = "you broke the glass, and nobody ratified it within 24 h: until that is settled this takes somebody else"
				continue
			case st.Phase != Pending:
				why = "this stage is " + string(st.Phase)
				continue
			case !st.Open:
				why = "it is not your turn yet: an earlier stage has not decided"
				continue
			}
			d := Decision{Verdict: Allow, Stage: i, Behalf: seat.behalf(), Delegation: seat.delegation(), Why: Says("you may decide")}
			if q.Do == Approve && !q.proven(Passkey, ceremony) {
				d.Verdict, d.Code, d.Proof, d.Why = Prove, NeedTouch, Passkey, Says("approving is a passkey signature")
			}
			return d
		}
	}
	return deny(ByPolicy, "%s", why)
}

// isOf says whether a person gave the vote, or it was given for them.
func (v Vote) isOf(id string) bool { return id != "" && (v.By.ID == id || v.Behalf == id) }

// A seat is a right to answer for a stage: one's own, or that of somebody whose deputy one is.
type seat struct {
	of     Principal // whose it is
	deputy *Motion   // that lends it; nil: it is one's own
}

func (s seat) behalf() string {
	if s.deputy == nil {
		return ""
	}
	return s.of.ID
}

func (s seat) delegation() string {
	if s.deputy == nil {
		return ""
	}
	return s.deputy.ID
}

// seats lists those from which a person may answer for a stage. Who has one of
// their own needs no other.
func (p *Policy) seats(q *Question, st StageStatus) (out []seat) {
	if p.Fills(q.Who, st, q.Now) {
		return []seat{{of: q.Who}}
	}
	for _, m := range q.Delegations {
		if st.Kind != ByGlass && m.deputises(q.Who, q.Request, q.Now) && p.Fills(m.By, st, q.Now) {
			out = append(out, seat{of: m.By, deputy: m})
		}
	}
	return out
}

// deputises says whether a motion makes who a deputy for the request: not for
// one's own, not for that of the person one stands for, and never further.
func (m *Motion) deputises(who Principal, r *Request, now time.Time) bool {
	return m.Holds(now) && m.Kind == ToDelegate && m.About == who.ID && m.By.ID != who.ID &&
		m.By.ID != r.Who.ID && m.By.ID != r.Who.Vouched && m.Scope.Covers(r)
}

// ceremony bounds how old an assertion may be when it is counted: the time in
// which a person reads a page and touches.
const ceremony = 5 * time.Minute

// Decides says whether a person is among those whom a stage asks at first.
// Nobody is an executive or reviewer whose passkey is not pinned: an operator
// alone can make no approver, and no eyes inside a customer.
func (p *Policy) Decides(who Principal, s Stage) bool {
	return p.ofKind(who, s) && (s.Group == "" || s.Kind == ByOwner && who.ID == s.Group || p.Member(who, s.Group))
}

// ofKind says whether a person is of the kind that a stage asks for, whatever its group.
func (p *Policy) ofKind(who Principal, s Stage) bool {
	switch s.Kind {
	case ByExecutive:
		return who.Admitted && who.Kind == Executive
	case ByCustomer:
		return who.Admitted && who.Kind == Reviewer && who.Customer != "" && who.Customer == s.Customer
	case ByGlass:
		return s.Group != "" && who.Kind == Staff // an executive ratifies it afterwards: those are other eyes
	case ByPeer, ByOwner:
		return s.Group != "" && (who.Kind == Staff || who.Kind == Executive && who.Admitted)
	}
	return false
}

// Fills says whether a person may answer for a stage at now: those whom it asks
// at first, and after each rung of its escalation those of that rung.
func (p *Policy) Fills(who Principal, st StageStatus, now time.Time) bool {
	if p.Decides(who, st.Stage) {
		return true
	}
	return p.ofKind(who, st.Stage) && slices.ContainsFunc(st.Escalate, func(r Rung) bool {
		return r.To != "" && st.risen(r, now) && p.Member(who, r.To)
	})
}

// about decides on looking at, ending and replaying what a request led to.
func (p *Policy) about(q *Question) Decision {
	r := q.Request
	own := q.Who.ID == r.Who.ID
	voter, looker := false, false
	for _, st := range append(r.Tally(q.Now).Stages, r.skipped()...) {
		for _, s := range p.seats(q, st) {
			voter, looker = true, looker || mayLook(s.of, r)
		}
	}
	ok := false
	switch q.Do {
	case See:
		ok = own || voter || q.Who.Kind == Auditor
	case Say:
		ok = own || voter
	case Withdraw, GiveBack, Extend, Accept:
		ok = own
	case Touch:
		if ok = own; ok && !q.proven(Passkey, ceremony) {
			return Decision{Verdict: Prove, Code: NeedTouch, Proof: Passkey, Why: Says("starting a session is a passkey signature")}
		}
	case Revoke:
		ok = voter || own
	case Freeze: // less than ending it, and shows nothing; nobody lets themselves go on
		ok = voter && !own
	case Watch, Replay:
		ok = own || q.Who.Kind == Auditor || looker
	case Preserve: // no deputy: it outlasts every delegation
		ok = p.Decides(q.Who, Stage{Kind: ByExecutive})
	}
	if !ok {
		return deny(ByPolicy, "this is not yours to %s", strings.ReplaceAll(string(q.Do), "-", " "))
	}
	return Decision{Verdict: Allow, Why: Says("you may")}
}

// mayLook says whether who has a seat may see a recording: a customer only where
// no other customer's data can be in it. A deputy sees no more.
func mayLook(who Principal, r *Request) bool {
	if who.Kind != Reviewer {
		return true
	}
	return len(r.Customers) == 1 && r.Customers[0] == who.Customer
}

// LoginMost is how long a login lasts at most.
const LoginMost = 8 * time.Hour

// logIn decides whether a person may let an SSH key stand for them. It opens
// nothing by itself: that takes a grant.
func logIn(q *Question) Decision {
	switch {
	case q.Who.Kind == Machine:
		return deny(ByPolicy, "a machine has no passkey to log in with")
	case !q.proven(Passkey, ceremony):
		return Decision{Verdict: Prove, Code: NeedTouch, Proof: Passkey, Why: Says("logging in is a passkey signature")}
	}
	return Decision{Verdict: Allow, Why: Says("you may log in")}
}

// Operators is the group of those who run the gateway: they see its state, and decide on nothing.
const Operators = "operators"

// vouch decides whether a person may confirm the first key of another, having
// compared its fingerprint. It never makes an approver: executives and
// reviewers count only by pinned keys.
func (p *Policy) vouch(q *Question) Decision {
	switch {
	case q.Person.ID == "" || q.Person.ID == q.Who.ID:
		return deny(ByPolicy, "nobody confirms their own key")
	case q.Who.Kind != Executive || !q.Who.Admitted:
		return deny(ByPolicy, "only an executive whose own passkey is pinned confirms keys")
	case !q.proven(Passkey, ceremony):
		return Decision{Verdict: Prove, Code: NeedTouch, Proof: Passkey, Why: Says("confirming a key is a passkey signature")}
	}
	return Decision{Verdict: Allow, Why: Says("you may confirm it")}
}
