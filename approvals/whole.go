package approvals

import (
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Raw is a request with all that belongs to it: to find out whom to tell, never
// to show. What somebody is shown is SeeIn's.
func (d *Desk) Raw(tx *ledger.Tx, code string) (View, error) {
	if !ValidCode(code) {
		return View{}, ErrUnknown
	}
	return view(tx, tx.Get, code)
}

// OpenIn lists the codes of the requests and grants that have not ended.
func (d *Desk) OpenIn(tx *ledger.Tx) (all []string, err error) {
	err = d.eachLive(tx, "", func(code string) error {
		all = append(all, code)
		return nil
	})
	return all, err
}

// StageNamed finds the stage of which an event tells that calls it so; -1: there is none.
func StageNamed(q *policy.Request, name string) int {
	for i := range q.Stages {
		if stageName(q, i) == name {
			return i
		}
	}
	return -1
}

// Groups are those whose members a stage asks, at first ("" for all of the kind) and with each rung.
func Groups(s policy.Stage) []string { return groups(s) }

// WithoutSecrets is a text with a mark where it holds what no reason may hold:
// a person number, or what looks like a password, key or token.
func WithoutSecrets(text, mark string) string {
	return secret.ReplaceAllString(cprNumber.ReplaceAllString(text, mark), mark)
}
