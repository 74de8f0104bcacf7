package portal

import (
	"slices"

	"lockbox/policy"
)

// leaves lists what the files take away, once its delay has passed: from a
// customer, what its reviewers have to be told; from production, what the board
// does, and every customer whose data it is.
func (x *exchange) leaves() ([]policy.Move, error) {
	if x.p.Leaving == nil || x.who.Kind != policy.Reviewer && x.who.Kind != policy.Executive && x.who.Kind != policy.Auditor {
		return nil, nil
	}
	all, err := x.p.Leaving(x.r.Context())
	all = slices.DeleteFunc(all, func(m policy.Move) bool { return !x.told(m) })
	for i, m := range all {
		if m.Customer != "" {
			all[i].Customer = customerName(x.p.Desk.Policy(), m.Customer)
		}
	}
	return all, err
}

func (x *exchange) told(m policy.Move) bool {
	if x.who.Kind != policy.Reviewer {
		return true
	}
	t := x.p.Desk.Policy().Targets[m.Target]
	return m.Customer == x.who.Customer || m.Customer == "" && t != nil && slices.Contains(t.Customers, x.who.Customer)
}
