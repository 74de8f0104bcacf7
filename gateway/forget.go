package gateway

import (
	"lockbox/approvals"
	"lockbox/recorder/ledger"
)

// Forget takes a person, whom event by erases, out of the sessions under a
// grant: who it was, from where, and what was done. What was recorded is not
// erased by it: a recording is erased with its key.
func (g *Gateway) Forget(tx *ledger.Tx, grant, person string, by int64) error {
	if grant == "" {
		return nil
	}
	ids, err := scan(tx, ofKey(grant, ""))
	if err != nil {
		return err
	}
	for _, id := range ids {
		var s stay
		if _, err := tx.Get(sessionKey(id), &s); err != nil {
			return err
		}
		if err := forgetRemarks(tx, id, person, by); err != nil {
			return err
		}
		if !s.without(person, by) {
			continue
		}
		if err := tx.Put(sessionKey(id), s); err != nil {
			return err
		}
	}
	return nil
}

// without takes a person out, and says whether they were in it.
func (s *stay) without(person string, by int64) (changed bool) {
	if s.Who.ID == person {
		s.Who, s.Remote, s.Cause, s.Deeds, s.Gone = approvals.Stone(s.Who, by), "", "", nil, by
		changed = true
	}
	all := []*order{s.Stop, s.Hold}
	for i := range s.Frozen {
		all = append(all, &s.Frozen[i])
	}
	for _, o := range all {
		if o != nil && o.By.ID == person {
			if o.By, changed = approvals.Stone(o.By, by), true; o.Why != "" {
				o.Why = o.By.Name
			}
		}
	}
	if short := unnamed(s.Session, true); changed && short != s.Cause { // it may name them
		s.Cause = short
	}
	return changed
}
