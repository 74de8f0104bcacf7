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
		if s.Who.ID != person {
			continue
		}
		s.Who, s.Remote, s.Cause, s.Deeds, s.Gone = approvals.Stone(s.Who, by), "", "", nil, by
		if err := tx.Put(sessionKey(id), s); err != nil {
			return err
		}
	}
	return nil
}
