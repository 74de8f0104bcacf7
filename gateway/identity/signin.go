package identity

import (
	"context"
	"fmt"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// BeginSignIn asks whoever it is for any passkey of ours. It writes nothing: what
// strangers do does not fill the ledger.
func (d *Directory) BeginSignIn(_ context.Context, m Meta) (Ask, error) {
	if err := d.slow(m); err != nil {
		return Ask{}, err
	}
	text, err := statement.SignIn{Log: d.Log, Nonce: nonce()}.Bytes()
	if err != nil {
		return Ask{}, fmt.Errorf("begin sign-in: %w", err)
	}
	return d.ask(&d.signIns, Ask{Text: text, domain: statement.ForSignIn}, nil)
}

// FinishSignIn opens a session for the person whose passkey answered, even one that
// is not confirmed: see Login.Confirmed. cookie is secret; only its SHA-256 is kept.
func (d *Directory) FinishSignIn(ctx context.Context, id string, assertionJSON []byte, m Meta) (cookie string, who policy.Principal, err error) {
	if err := d.slow(m); err != nil {
		return "", policy.Principal{}, err
	}
	ask, err := d.signIns.take(d.now(), id)
	if err != nil {
		return "", policy.Principal{}, d.guessed(m, err)
	}
	a, err := statement.ParseAssertion(assertionJSON)
	if err != nil {
		return "", policy.Principal{}, d.guessed(m, &Refusal{"the passkey's answer cannot be read: begin again", err})
	}
	if cookie, err = secret(); err != nil {
		return "", policy.Principal{}, fmt.Errorf("sign in: %w", err)
	}
	err = d.update(ctx, func(tx *ledger.Tx) error {
		who, err = d.signIn(tx, cookie, ask, a, m)
		return err
	})
	if err != nil {
		return "", policy.Principal{}, d.guessed(m, err)
	}
	return cookie, who, nil
}

func (d *Directory) signIn(tx *ledger.Tx, cookie string, ask Ask, a statement.Assertion, m Meta) (policy.Principal, error) {
	c, err := d.assert(tx, claim{domain: ask.domain, text: ask.Text, fresh: true}, a)
	if err != nil {
		return policy.Principal{}, err
	}
	p, err := person(tx, c.Of)
	if err != nil {
		return policy.Principal{}, err
	}
	now := tx.Now()
	w := web{Of: p.ID, Credential: c.ID, At: now, Seen: now}
	if err := tx.Put(webKey(cookie), w); err != nil {
		return policy.Principal{}, err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "session.signed-in", Actor: p.ID, Customers: subjects(p.Customer),
		Detail:  map[string]string{"passkey": c.Fingerprint, "confirmed": yes(!c.Confirmed.IsZero()), "signature": hash(string(a.Signature))},
		Private: m.private(nil),
	})
	return p.Principal, err
}
