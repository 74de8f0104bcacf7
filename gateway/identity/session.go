package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

const (
	webLife  = 8 * time.Hour
	webIdle  = 15 * time.Minute
	webTouch = time.Minute // a session is not written down as seen more often
)

// ErrSignedOut means that there is no such session, or no more.
var ErrSignedOut = errors.New("you are signed out: sign in with your passkey")

// web is the row of a session at the portal.
type web struct {
	Of         string    `json:"of"`
	Credential []byte    `json:"credential"`
	At         time.Time `json:"at"`
	Seen       time.Time `json:"seen"`
}

// over says whether the session has ended by itself.
func (w web) over(now time.Time) bool {
	return !now.Before(w.At.Add(webLife)) || !now.Before(w.Seen.Add(webIdle))
}

// A Login is somebody who is signed in.
type Login struct {
	policy.Principal
	At          time.Time // signed in
	Until       time.Time // signed out at the latest
	Fingerprint string    // of the passkey
	Confirmed   bool      // false: show only that Fingerprint waits
	Later       bool      // it waits for another passkey of theirs; else to be compared
}

// Session says who holds the cookie, and that they were here. ErrSignedOut when nobody does.
func (d *Directory) Session(ctx context.Context, cookie string) (l Login, err error) {
	stale := false
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		var w web
		if l, w, err = d.login(tx, cookie); err != nil {
			return err
		}
		stale = tx.Now().Sub(w.Seen) >= webTouch
		return nil
	})
	if err == nil && stale {
		err = d.seen(ctx, WebID(cookie))
	}
	if err != nil {
		return Login{}, err
	}
	return l, nil
}

// SignedIn says who holds the cookie: who asks is no sign that they are here.
func (d *Directory) SignedIn(ctx context.Context, cookie string) (l Login, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		l, _, err = d.login(tx, cookie)
		return err
	})
	return l, err
}

func (d *Directory) login(tx *ledger.Tx, cookie string) (Login, web, error) {
	return d.session(tx, WebID(cookie))
}

func (d *Directory) session(tx *ledger.Tx, id string) (Login, web, error) {
	var w web
	ok, err := tx.Verified(webAt(id), &w)
	if err != nil {
		return Login{}, web{}, fmt.Errorf("read session: %w", err)
	}
	if !ok || w.over(tx.Now()) {
		return Login{}, web{}, ErrSignedOut
	}
	c, err := credential(tx, w.Credential)
	if err != nil {
		return Login{}, web{}, gone(err)
	}
	p, err := person(tx, w.Of)
	if err != nil {
		return Login{}, web{}, gone(err)
	}
	if c.Of != w.Of || d.why(p, c.asConfirmed(tx.Now())) != "" {
		return Login{}, web{}, ErrSignedOut
	}
	who, err := d.admitted(tx, p, c.Fingerprint)
	if err != nil {
		return Login{}, web{}, err
	}
	return Login{who, w.At, w.At.Add(webLife), c.Fingerprint, !c.Confirmed.IsZero(), !c.leads()}, w, nil
}

// admitted is the person as the passkey makes them: an executive or reviewer
// only with one that is pinned.
func (d *Directory) admitted(tx *ledger.Tx, p Person, fingerprint string) (policy.Principal, error) {
	who := p.Principal
	if who.Kind != policy.Executive && who.Kind != policy.Reviewer {
		return who, nil
	}
	sits, err := d.sits(tx, seat{who.Kind, who.Customer, fingerprint}, atLast)
	who.Admitted = err == nil && sits
	return who, err
}

// gone is ErrSignedOut where there is no such person or passkey any more.
func gone(err error) error {
	if r := new(Refusal); errors.As(err, &r) {
		return ErrSignedOut
	}
	return err
}

func (d *Directory) seen(ctx context.Context, id string) error {
	return d.update(ctx, func(tx *ledger.Tx) error {
		l, w, err := d.session(tx, id)
		if err != nil {
			return err
		}
		w.Seen = tx.Now()
		if err := tx.Put(webAt(id), w); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "session.seen", Actor: l.ID})
		return err
	})
}

// SignOut ends the session. One that has ended already is no error.
func (d *Directory) SignOut(ctx context.Context, cookie string) error {
	return d.update(ctx, func(tx *ledger.Tx) error {
		var w web
		ok, err := tx.Get(webKey(cookie), &w)
		if err != nil || !ok {
			return err
		}
		if err := tx.Delete(webKey(cookie)); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "session.signed-out", Actor: w.Of, Detail: map[string]string{"why": "by the person"}})
		return err
	})
}

// signOut ends every session that a person has at the portal, and every login of theirs.
func signOut(tx *ledger.Tx, who string) error {
	if _, err := endLogins(tx, "lockbox", who, "signed out", func(SSHLogin) bool { return true }); err != nil {
		return err
	}
	_, err := dropWeb(tx, func(w web) bool { return w.Of == who })
	return err
}

// RevokeAll ends every session that a person has at the portal, and every login of theirs.
func (d *Directory) RevokeAll(ctx context.Context, by, who string) error {
	return d.update(ctx, func(tx *ledger.Tx) error {
		if _, err := endLogins(tx, by, who, "revoked", func(SSHLogin) bool { return true }); err != nil {
			return err
		}
		n, err := dropWeb(tx, func(w web) bool { return w.Of == who })
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "session.signed-out", Actor: by, Detail: map[string]string{"why": "revoked", "sessions": fmt.Sprint(n)},
			Private: map[string]string{"person": who},
		})
		return err
	})
}

// Sweep forgets sessions that have ended, and writes down what waits to be. Call
// it now and then.
func (d *Directory) Sweep(ctx context.Context) error {
	if err := d.Lock(ctx); err != nil {
		return err
	}
	return d.update(ctx, func(tx *ledger.Tx) error {
		if err := forgetLogins(tx); err != nil {
			return err
		}
		n, err := dropWeb(tx, func(w web) bool { return w.over(tx.Now()) })
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "session.signed-out", Actor: "lockbox", Detail: map[string]string{"why": "expired", "sessions": fmt.Sprint(n)},
		})
		return err
	})
}

// dropWeb deletes the sessions that want it, and counts them.
func dropWeb(tx *ledger.Tx, want func(web) bool) (int, error) {
	var keys []string
	err := tx.Scan("web/", func(key string, raw json.RawMessage) (bool, error) {
		var w web
		if err := json.Unmarshal(raw, &w); err != nil {
			return false, fmt.Errorf("read session: %w", err)
		}
		if want(w) {
			keys = append(keys, key)
		}
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}
