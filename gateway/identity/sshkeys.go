package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// maxSSHKeys bounds the keys of one person.
const maxSSHKeys = 20

// An SSHKey is a key that opens the SSH door to its person. It counts while the
// passkey that signed for it does.
type SSHKey struct {
	Fingerprint string    `json:"fingerprint"` // as ssh-keygen -l shows it
	Of          string    `json:"of"`
	Key         []byte    `json:"key"` // wire form, RFC 4253 §6.6
	Comment     string    `json:"comment,omitempty"`
	Added       time.Time `json:"added"`
	Passkey     []byte    `json:"passkey"` // id of the credential that signed
	Signed      Signed    `json:"signed"`
}

// BeginSSHKey starts adding an SSH key: one authorized_keys line, or "" for the one of the invitation.
func (d *Directory) BeginSSHKey(ctx context.Context, who, line string) (Ask, error) {
	var ids [][]byte
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		p, err := person(tx, who)
		if err != nil {
			return err
		}
		if line == "" {
			line = p.Offered
		}
		ids, err = d.usable(tx, who)
		return err
	})
	if err != nil {
		return Ask{}, err
	}
	return d.askSSHKey(ctx, who, line, false, ids...)
}

// askSSHKey asks for the touch. fresh lets a passkey sign that nobody confirmed yet.
func (d *Directory) askSSHKey(ctx context.Context, who, line string, fresh bool, ids ...[]byte) (Ask, error) {
	k, err := ParseSSHKey(line)
	if err != nil {
		return Ask{}, err
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error { return room(tx, who, k) })
	if err != nil {
		return Ask{}, err
	}
	text, err := statement.SSHKey{Log: d.Log, Person: who, Key: ssh.FingerprintSHA256(k), Nonce: nonce()}.Bytes()
	if err != nil {
		return Ask{}, fmt.Errorf("add ssh key: %w", err)
	}
	return d.ask(&d.asks, Ask{Text: text, domain: statement.ForSSHKey, who: who, key: line, fresh: fresh}, ids)
}

// room says whether the key can become who's.
func room(tx *ledger.Tx, who string, k ssh.PublicKey) error {
	p, err := person(tx, who)
	if err != nil {
		return err
	}
	f := ssh.FingerprintSHA256(k)
	if slices.Contains(p.SSHKeys, f) {
		return refuse("this key is yours already")
	}
	if len(p.SSHKeys) >= maxSSHKeys {
		return refuse("you have %d keys: remove one first", maxSSHKeys)
	}
	pf, err := pkixFingerprint(k)
	if err != nil {
		return &Refusal{"this key cannot be used", err}
	}
	var o owner
	ok, err := tx.Verified(ownerKey(pf), &o)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	if ok && (o.Of != who || o.Kind != "ssh") {
		return refuse("%s", takenWhy)
	}
	return nil
}

const takenWhy = "this key is enrolled already: each person and each use needs a key of its own"

// AddSSHKey adds the key that was begun, signed for by its person's passkey.
func (d *Directory) AddSSHKey(ctx context.Context, id string, assertionJSON []byte) (s SSHKey, err error) {
	ask, err := d.asks.take(d.now(), id)
	if err != nil {
		return SSHKey{}, err
	}
	a, err := statement.ParseAssertion(assertionJSON)
	if err != nil || ask.domain != statement.ForSSHKey {
		return SSHKey{}, &Refusal{"the passkey's answer cannot be read: begin again", err}
	}
	err = d.update(ctx, func(tx *ledger.Tx) error {
		s, err = d.addSSHKey(tx, ask, a)
		return err
	})
	if err != nil {
		return SSHKey{}, err
	}
	return s, nil
}

func (d *Directory) addSSHKey(tx *ledger.Tx, ask Ask, a statement.Assertion) (SSHKey, error) {
	c, err := d.assert(tx, claim{domain: ask.domain, text: ask.Text, who: ask.who, fresh: ask.fresh}, a)
	if err != nil {
		return SSHKey{}, err
	}
	k, err := ParseSSHKey(ask.key)
	if err != nil {
		return SSHKey{}, err
	}
	if err := room(tx, ask.who, k); err != nil {
		return SSHKey{}, err
	}
	p, err := person(tx, ask.who)
	if err != nil {
		return SSHKey{}, err
	}
	s := SSHKey{
		Fingerprint: ssh.FingerprintSHA256(k), Of: p.ID, Key: k.Marshal(), Comment: comment(ask.key),
		Added: tx.Now(), Passkey: c.ID, Signed: Signed{ask.Text, a},
	}
	pf, err := pkixFingerprint(k)
	if err != nil {
		return SSHKey{}, err
	}
	p.SSHKeys = append(p.SSHKeys, s.Fingerprint)
	if strings.TrimSpace(ask.key) == strings.TrimSpace(p.Offered) {
		p.Offered = ""
	}
	if err := putAll(tx, row{sshKeyKey(s.Fingerprint), s}, row{ownerKey(pf), owner{Of: p.ID, Kind: "ssh"}}, row{personKey(p.ID), p}); err != nil {
		return SSHKey{}, err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "key.added", Actor: p.ID,
		Detail: map[string]string{
			"ssh-key": s.Fingerprint, "passkey": c.Fingerprint, "statement": hash(string(ask.Text)), "signature": hash(string(a.Signature)),
		},
	})
	return s, err
}

// RemoveSSHKey takes a key from its person. Nobody else can enrol it later.
func (d *Directory) RemoveSSHKey(ctx context.Context, who, fingerprint string) error {
	return d.update(ctx, func(tx *ledger.Tx) error {
		p, err := person(tx, who)
		if err != nil {
			return err
		}
		i := slices.Index(p.SSHKeys, fingerprint)
		if i < 0 {
			return refuse("you have no such key")
		}
		p.SSHKeys = slices.Delete(p.SSHKeys, i, i+1)
		if err := tx.Delete(sshKeyKey(fingerprint)); err != nil {
			return err
		}
		if err := tx.Put(personKey(who), p); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: "key.removed", Actor: who, Detail: map[string]string{"ssh-key": fingerprint}})
		return err
	})
}

// SSHKeys lists those of one person, oldest first.
func (d *Directory) SSHKeys(ctx context.Context, who string) (all []SSHKey, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		p, err := person(tx, who)
		if err != nil {
			return err
		}
		for _, f := range p.SSHKeys {
			s, err := sshKey(tx, f)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	return all, err
}

func sshKey(tx *ledger.Tx, fingerprint string) (s SSHKey, err error) {
	ok, err := tx.Verified(sshKeyKey(fingerprint), &s)
	switch {
	case err != nil:
		return SSHKey{}, fmt.Errorf("read ssh key: %w", err)
	case !ok || s.Fingerprint != fingerprint:
		return SSHKey{}, refuse("nobody has this key")
	}
	return s, nil
}

// counting finds an SSH key whose passkey counts.
func (d *Directory) counting(tx *ledger.Tx, fingerprint string) (SSHKey, error) {
	s, err := sshKey(tx, fingerprint)
	if err != nil {
		return SSHKey{}, err
	}
	c, err := credential(tx, s.Passkey)
	if err != nil {
		return SSHKey{}, err
	}
	p, err := person(tx, s.Of)
	if err != nil {
		return SSHKey{}, err
	}
	if why := d.why(p, c); why != "" {
		return SSHKey{}, refuse("%s", why)
	}
	if c.Of != s.Of {
		return SSHKey{}, refuse("the passkey that signed for this key does not count")
	}
	return s, nil
}

// HoldsKey says whether the SSH key is still the person's, and counts: one that
// they enrolled, or that of a login of theirs.
func (d *Directory) HoldsKey(tx *ledger.Tx, person, fingerprint string) (bool, error) {
	s, err := d.counting(tx, fingerprint)
	if r := new(Refusal); errors.As(err, &r) || err == nil && s.Of != person {
		return d.holdsLogin(tx, person, fingerprint)
	}
	return err == nil, err
}

// BySSHKey says whose key it is. A certificate, a weak key, a key nobody has, and
// one whose passkey does not count are each nobody's.
func (d *Directory) BySSHKey(ctx context.Context, k ssh.PublicKey) (who policy.Principal, err error) {
	if err := goodSSHKey(k); err != nil {
		return policy.Principal{}, err
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		s, err := d.counting(tx, ssh.FingerprintSHA256(k))
		if err != nil {
			return err
		}
		if !bytes.Equal(k.Marshal(), s.Key) {
			return refuse("nobody has this key")
		}
		p, err := person(tx, s.Of)
		who = p.Principal
		return err
	})
	if err != nil {
		return policy.Principal{}, err
	}
	return who, nil
}
