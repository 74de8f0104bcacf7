package policy

import (
	"slices"
	"strings"
	"time"
)

// vote decides whether a person may vote on a request, and for which stage it
// counts. To approve takes a passkey assertion over the statement.
func (p *Policy) vote(q Question) Decision {
	r := q.Request
	switch s := r.Tally(q.Now); {
	case q.Who.ID == r.Who.ID:
		return deny(ByPolicy, "nobody votes on their own request")
	case r.Who.Vouched == q.Who.ID:
		return deny(ByPolicy, "you confirmed the key of the person who asks; somebody else has to decide")
	case s.Phase != Pending:
		return deny(ByPolicy, "the request is %s", s.Phase)
	default:
		return p.voteOn(q, s)
	}
}

func (p *Policy) voteOn(q Question, s Status) Decision {
	why := "you are not among those who decide on this request"
	for i, st := range s.Stages {
		switch {
		case !p.Decides(q.Who, st.Stage):
			continue
		case slices.ContainsFunc(slices.Concat(st.Yes, st.No), func(v Vote) bool { return v.By.ID == q.Who.ID }):
			why = "you have already voted"
			continue
		case !st.Open:
			why = "it is not your turn yet: an earlier stage has not decided"
			if st.Phase != Pending {
				why = "this stage is " + string(st.Phase)
			}
			continue
		}
		d := Decision{Verdict: Allow, Stage: i, Why: "you may decide"}
		if q.Do == Approve && !proven(q, Passkey, ceremony) {
			d.Verdict, d.Code, d.Proof, d.Why = Prove, NeedTouch, Passkey, "approving is a passkey signature"
		}
		return d
	}
	return deny(ByPolicy, "%s", why)
}

// ceremony bounds how old an assertion may be when it is counted: the time in
// which a person reads a page and touches.
const ceremony = 5 * time.Minute

// Decides says whether a person is among those who fill a stage. Nobody is
// whose passkey is not pinned: an operator alone can make no approver, and no
// eyes inside a customer.
func (p *Policy) Decides(who Principal, s Stage) bool {
	switch {
	case !who.Admitted:
		return false
	case s.Kind == ByExecutive:
		return who.Kind == Executive && (s.Group == "" || p.Member(who, s.Group))
	case s.Kind == ByCustomer:
		return who.Kind == Reviewer && who.Customer != "" && who.Customer == s.Customer
	}
	return false
}

// about decides on looking at, ending and replaying what a request led to.
func (p *Policy) about(q Question) Decision {
	r := q.Request
	own := q.Who.ID == r.Who.ID
	voter := slices.ContainsFunc(r.Stages, func(s Stage) bool { return p.Decides(q.Who, s) })
	ok := false
	switch q.Do {
	case See:
		ok = own || voter || q.Who.Kind == Auditor
	case Withdraw, GiveBack:
		ok = own
	case Touch:
		if ok = own; ok && !proven(q, Passkey, ceremony) {
			return Decision{Verdict: Prove, Code: NeedTouch, Proof: Passkey, Why: "starting a session is a passkey signature"}
		}
	case Revoke:
		ok = voter
	case Watch, Replay:
		ok = own || q.Who.Kind == Auditor || voter && p.mayLook(q.Who, r)
	}
	if !ok {
		return deny(ByPolicy, "this is not yours to %s", strings.ReplaceAll(string(q.Do), "-", " "))
	}
	return Decision{Verdict: Allow, Why: "you may"}
}

// mayLook says whether a voter may see a recording: a customer only where no
// other customer's data can be in it.
func (p *Policy) mayLook(who Principal, r *Request) bool {
	if who.Kind != Reviewer {
		return true
	}
	return len(r.Customers) == 1 && r.Customers[0] == who.Customer
}

// Operators is the group of those who run the gateway: they see its state, and decide on nothing.
const Operators = "operators"

// vouch decides whether a person may confirm the first key of another, having
// compared its fingerprint. It never makes an approver: executives and
// reviewers count only by pinned keys.
func (p *Policy) vouch(q Question) Decision {
	switch {
	case q.Person.ID == "" || q.Person.ID == q.Who.ID:
		return deny(ByPolicy, "nobody confirms their own key")
	case q.Who.Kind != Executive || !q.Who.Admitted:
		return deny(ByPolicy, "only an executive whose own passkey is pinned confirms keys")
	case !proven(q, Passkey, ceremony):
		return Decision{Verdict: Prove, Code: NeedTouch, Proof: Passkey, Why: "confirming a key is a passkey signature"}
	}
	return Decision{Verdict: Allow, Why: "you may confirm it"}
}
