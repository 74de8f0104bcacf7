package identity

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/webauthn"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// maxPasskeys bounds the passkeys of one person.
const maxPasskeys = 10

// A making is a registration that is under way.
type making struct {
	session webauthn.SessionData
	invite  Invite
}

// leads says whether the passkey may bring others of its person in: it was
// confirmed by somebody else, or will be, or was counter-signed.
func (c Credential) leads() bool { return !c.Confirmed.IsZero() || !c.Later || c.Bond != nil }

// BeginPasskey starts the registration of one more passkey for who is signed in.
// Options are for navigator.credentials.create; Text is empty.
func (d *Directory) BeginPasskey(ctx context.Context, who Login) (Ask, error) {
	var c candidate
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		p, all, err := d.own(tx, who.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(c Credential) bool { return c.Fingerprint == who.Fingerprint })
		switch {
		case i < 0 || !all[i].leads():
			return refuse("sign in with a passkey that counts to add another")
		case len(all) >= maxPasskeys:
			return refuse("you have %d passkeys: remove one first", maxPasskeys)
		}
		c = candidate{handle: p.Handle, Invite: Invite{ID: p.ID, Name: p.Name, Kind: p.Kind, Customer: p.Customer}}
		for _, one := range all {
			c.has = append(c.has, one.ID)
		}
		return nil
	})
	if err != nil {
		return Ask{}, err
	}
	options, session, err := d.begin(c)
	if err != nil {
		return Ask{}, err
	}
	id, err := secret()
	if err != nil {
		return Ask{}, fmt.Errorf("add passkey: %w", err)
	}
	a := Ask{ID: id, Options: options, until: d.now().Add(ceremonyLife), who: who.ID, making: &making{session, c.Invite}}
	d.asks.put(d.now(), a)
	return a, nil
}

// own reads a person and their passkeys, oldest first.
func (d *Directory) own(tx *ledger.Tx, who string) (p Person, all []Credential, err error) {
	if p, err = person(tx, who); err != nil {
		return Person{}, nil, err
	}
	for _, f := range p.Passkeys {
		c, err := passkey(tx, f)
		if err != nil {
			return Person{}, nil, err
		}
		all = append(all, c)
	}
	return p, all, nil
}

// AddPasskey takes what the browser made. It counts for nothing yet: another
// passkey of the person has to counter-sign it.
func (d *Directory) AddPasskey(ctx context.Context, who, id string, credentialJSON []byte, m Meta) (c Credential, err error) {
	ask, err := d.asks.take(d.now(), id)
	if err != nil {
		return Credential{}, err
	}
	if ask.making == nil || ask.who != who {
		return Credential{}, refuse("the passkey's answer cannot be read: begin again")
	}
	s := ask.making.session
	if c, err = d.finish(candidate{handle: s.UserID, Invite: ask.making.invite}, s, credentialJSON); err != nil {
		return Credential{}, err
	}
	err = d.update(ctx, func(tx *ledger.Tx) error {
		p, all, err := d.own(tx, who)
		if err != nil {
			return err
		}
		if len(all) == 0 || len(all) >= maxPasskeys {
			return refuse("you have %d passkeys: remove one first", len(all))
		}
		c.Later = true
		if err := d.keep(tx, p.Principal, &c); err != nil {
			return err
		}
		p.Passkeys = append(p.Passkeys, c.Fingerprint)
		if err := putAll(tx, row{credentialKey(c.ID), c}, row{personKey(p.ID), p}); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "credential.added", Actor: p.ID, Subjects: subjects(p.Customer), Customers: subjects(p.Customer),
			Detail:  map[string]string{"passkey": c.Fingerprint, "credential-sha256": hash(string(c.Statement)), "synced": yes(c.Eligible)},
			Private: m.private(nil),
		})
		return err
	})
	return c, err
}

// keep makes a new passkey the person's for ever, and writes down what it is.
// The caller stores it.
func (d *Directory) keep(tx *ledger.Tx, who policy.Principal, c *Credential) error {
	if c.Eligible && !d.policy().Copied(who.Kind) {
		return refuse("%s", copiedWhy)
	}
	if taken, err := tx.Verified(credentialKey(c.ID), &Credential{}); err != nil || taken {
		return orRefuse(err, "this passkey is enrolled already")
	}
	if err := own(tx, c.Fingerprint, owner{Of: who.ID, Kind: "passkey", Credential: c.ID}); err != nil {
		return err
	}
	c.Added = tx.Now()
	var err error
	c.Statement, err = statement.Credential{
		Log: d.Log, Person: who.ID, Kind: string(who.Kind), Customer: or(who.Customer, "none"), Key: c.Fingerprint,
		Kept: c.Kept(), Model: c.Model, Nonce: nonce(),
	}.Bytes()
	return err
}

// Kept says in a statement where the passkey is.
func (c Credential) Kept() string {
	if c.Eligible {
		return "may be copied between devices"
	}
	return "on one device"
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// confirm lets a passkey count, and with it what it counter-signed before. The
// caller appends the event.
func (d *Directory) confirm(tx *ledger.Tx, p Person, c Credential, how string) error {
	c.Confirmed, c.How = tx.Now(), how
	if err := tx.Put(credentialKey(c.ID), c); err != nil {
		return err
	}
	for _, f := range p.Passkeys {
		o, err := passkey(tx, f)
		if err != nil {
			return err
		}
		if o.Bond != nil && o.Bond.By == c.Fingerprint && o.Confirmed.IsZero() && o.Ended.IsZero() && o.Fingerprint != c.Fingerprint {
			if err := d.confirm(tx, p, o, Bonded); err != nil {
				return err
			}
		}
	}
	return nil
}

// A Held is one passkey of a person, as it stands.
type Held struct {
	Credential
	Why   string // why it counts for nothing; "" when it counts
	Votes bool   // it has the person's seat, of an executive or reviewer
	Signs bool   // it waits for the counter-signature of another one
}

// Held lists the passkeys of one person, oldest first.
func (d *Directory) Held(ctx context.Context, who string) (all []Held, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		p, keys, err := d.own(tx, who)
		if err != nil {
			return err
		}
		for _, c := range keys {
			h := Held{Credential: c, Why: d.why(p, c)}
			as, err := d.admitted(tx, p, c.Fingerprint)
			if err != nil {
				return err
			}
			h.Votes = as.Admitted && h.Why == ""
			if c.Later && c.Ended.IsZero() && len(c.Statement) > 0 {
				done, err := d.bonded(tx, p, c)
				if err != nil {
					return err
				}
				h.Signs = !done
			}
			all = append(all, h)
		}
		return nil
	})
	return all, err
}
