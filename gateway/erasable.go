package gateway

import (
	"errors"
	"fmt"

	"lockbox/approvals"
	"lockbox/recorder/ledger"
)

// Over gives the customers whom a session reached, also where it refuses to have
// its recording erased: while it lasts, while somebody holds the recording, and
// once that is erased or ordered to be. It is what a Charter and a Desk ask.
func (g *Gateway) Over(tx *ledger.Tx, session string) (customers []string, err error) {
	var s stay
	if ok, err := tx.Get(sessionKey(session), &s); err != nil || !ok {
		return nil, errors.Join(err, refuse("there is no recording %s", session))
	}
	var o approvals.Shred
	ordered, err := tx.Get(approvals.ShredKey(session), &o)
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for the order to erase %s: %w", session, err)
	case s.Ended.IsZero():
		err = refuse("session %s is open; end it first", session)
	case !s.Erased.IsZero():
		err = refuse("recording %s is erased already", session)
	case ordered:
		err = refuse("recording %s is to be erased already, by motion %s", session, o.Motion)
	case s.Hold != nil:
		err = refuse("recording %s is held; another executive than the one who holds it lets it go first", session)
	}
	return s.Customers, err
}
