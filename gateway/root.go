package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"lockbox/recorder/ledger"
)

// Root is what the log says that the recording of a session came to: its root.
// The error is fs.ErrNotExist for a session that the log does not know, or that
// has not ended.
func (g *Gateway) Root(ctx context.Context, session string) (root string, err error) {
	var s stay
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		ok, err := tx.Get(sessionKey(session), &s)
		if err == nil && (!ok || s.Closed == 0) {
			err = fs.ErrNotExist
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("find the root of session %s: %w", session, err)
	}
	return s.Root, err
}
