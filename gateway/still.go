package gateway

import (
	"context"
	"net/netip"
	"time"

	"lockbox/policy"
)

// Still is May for what is done often in one visit, from the address given: the
// first time, and whenever the policy is another, everything is looked up and
// proven; in between policy decides again, for this instant, on what was asked
// last: while neither policy, grant nor person changed it is the same question.
// When one does, the visit is asked about anew, see recheck.
func (v *Visit) Still(ctx context.Context, do policy.Action, from netip.Addr) (policy.Decision, error) {
	if d, ok := v.again(do, from); ok {
		return d, nil
	}
	d, err := v.May(ctx, do)
	if err != nil || d.Verdict != policy.Allow {
		return d, err
	}
	if d, _ = v.again(do, from); d.Verdict == policy.Deny && d.Why.IsZero() {
		d.Code, d.Why = policy.ByPolicy, policy.Says("the policy changed meanwhile; try again")
	}
	return d, nil
}

// again decides on what stands. false: it does not tell.
func (v *Visit) again(do policy.Action, from netip.Addr) (policy.Decision, bool) {
	p := v.g.Desk.Policy()
	v.mu.Lock()
	kept := v.standing[deed{do: do}]
	v.mu.Unlock()
	if kept == nil || kept.policy != p || !v.Open() || v.ctx.Err() != nil {
		return policy.Decision{}, false
	}
	s := *kept
	s.question.From = from
	now := time.Now()
	if s.question.Now.After(now) { // of the ledger's clock, which is never set back
		now = s.question.Now
	}
	a := s.at(now, p)
	a.keep(do, s.terms)
	return a.Decision, a.Verdict == policy.Allow && a.Recording == s.record && !a.Recording.Strict
}
