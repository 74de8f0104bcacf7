package gateway

import (
	"context"
	"net/netip"
	"time"

	"lockbox/policy"
)

// A basis is what a yes to an action rests on: asked again with a later time, it
// is the same question while neither policy, grant nor person changed. When one
// does, the visit is asked about anew, see recheck.
type basis struct {
	policy   *policy.Policy
	question policy.Question
	decision policy.Decision
}

// rest keeps what a yes of MayTo rests on.
func (v *Visit) rest(p *policy.Policy, do policy.Action, a Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bases == nil {
		v.bases = map[policy.Action]*basis{}
	}
	v.bases[do] = &basis{p, a.question, a.Decision} // never changed
}

// Still is May for what is done often in one visit, from the address given: the
// first time, and whenever the policy is another, everything is looked up and
// proven; in between policy decides again, for this instant, on what was proven.
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

// again decides on what is kept. false: it does not tell.
func (v *Visit) again(do policy.Action, from netip.Addr) (policy.Decision, bool) {
	p := v.g.Desk.Policy()
	v.mu.Lock()
	b := v.bases[do]
	v.mu.Unlock()
	if b == nil || b.policy != p || !v.Open() || v.ctx.Err() != nil {
		return policy.Decision{}, false
	}
	q := b.question
	if now := time.Now(); now.After(q.Now) {
		q.Now = now
	}
	q.From = from
	q.Proofs = []policy.Proof{{Kind: policy.Passkey, Of: q.Who.ID, At: q.Now, For: q.Binding}} // it opened the visit, as in decide
	d := p.Decide(q)
	return d, d.Verdict == policy.Allow && d.Recording == b.decision.Recording && !d.Recording.Strict
}
