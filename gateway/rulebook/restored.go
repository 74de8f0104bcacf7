package rulebook

import (
	"fmt"

	"lockbox/recorder/ledger"
)

// Suspend takes the policy out of force until executives sign one again, where
// changes take signatures: for a ledger that was restored. It runs before Open.
// So whoever can put an old ledger back cannot go on with it alone.
func (b *Book) Suspend(tx *ledger.Tx, why string) error {
	var was active
	ok, err := tx.Verified(activeKey, &was)
	if err != nil {
		return fmt.Errorf("read which policy is active: %w", err)
	}
	if !ok || !b.production(was) {
		return nil // the files are in force as they are
	}
	was.Config = "" // signed together with no configuration that there is
	if err := tx.Put(activeKey, was); err != nil {
		return err
	}
	if err := tx.Delete(offeredKey); err != nil { // its motion ends, too
		return err
	}
	_, err = tx.Append(ledger.Event{Kind: "policy.suspended", Actor: "lockbox", Detail: map[string]string{"policy-sha256": was.Digest, "why": why}})
	return err
}
