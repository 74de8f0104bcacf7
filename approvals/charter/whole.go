package charter

import (
	"slices"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// SeeIn is See within a transaction.
func (c *Charter) SeeIn(tx *ledger.Tx, who policy.Principal, id string) (View, error) {
	if !ValidCode(id) {
		return View{}, ErrUnknown
	}
	return c.see(tx, who, id)
}

// Raw is a motion with the votes that count: to find out whom to tell, never to show.
func (c *Charter) Raw(tx *ledger.Tx, id string) (View, error) { return c.view(tx, id) }

// Deputies lists those to whom somebody delegated, once each: Delegations says what it comes to.
func (c *Charter) Deputies(tx *ledger.Tx) (all []string, err error) {
	held, err := ids(tx, "motion-held/"+string(policy.ToDelegate)+"/")
	if err != nil {
		return nil, err
	}
	for _, id := range held {
		r, err := load(tx.Get, id)
		if err != nil {
			return nil, err
		}
		m, err := r.motion()
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, m.About) {
			all = append(all, m.About)
		}
	}
	return all, nil
}
