package identity

import (
	"context"
	"fmt"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// BeginVouch starts the confirmation of somebody's passkey by a second person, who
// is not the one who invited. fingerprint is what its owner read out, by voice or
// face to face.
func (d *Directory) BeginVouch(ctx context.Context, by, about, fingerprint string) (Ask, error) {
	text, err := statement.Vouch{Log: d.Log, By: by, Person: about, Key: fingerprint, Nonce: nonce()}.Bytes()
	if err != nil {
		return Ask{}, &Refusal{"this is not the fingerprint of a passkey", err}
	}
	var ids [][]byte
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		if _, _, err := waiting(tx, by, about, fingerprint); err != nil {
			return err
		}
		ids, err = d.usable(tx, by)
		return err
	})
	if err != nil {
		return Ask{}, err
	}
	return d.ask(&d.asks, Ask{Text: text, domain: statement.ForVouch, who: by, about: about, key: fingerprint}, ids)
}

// waiting finds the passkey that waits to be confirmed, if by may do it.
func waiting(tx *ledger.Tx, by, about, fingerprint string) (Person, Credential, error) {
	p, err := person(tx, about)
	if err != nil {
		return Person{}, Credential{}, err
	}
	c, err := passkey(tx, fingerprint)
	switch {
	case err != nil:
		return Person{}, Credential{}, err
	case c.Of != about:
		return Person{}, Credential{}, refuse("the fingerprint is not that of %s's passkey: somebody else may have used their link", about)
	case !c.Locked.IsZero():
		return Person{}, Credential{}, refuse("%s", lockedWhy)
	case !c.Ended.IsZero():
		return Person{}, Credential{}, refuse("this passkey has ended")
	case !c.Confirmed.IsZero():
		return Person{}, Credential{}, refuse("this passkey is confirmed already")
	case c.Later:
		return Person{}, Credential{}, refuse("this passkey is not the first of %s: another one of theirs has to counter-sign it", about)
	case p.InvitedBy == by:
		return Person{}, Credential{}, refuse("you invited %s: somebody else has to compare the fingerprint", about)
	}
	return p, c, nil
}

// Vouch confirms a passkey: somebody compared its fingerprint and signed that they did.
// It makes nobody an approver; see Pins.
func (d *Directory) Vouch(ctx context.Context, id string, assertionJSON []byte) error {
	ask, err := d.asks.take(d.now(), id)
	if err != nil {
		return err
	}
	a, err := statement.ParseAssertion(assertionJSON)
	if err != nil || ask.domain != statement.ForVouch {
		return &Refusal{"the passkey's answer cannot be read: begin again", err}
	}
	return d.update(ctx, func(tx *ledger.Tx) error { return d.vouch(tx, ask, a) })
}

func (d *Directory) vouch(tx *ledger.Tx, ask Ask, a statement.Assertion) error {
	proof, key, err := d.Assert(tx, ask.who, ask.domain, ask.Text, a)
	if err != nil {
		return err
	}
	voucher, err := person(tx, ask.who)
	if err != nil {
		return err
	}
	by, err := d.admitted(tx, voucher, key.Fingerprint())
	if err != nil {
		return err
	}
	p, c, err := waiting(tx, ask.who, ask.about, ask.key)
	if err != nil {
		return err
	}
	if v := d.policy().Decide(policy.Question{
		Now: tx.Now(), Who: by, Proofs: []policy.Proof{proof}, Do: policy.Vouch,
		Binding: binding(ask.domain, ask.Text), Person: p.Principal,
	}); v.Verdict != policy.Allow {
		return refuse("%s", v.Why)
	}
	c.ConfirmedBy, c.Vouch = by.ID, &Signed{ask.Text, a}
	if p.Vouched == "" {
		p.Vouched = by.ID
	}
	if err := tx.Put(personKey(p.ID), p); err != nil {
		return err
	}
	if err := d.confirm(tx, p, c, Vouched); err != nil {
		return err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "person.vouched", Actor: by.ID, Subjects: subjects(p.Customer), Customers: subjects(p.Customer),
		Detail: map[string]string{
			"passkey": c.Fingerprint, "how": Vouched, "statement": hash(string(ask.Text)), "signature": hash(string(a.Signature)),
		},
		Private: map[string]string{"person": p.ID},
	})
	if err != nil {
		return fmt.Errorf("vouch: %w", err)
	}
	return nil
}
