package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"lockbox/recorder/ledger"
)

// SSHLogins lists the logins of one person whose time is not up, oldest first, to be shown.
func (d *Directory) SSHLogins(ctx context.Context, who string) (all []SSHLogin, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		return eachLogin(tx, who, func(_ string, l SSHLogin) {
			if tx.Now().Before(l.Until) {
				all = append(all, l)
			}
		})
	})
	slices.SortStableFunc(all, func(a, b SSHLogin) int { return a.From.Compare(b.From) })
	return all, err
}

// EndLogin ends a login of who: its key opens nothing any more, and its sessions end.
func (d *Directory) EndLogin(ctx context.Context, who, fingerprint string) error {
	return d.update(ctx, func(tx *ledger.Tx) error {
		if ok, err := tx.Get(loginKey(who, fingerprint), &SSHLogin{}); err != nil || !ok {
			return orRefuse(err, "you have no such login")
		}
		_, err := endLogins(tx, who, who, "by the person", func(l SSHLogin) bool { return l.Fingerprint == fingerprint })
		return err
	})
}

// endLogins ends those logins of who ("": of anybody) that want it, and counts them.
func endLogins(tx *ledger.Tx, by, who, why string, want func(SSHLogin) bool) (int, error) {
	of := map[string][]SSHLogin{}
	err := eachLogin(tx, who, func(_ string, l SSHLogin) {
		if want(l) {
			of[l.Of] = append(of[l.Of], l)
		}
	})
	n := 0
	for person, all := range of {
		var keys []string
		for _, l := range all {
			keys, err = append(keys, l.Fingerprint), errors.Join(err, tx.Delete(loginKey(l.Of, l.Fingerprint)))
		}
		if err != nil {
			return 0, err
		}
		n += len(all)
		_, err = tx.Append(ledger.Event{
			Kind: "login.ended", Actor: by, Detail: map[string]string{"ssh-keys": strings.Join(keys, " "), "why": why},
			Private: map[string]string{"person": person},
		})
	}
	return n, err
}

// forgetLogins takes out those of which no session can be left.
func forgetLogins(tx *ledger.Tx) error {
	var old []string
	err := eachLogin(tx, "", func(key string, l SSHLogin) {
		if !tx.Now().Before(l.Until.Add(loginKept)) {
			old = append(old, key)
		}
	})
	if err != nil || len(old) == 0 {
		return err
	}
	for _, key := range old {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	_, err = tx.Append(ledger.Event{Kind: "login.forgotten", Actor: "lockbox", Detail: map[string]string{"count": fmt.Sprint(len(old))}})
	return err
}

// LogoutText is what the key of a login signs to end it: no SSH client or server signs what begins like this.
func LogoutText(c *ssh.Certificate) []byte {
	return append([]byte("lockbox/logout/v1\x00"), c.Marshal()...)
}

// Logout ends the login of a certificate for whoever has its key, which signed LogoutText.
func (d *Directory) Logout(ctx context.Context, m Meta, c *ssh.Certificate, sig *ssh.Signature) error {
	if err := d.slow(m); err != nil {
		return err
	}
	if d.PeopleCA == nil {
		return refuse("this gateway gives no logins")
	}
	who, err := certified(c, d.PeopleCA.PublicKey())
	if err == nil {
		err = c.Key.Verify(LogoutText(c), sig)
	}
	if err != nil {
		return d.guessed(m, &Refusal{"this is no login of this gateway, or not yours to end", err})
	}
	return d.EndLogin(ctx, who, ssh.FingerprintSHA256(c.Key))
}
