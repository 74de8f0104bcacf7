package api

import "lockbox/recorder/ledger"

// EndAll revokes every token: for a ledger that was restored, of which nobody
// knows what was revoked since.
func (t *Tokens) EndAll(tx *ledger.Tx) error {
	return each(tx, func(row string, k Token) error {
		if !k.Revoked.IsZero() {
			return nil
		}
		k.Revoked = tx.Now()
		return k.note(tx, row, "token.revoked", "lockbox")
	})
}
