package approvals

import (
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Question is what policy is asked about a request, with the delegations that
// may make who a deputy.
func (d *Desk) Question(tx *ledger.Tx, who policy.Principal, do policy.Action, q *policy.Request) (policy.Question, error) {
	ask := policy.Question{Now: tx.Now(), Who: who, Do: do, Request: q}
	var err error
	if q != nil && q.Emergency {
		if ask.Incidents, err = d.Incidents(tx); err != nil {
			return ask, err
		}
	}
	if d.Charter == nil {
		return ask, nil
	}
	ask.Delegations, err = d.Charter.Delegations(tx, who.ID)
	return ask, err
}

// eyes says whether who may see the request, and as whose matter: a customer's,
// or ("") all of it. Who stands for a reviewer sees no more than they would.
func (d *Desk) eyes(ask policy.Question) (customer string, may bool) {
	ask.Do = policy.See
	held := ask.Delegations
	ask.Delegations = nil
	if d.Policy().Decide(ask).Verdict == policy.Allow {
		return "", true // View.For knows a reviewer by their kind
	}
	for _, m := range held {
		if ask.Delegations = []*policy.Motion{m}; d.Policy().Decide(ask).Verdict != policy.Allow {
			continue
		}
		if m.By.Kind != policy.Reviewer {
			return "", true
		}
		customer, may = m.By.Customer, true
	}
	return customer, may
}

// mayVote decides on a vote that is not proven yet; who may not even see the request learns nothing.
func (d *Desk) mayVote(tx *ledger.Tx, who policy.Principal, q *policy.Request, do policy.Action) (policy.Decision, error) {
	ask, err := d.Question(tx, who, policy.See, q)
	if err != nil {
		return policy.Decision{}, err
	}
	if d.Policy().Decide(ask).Verdict != policy.Allow {
		return policy.Decision{}, ErrUnknown
	}
	ask.Do = do
	dec := d.Policy().Decide(ask)
	if dec.Verdict == policy.Deny {
		return dec, refused(dec)
	}
	return dec, nil
}

// delegated finds the delegation that a decision rests on; nil where it rests on none.
func delegated(ask policy.Question, dec policy.Decision) *policy.Motion {
	for _, m := range ask.Delegations {
		if dec.Delegation != "" && m.ID == dec.Delegation {
			return m
		}
	}
	return nil
}

// current gives a person as they are now: who left is an error.
func (d *Desk) current(tx *ledger.Tx, who policy.Principal) (policy.Principal, error) {
	if d.Charter == nil {
		return who, nil
	}
	return d.Charter.People.Current(tx, who.ID)
}
