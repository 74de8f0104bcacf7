package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// BeginCounterSign asks for the touch of another passkey of who over a new one.
func (d *Directory) BeginCounterSign(ctx context.Context, who, fingerprint string) (Ask, error) {
	var text []byte
	var ids [][]byte
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		p, c, err := d.toBond(tx, who, fingerprint)
		if err != nil {
			return err
		}
		if text, err = (statement.CounterSign{
			Log: d.Log, Person: p.ID, Key: c.Fingerprint, Kept: c.Kept(), Digest: hash(string(c.Statement)), Nonce: nonce(),
		}).Bytes(); err != nil {
			return err
		}
		ids, err = d.signers(tx, p, fingerprint)
		return err
	})
	if err != nil {
		return Ask{}, err
	}
	return d.ask(&d.asks, Ask{Text: text, domain: statement.ForCounterSign, who: who, key: fingerprint, fresh: true}, ids)
}

// toBond finds a passkey of who that waits for a counter-signature.
func (d *Directory) toBond(tx *ledger.Tx, who, fingerprint string) (Person, Credential, error) {
	p, err := person(tx, who)
	if err != nil {
		return Person{}, Credential{}, err
	}
	c, err := passkey(tx, fingerprint)
	switch {
	case err != nil:
		return Person{}, Credential{}, err
	case c.Of != who || len(c.Statement) == 0 || !c.Later || !slices.Contains(p.Passkeys, fingerprint):
		return Person{}, Credential{}, refuse("you have no such passkey that waits")
	}
	if done, err := d.bonded(tx, p, c); done || err != nil {
		return Person{}, Credential{}, orRefuse(err, "this passkey is counter-signed already")
	}
	if why := d.why(p, c.asConfirmed(tx.Now())); why != "" {
		return Person{}, Credential{}, refuse("%s", why)
	}
	return p, c, nil
}

// bonded says whether a passkey has its counter-signature. One that carried no
// seat when it was made, because its person had none yet, may be made again.
func (d *Directory) bonded(tx *ledger.Tx, p Person, c Credential) (bool, error) {
	if c.Bond == nil || p.Kind != policy.Executive && p.Kind != policy.Reviewer {
		return c.Bond != nil, nil
	}
	_, leans, err := d.leans(tx, seat{p.Kind, p.Customer, c.Fingerprint}, c.Bond.Seq, atLast, longestBonds)
	if leans || err != nil {
		return leans, err
	}
	who, err := d.Current(tx, p.ID)
	return !who.Admitted, err
}

// signers lists the ids of the passkeys that may counter-sign another: those that
// count, or before anybody confirmed one, the first.
func (d *Directory) signers(tx *ledger.Tx, p Person, except string) (ids [][]byte, err error) {
	_, all, err := d.own(tx, p.ID)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Fingerprint != except && d.mayBond(tx, p, c, all) {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil, refuse("%s", noneWhy)
	}
	return ids, nil
}

func (d *Directory) mayBond(tx *ledger.Tx, p Person, c Credential, all []Credential) bool {
	if d.why(p, c) == "" {
		return true
	}
	any := slices.ContainsFunc(all, func(o Credential) bool { return !o.Confirmed.IsZero() })
	return !any && c.leads() && d.why(p, c.asConfirmed(tx.Now())) == ""
}

// CounterSign lets a new passkey of who count as far as the one that signed for it.
func (d *Directory) CounterSign(ctx context.Context, who, id string, assertionJSON []byte) error {
	ask, a, err := d.answered(who, id, statement.ForCounterSign, assertionJSON)
	if err != nil {
		return err
	}
	return d.update(ctx, func(tx *ledger.Tx) error { return d.bond(tx, ask, a) })
}

// answered is a question of this domain that was put to who, and the answer.
func (d *Directory) answered(who, id string, dom statement.Domain, assertionJSON []byte) (Ask, statement.Assertion, error) {
	ask, err := d.asks.take(d.now(), id)
	if err != nil {
		return Ask{}, statement.Assertion{}, err
	}
	a, err := statement.ParseAssertion(assertionJSON)
	if err != nil || ask.domain != dom || ask.who != who {
		return Ask{}, statement.Assertion{}, &Refusal{"the passkey's answer cannot be read: begin again", err}
	}
	return ask, a, nil
}

func (d *Directory) bond(tx *ledger.Tx, ask Ask, a statement.Assertion) error {
	by, err := d.assert(tx, claim{domain: ask.domain, text: ask.Text, who: ask.who, fresh: ask.fresh}, a)
	if err != nil {
		return err
	}
	p, c, err := d.toBond(tx, ask.who, ask.key)
	if err != nil {
		return err
	}
	_, all, err := d.own(tx, p.ID)
	if err != nil {
		return err
	}
	if by.Fingerprint == c.Fingerprint || !d.mayBond(tx, p, by, all) {
		return refuse("this passkey cannot counter-sign: use another one of yours that counts")
	}
	b := statement.Bond{Credential: c.Statement, Statement: ask.Text, Assertion: a, By: by.Fingerprint}
	detail, err := b.Leaf()
	if err != nil {
		return err
	}
	if b.Seq, err = tx.Append(ledger.Event{
		Kind: statement.Bonded, Actor: p.ID, Subjects: subjects(p.Customer), Customers: subjects(p.Customer), Detail: detail,
	}); err != nil {
		return err
	}
	c.Bond = &b
	if err := d.proveBond(tx, c); err != nil { // as whoever rests on it will
		return err
	}
	if by.Confirmed.IsZero() {
		return tx.Put(credentialKey(c.ID), c)
	}
	return d.confirm(tx, p, c, Bonded)
}

// proveBond verifies the counter-signature of a passkey again, from the bytes that were signed.
func (d *Directory) proveBond(tx *ledger.Tx, c Credential) error {
	by, err := passkey(tx, c.Bond.By)
	if err != nil {
		return err
	}
	key, of, err := by.key(c.Bond.By)
	if err != nil {
		return err
	}
	is, err := c.Bond.Verify(d.Log, d.Party, key)
	switch {
	case err != nil:
		return fmt.Errorf("counter-signature of %s: %w", c.Fingerprint, err)
	case is.Key != c.Fingerprint || is.Person != c.Of || of != c.Of:
		return fmt.Errorf("counter-signature of %s: %w", c.Fingerprint, errors.New("it is for another passkey or person"))
	}
	return nil
}
