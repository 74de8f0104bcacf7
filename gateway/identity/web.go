package identity

import (
	"context"
	"errors"

	"lockbox/recorder/ledger"
)

// WebID names the session at the portal that a cookie holds; it is no secret.
func WebID(cookie string) string { return hash(cookie) }

// HoldsWeb says whether the session at the portal is the person's and goes on:
// not ended, not too old, not idle for too long, and its passkey counts.
func (d *Directory) HoldsWeb(tx *ledger.Tx, person, id string) (bool, error) {
	l, _, err := d.session(tx, id)
	if errors.Is(err, ErrSignedOut) {
		return false, nil
	}
	return err == nil && l.ID == person && l.Confirmed, err
}

// Here writes down that the person of a session at the portal uses an
// application: it goes on as if they had looked at the portal. ErrSignedOut when
// it is over.
func (d *Directory) Here(ctx context.Context, id string) error {
	stale := false
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		_, w, err := d.session(tx, id)
		stale = err == nil && tx.Now().Sub(w.Seen) >= webTouch
		return err
	})
	if err == nil && stale {
		err = d.seen(ctx, id)
	}
	return err
}
