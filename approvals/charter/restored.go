package charter

import (
	"encoding/json"
	"fmt"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// EndAll takes back every open motion, ends every delegation, instruction and
// notice, and forgets every statement that waits: for a ledger that was
// restored, of which nobody knows what was ended or used up since. Who was
// admitted, what was declared and how many a customer asks for stays.
func (c *Charter) EndAll(tx *ledger.Tx, why string) error {
	var all []string
	for _, prefix := range []string{openKey(""), heldBy(policy.ToDelegate), heldBy(policy.ToInstruct), heldBy(policy.ToSet)} {
		some, err := ids(tx, prefix)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	for _, id := range all {
		r, err := load(tx.Verified, id)
		if err != nil {
			return err
		}
		m, err := r.motion()
		if err != nil {
			return err
		}
		if !r.Ended.IsZero() || m.Kind == policy.ToSet && r.Phase != "" && !m.Notice {
			continue
		}
		if err := c.end(tx, r, m, ending{by: "lockbox", why: why}); err != nil {
			return fmt.Errorf("end motion %s: %w", id, err)
		}
	}
	return dropBallots(tx)
}

// heldBy begins the rows of the motions of a kind that passed.
func heldBy(k policy.MotionKind) string { return "motion-held/" + string(k) + "/" }

func dropBallots(tx *ledger.Tx) error {
	var keys []string
	err := tx.Scan(ballotKey(""), func(key string, _ json.RawMessage) (bool, error) {
		keys = append(keys, key)
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
