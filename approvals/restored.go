package approvals

import (
	"encoding/json"
	"fmt"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// EndAll ends every grant, takes back every request, and forgets every statement
// and touch that waits or was given, and every sealed code: for a ledger that was restored, of which
// nobody knows what was ended or used up since.
func (d *Desk) EndAll(tx *ledger.Tx, why string) error {
	grants, err := inForce(tx)
	if err != nil {
		return err
	}
	by := policy.Principal{ID: "lockbox", Kind: policy.Machine}
	for _, g := range grants {
		if err := d.end(tx, g, by, why); err != nil {
			return fmt.Errorf("end grant %s: %w", g.ID, err)
		}
	}
	err = d.eachLive(tx, "", func(code string) error {
		_, q, err := load(tx.Get, code)
		if err != nil || q.Tally(tx.Now()).Phase != policy.Pending {
			return err // what is over is swept
		}
		return d.void(tx, code, by, why)
	})
	if err != nil {
		return err
	}
	if _, _, err := unseal(tx, by.ID, ""); err != nil { // one may have been opened since
		return fmt.Errorf("retire sealed codes: %w", err)
	}
	return dropAll(tx, ballotKey(""), touchKey(""), proofKey(""), touchedKey(""))
}

// inForce lists the grants that are not over.
func inForce(tx *ledger.Tx) (all []*policy.Grant, err error) {
	err = tx.Scan(grantKey(""), func(_ string, raw json.RawMessage) (bool, error) {
		g := new(policy.Grant)
		err := json.Unmarshal(raw, g)
		if err == nil && g.Over(tx.Now()) == "" {
			all = append(all, g)
		}
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	return all, nil
}

func dropAll(tx *ledger.Tx, prefixes ...string) error {
	var keys []string
	for _, prefix := range prefixes {
		err := tx.Scan(prefix, func(key string, _ json.RawMessage) (bool, error) {
			keys = append(keys, key)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
