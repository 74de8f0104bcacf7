package identity

import (
	"context"
	"slices"

	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// BeginRetire asks for the touch of another passkey of who to end one.
func (d *Directory) BeginRetire(ctx context.Context, who, fingerprint string) (Ask, error) {
	var ids [][]byte
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		_, c, err := theirs(tx, who, fingerprint)
		if err != nil {
			return err
		}
		all, err := d.usable(tx, who)
		ids = slices.DeleteFunc(all, func(id []byte) bool { return slices.Equal(id, c.ID) })
		if err == nil && len(ids) == 0 {
			err = refuse("this is your last passkey that counts: add another one first")
		}
		return err
	})
	if err != nil {
		return Ask{}, err
	}
	text, err := statement.Retire{Log: d.Log, Person: who, Key: fingerprint, Nonce: nonce()}.Bytes()
	if err != nil {
		return Ask{}, err
	}
	return d.ask(&d.asks, Ask{Text: text, domain: statement.ForRetire, who: who, key: fingerprint}, ids)
}

// theirs finds a passkey of who that has not ended.
func theirs(tx *ledger.Tx, who, fingerprint string) (Person, Credential, error) {
	p, err := person(tx, who)
	if err != nil {
		return Person{}, Credential{}, err
	}
	c, err := passkey(tx, fingerprint)
	if err == nil && (c.Of != who || !slices.Contains(p.Passkeys, fingerprint)) {
		err = refuse("you have no such passkey")
	}
	return p, c, err
}

// Retire ends a passkey of who, signed for by another one of theirs. It is
// refused where a seat would go with it: that takes a motion.
func (d *Directory) Retire(ctx context.Context, who, id string, assertionJSON []byte) error {
	ask, a, err := d.answered(who, id, statement.ForRetire, assertionJSON)
	if err != nil {
		return err
	}
	return d.update(ctx, func(tx *ledger.Tx) error { return d.retire(tx, ask, a) })
}

func (d *Directory) retire(tx *ledger.Tx, ask Ask, a statement.Assertion) error {
	by, err := d.assert(tx, claim{domain: ask.domain, text: ask.Text, who: ask.who}, a)
	if err != nil {
		return err
	}
	p, c, err := theirs(tx, ask.who, ask.key)
	switch {
	case err != nil:
		return err
	case by.Fingerprint == c.Fingerprint:
		return refuse("a passkey is ended by another one of yours")
	}
	before, err := d.Current(tx, p.ID)
	if err != nil {
		return err
	}
	seq, err := tx.Append(ledger.Event{
		Kind: "credential.retired", Actor: p.ID, Subjects: subjects(p.Customer), Customers: subjects(p.Customer),
		Detail: map[string]string{
			"passkey": c.Fingerprint, "by": by.Fingerprint, "statement": hash(string(ask.Text)), "signature": hash(string(a.Signature)),
		},
	})
	if err != nil {
		return err
	}
	c.Retired = &Signed{ask.Text, a}
	if err := d.end(tx, &p, seq, c); err != nil {
		return err
	}
	if err := tx.Put(personKey(p.ID), p); err != nil {
		return err
	}
	after, err := d.Current(tx, p.ID)
	if err == nil && before.Admitted && !after.Admitted {
		err = refuse("your vote hangs on this passkey: have another one of yours admitted first")
	}
	return err
}

// end ends passkeys of p with event seq, the SSH keys, logins and the link to Slack
// that they signed for, and the sessions that they opened. The caller stores p.
func (d *Directory) end(tx *ledger.Tx, p *Person, seq int64, all ...Credential) error {
	gone := func(id []byte) bool {
		return slices.ContainsFunc(all, func(c Credential) bool { return slices.Equal(c.ID, id) })
	}
	for _, c := range all {
		c.Ended, c.EndedSeq = tx.Now(), seq
		if err := tx.Put(credentialKey(c.ID), c); err != nil {
			return err
		}
		p.Passkeys = slices.DeleteFunc(p.Passkeys, func(f string) bool { return f == c.Fingerprint })
	}
	for _, f := range slices.Clone(p.SSHKeys) {
		s, err := sshKey(tx, f)
		if err != nil {
			return err
		}
		if !gone(s.Passkey) {
			continue
		}
		if err := tx.Delete(sshKeyKey(f)); err != nil {
			return err
		}
		p.SSHKeys = slices.DeleteFunc(p.SSHKeys, func(k string) bool { return k == f })
	}
	if _, err := endLogins(tx, "lockbox", p.ID, "its passkey ended", func(l SSHLogin) bool { return gone(l.Passkey) }); err != nil {
		return err
	}
	if _, err := dropSlack(tx, "lockbox", p.ID, "its passkey ended", func(r slackRow) bool { return gone(r.Passkey) }); err != nil {
		return err
	}
	_, err := dropWeb(tx, func(w web) bool { return w.Of == p.ID && gone(w.Credential) })
	return err
}
