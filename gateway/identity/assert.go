package identity

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Assert is the one place where an assertion becomes a proof. It holds when a
// confirmed passkey of who signed text in this domain, user verified, at our
// origin, for the first time, and no copy of the passkey was seen. It burns the
// challenge and counts the passkey in tx; the caller appends the event, which
// carries what was signed.
//
// Proof.For is hex(statement.Challenge(d, text)): the proof counts for this text only.
func (d *Directory) Assert(tx *ledger.Tx, who string, dom statement.Domain, text []byte, a statement.Assertion) (policy.Proof, statement.Key, error) {
	if who == "" || dom == statement.ForSignIn {
		return policy.Proof{}, statement.Key{}, refuse("a sign-in is a proof of nothing else")
	}
	c, err := d.assert(tx, claim{domain: dom, text: text, who: who}, a)
	if err != nil {
		return policy.Proof{}, statement.Key{}, err
	}
	key, err := statement.ParseKey(c.PKIX)
	if err != nil {
		return policy.Proof{}, statement.Key{}, err
	}
	return policy.Proof{Kind: policy.Passkey, Of: who, At: tx.Now(), For: binding(dom, text)}, key, nil
}

// binding is what a proof over a text is given for.
func binding(dom statement.Domain, text []byte) string {
	return hex.EncodeToString(statement.Challenge(dom, text))
}

// A claim is what an assertion must hold for.
type claim struct {
	domain statement.Domain
	text   []byte
	who    string // "" when the assertion shall say it, of a sign-in
	fresh  bool   // a passkey that nobody confirmed yet will do
}

func (d *Directory) assert(tx *ledger.Tx, want claim, a statement.Assertion) (Credential, error) {
	c, err := credential(tx, a.CredentialID)
	if err != nil {
		return Credential{}, err
	}
	if err := d.mayAssert(tx, want, c, a); err != nil {
		return Credential{}, err
	}
	key, err := statement.ParseKey(c.PKIX)
	if err != nil {
		return Credential{}, fmt.Errorf("passkey %s: %w", c.Fingerprint, err)
	}
	challenge := statement.Challenge(want.domain, want.text)
	flags, err := statement.Verify(a, key, challenge, d.Party)
	if err != nil {
		return Credential{}, &Refusal{"the passkey's signature does not hold", err}
	}
	if flags.Eligible != c.Eligible {
		return Credential{}, refuse("this passkey changed what it says of itself: it must be enrolled again")
	}
	// The nonce first: an assertion that somebody recorded must not lock its owner out.
	if err := burn(tx, challenge, c.Of); err != nil {
		return Credential{}, err
	}
	if copied(c.Counter, flags.Counter) {
		d.copies.add(c.ID)
		return Credential{}, &Refusal{lockedWhy, &Cloned{Fingerprint: c.Fingerprint, Of: c.Of}}
	}
	c.Counter, c.BackedUp = flags.Counter, flags.BackedUp
	return c, tx.Put(credentialKey(c.ID), c)
}

// mayAssert says whether this passkey may answer at all.
func (d *Directory) mayAssert(tx *ledger.Tx, want claim, c Credential, a statement.Assertion) error {
	p, err := person(tx, c.Of)
	if err != nil {
		return err
	}
	handle := subtle.ConstantTimeCompare(a.UserHandle, p.Handle) == 1
	switch {
	case want.who != "" && want.who != c.Of:
		return refuse("this passkey is not yours")
	case want.who == "" && !handle, len(a.UserHandle) > 0 && !handle:
		return refuse("this passkey is not enrolled here for this person")
	}
	if want.fresh {
		c = c.asConfirmed(tx.Now())
	}
	if why := d.why(p, c); why != "" {
		return refuse("%s", why)
	}
	return nil
}

const lockedWhy = "this passkey is locked: a copy of it was used; ask an operator"

func waitingWhy(fingerprint string) string {
	return "your passkey waits for a second person to compare its fingerprint " + fingerprint
}

const endedWhy = "this passkey has ended: use another one of yours"

const copiedWhy = "the policy wants a passkey of yours that stays on one device, and this one can be copied to others: enrol a security key"

// why says why a passkey of p counts for nothing; "" when it counts.
func (d *Directory) why(p Person, c Credential) string {
	switch {
	case c.Of != p.ID || !p.Erased.IsZero():
		return "this passkey is not enrolled here for this person"
	case !c.Ended.IsZero():
		return endedWhy
	case d.copies.has(c.ID) || !c.Locked.IsZero():
		return lockedWhy
	case c.Eligible && !d.policy().Copied(p.Kind):
		return copiedWhy
	case c.Confirmed.IsZero() && c.Later && c.Bond == nil:
		return "your passkey waits for another one of yours to counter-sign it"
	case c.Confirmed.IsZero():
		return waitingWhy(c.Fingerprint)
	}
	return ""
}

// asConfirmed is c, to ask what else there may be against it.
func (c Credential) asConfirmed(now time.Time) Credential {
	if c.Confirmed.IsZero() {
		c.Confirmed = now
	}
	return c
}

// copied follows WebAuthn §7.2 step 22: once a passkey counts, it counts upwards.
func copied(last, now uint32) bool { return (last != 0 || now != 0) && now <= last }

// A burnt row keeps a challenge from being answered twice.
type burnt struct {
	At time.Time `json:"at"`
	Of string    `json:"of"`
}

func burn(tx *ledger.Tx, challenge []byte, of string) error {
	key := nonceKey(challenge)
	used, err := tx.Get(key, &burnt{})
	if err != nil {
		return fmt.Errorf("burn challenge: %w", err)
	}
	if used {
		return refuse("this was signed and used already: begin again")
	}
	return tx.Put(key, burnt{At: tx.Now(), Of: of})
}

// Cloned means that two devices hold one passkey: its counter did not rise.
type Cloned struct {
	Fingerprint string
	Of          string
}

func (c *Cloned) Error() string { return "passkey " + c.Fingerprint + " did not count up" }

// copies holds the passkeys of which a copy was seen, until that is in the
// ledger: the transaction that saw it is undone and cannot write it.
type copies struct {
	mu   sync.Mutex // guards seen
	seen map[string]struct{}
}

func (s *copies) add(id []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]struct{}{}
	}
	s.seen[string(id)] = struct{}{} // bounded by the passkeys enrolled
}

func (s *copies) has(id []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.seen[string(id)]
	return ok
}

func (s *copies) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.seen))
}

func (s *copies) forget(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.seen, id)
	}
}

// update is Ledger.Update, and writes down that a copy was seen in it.
func (d *Directory) update(ctx context.Context, fn func(*ledger.Tx) error) error {
	err := d.Ledger.Update(ctx, fn)
	if c := new(Cloned); !errors.As(err, &c) {
		return err
	}
	if lock := d.Lock(ctx); lock != nil {
		return errors.Join(err, lock)
	}
	return err
}

// Lock writes down that the passkeys of which Assert saw a copy are locked; in
// this process they already are. Call it when a transaction failed with a
// *Cloned; Sweep calls it too.
func (d *Directory) Lock(ctx context.Context) error {
	ids := d.copies.all()
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	err := d.Ledger.Update(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		for _, id := range ids {
			if err := lock(tx, []byte(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lock passkeys: %w", err)
	}
	d.copies.forget(ids)
	return nil
}

func lock(tx *ledger.Tx, id []byte) error {
	c, err := credential(tx, id)
	if err != nil {
		return err
	}
	if !c.Locked.IsZero() {
		return nil
	}
	c.Locked = tx.Now()
	if err := tx.Put(credentialKey(id), c); err != nil {
		return err
	}
	p, err := person(tx, c.Of)
	if err != nil {
		return err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "credential.clone", Actor: "lockbox", Customers: subjects(p.Customer),
		Detail: map[string]string{"passkey": c.Fingerprint}, Private: map[string]string{"person": c.Of},
	})
	return err
}
