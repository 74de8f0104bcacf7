package portal

import (
	"slices"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A seat is in which way the reader takes part in a request.
type seat struct {
	Votes  bool           // they are asked, now or later, or were
	Turn   bool           // they may vote now
	Behalf *policy.Motion // the delegation by which they would; nil: for themselves
}

// seat asks the policy which seat the reader has. When they vote, the desk
// decides: a page only shows or leaves out a button. A view for a reviewer has
// no stages of others, so its Status has to agree as well.
func (x *exchange) seat(v approvals.View) (s seat, err error) {
	q := v.Request
	if q.Who.ID == x.who.ID {
		return seat{}, nil
	}
	deputy, err := x.deputy()
	if err != nil {
		return seat{}, err
	}
	ask := policy.Question{Now: v.Now, Who: x.who.Principal, Do: policy.Say, Request: q, Delegations: deputy}
	if s.Votes = x.p.Desk.Policy().Decide(ask).Verdict == policy.Allow; !s.Votes || v.Status.Phase != policy.Pending {
		return s, nil
	}
	ask.Do = policy.Reject
	d := x.p.Desk.Policy().Decide(ask)
	if d.Verdict != policy.Allow || d.Stage >= len(v.Status.Stages) || !v.Status.Stages[d.Stage].Open {
		return s, nil
	}
	s.Turn = true
	if i := slices.IndexFunc(deputy, func(m *policy.Motion) bool { return m.ID == d.Delegation }); i >= 0 {
		s.Behalf = deputy[i]
	}
	return s, nil
}

// deputy gives the delegations that make the reader a deputy.
func (x *exchange) deputy() ([]*policy.Motion, error) {
	if x.p.Charter == nil || x.deputised {
		return x.delegations, nil
	}
	err := x.p.view(x.r.Context(), func(tx *ledger.Tx) (err error) {
		x.delegations, err = x.p.Charter.Delegations(tx, x.who.ID)
		return err
	})
	x.deputised = err == nil
	return x.delegations, err
}

// pageOf is where the reader decides on a request, or else follows it.
func (x *exchange) pageOf(q *policy.Request, s seat) string {
	switch {
	case s.Votes && x.who.Kind == policy.Reviewer:
		return "/c/" + q.ID
	case s.Votes:
		return "/a/" + q.ID
	}
	return "/r/" + q.ID
}
