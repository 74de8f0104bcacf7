package notify

import (
	"bytes"
	"context"
	"crypto/sha256"

	"go.etcd.io/bbolt"

	"lockbox/recorder/ledger"
)

func hashed(address string) []byte {
	h := sha256.Sum256([]byte(address))
	return h[:]
}

// Deaf says whether the last notice for a person was given up at this address of
// theirs. With another address, or once one has gone through, it was not.
func (o *Outbox) Deaf(channel, person, address string) (yes bool, err error) {
	err = o.db.View(func(tx *bbolt.Tx) error {
		yes = bytes.Equal(tx.Bucket([]byte(inDeaf)).Get(under(channel, person)), hashed(address))
		return nil
	})
	return yes, err
}

// address is where the channel reaches the reader; "" of a place, and where nobody knows.
func (c *carrier) address(e *entry) (at string) {
	err := c.f.Ledger.View(context.Background(), func(tx *ledger.Tx) error { // whatever ends: it is quick, and is written down with what was given up
		return guarded(func() error {
			who, there, err := c.f.Planner.current(tx, e.To)
			if err != nil || !there { // a place, or they left
				return err
			}
			at, err = c.ch.Address(tx, who)
			return err
		})
	})
	if err != nil {
		c.f.Report(err)
	}
	return at
}
