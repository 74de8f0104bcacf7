package portal

import (
	"lockbox/policy"
)

// A policyPage is which policy is in force, and what would take its place.
type policyPage struct {
	Digest  string
	Force   *motionFacts // by which it came into force; nil: without signatures
	Pending []motionFacts
	Before  []motionFacts
	Signs   bool // the reader is one whose signature counts
	Take    int  // signatures that a change takes
}

// inForce shows /policy.
func (p *Portal) inForce(x *exchange) error {
	if _, err := p.charterOf(); err != nil {
		return err
	}
	pol := p.Desk.Policy()
	page := policyPage{Digest: pol.Digest, Take: pol.Activators(), Signs: pol.Decides(x.who.Principal, policy.Stage{Kind: policy.ByExecutive})}
	all, err := x.motions(policy.ToActivate)
	if err != nil {
		return err
	}
	open, hold, over := sorted(all)
	page.Pending = open
	for _, m := range hold {
		if page.Force == nil && m.About == pol.Digest {
			page.Force = &m
			continue
		}
		page.Before = append(page.Before, m)
	}
	page.Before = append(page.Before, over...)
	return x.show(ok, "policy", "Policy", page)
}
