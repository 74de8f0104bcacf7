package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Pins are the fingerprints of the passkeys whose votes count. Being confirmed
// is not enough to vote: an operator can bring that about.
type Pins struct {
	Executives []string            `json:"executives,omitempty"`
	Customers  map[string][]string `json:"customers,omitempty"`
	Staff      []string            `json:"staff,omitempty"` // only ever the first person of `lockbox dev`; gives no vote
}

// Hold says whether the passkey is pinned for what the person is.
func (p Pins) Hold(who policy.Principal, fingerprint string) bool {
	return fingerprint != "" && slices.Contains(p.of(who.Kind, who.Customer), fingerprint)
}

func (p Pins) of(k policy.Kind, customer string) []string {
	switch k {
	case policy.Executive:
		return p.Executives
	case policy.Reviewer:
		return p.Customers[customer]
	case policy.Staff:
		return p.Staff
	}
	return nil
}

// with gives p with the list of one set changed.
func (p Pins) with(k policy.Kind, customer string, keys []string) Pins {
	switch k {
	case policy.Executive:
		p.Executives = keys
	case policy.Staff:
		p.Staff = keys
	case policy.Reviewer:
		p.Customers = maps.Clone(p.Customers)
		if p.Customers == nil {
			p.Customers = map[string][]string{}
		}
		p.Customers[customer] = keys
	}
	return p
}

// founders reads who was founded, proven by the log. They may have been dismissed since.
func (d *Directory) founders(tx *ledger.Tx) (p Pins, err error) {
	if _, err := tx.Verified(pinsKey, &p); err != nil {
		return Pins{}, fmt.Errorf("read pins: %w", err)
	}
	return p, nil
}

// Passkey finds the passkey with this fingerprint and whose it is. One that is
// not confirmed, or is locked, counts for nothing.
func (d *Directory) Passkey(tx *ledger.Tx, fingerprint string) (statement.Key, string, error) {
	c, err := passkey(tx, fingerprint)
	if err != nil {
		return statement.Key{}, "", err
	}
	p, err := person(tx, c.Of)
	if err != nil {
		return statement.Key{}, "", err
	}
	if why := d.why(p, c); why != "" {
		return statement.Key{}, "", refuse("%s", why)
	}
	return c.key(fingerprint)
}

// key reads the key, which must have this fingerprint, and says whose it is.
func (c Credential) key(fingerprint string) (statement.Key, string, error) {
	k, err := statement.ParseKey(c.PKIX)
	if err != nil || k.Fingerprint() != fingerprint {
		return statement.Key{}, "", errors.Join(fmt.Errorf("passkey %s is not the key of its row", fingerprint), err)
	}
	return k, c.Of, nil
}

// first confirms a passkey at its enrolment where no second person is needed: it
// is pinned, or it founds its set.
func (d *Directory) first(tx *ledger.Tx, who policy.Principal, c *Credential, founds bool) (founded bool, err error) {
	pins, err := d.founders(tx)
	if err != nil {
		return false, err
	}
	sits, err := d.sits(tx, seat{who.Kind, who.Customer, c.Fingerprint}, atLast)
	if err != nil {
		return false, err
	}
	switch {
	case sits:
		c.Confirmed, c.How = tx.Now(), Pinned
	case founds && who.Kind != policy.Auditor && len(pins.of(who.Kind, who.Customer)) == 0:
		c.Confirmed, c.How = tx.Now(), Founded
		return true, pin(tx, pins, set{who.Kind, who.Customer, []string{c.Fingerprint}}, "by the first invitation")
	}
	return false, nil
}

// A set is the passkeys that are pinned together.
type set struct {
	kind     policy.Kind
	customer string
	keys     []string
}

func (s set) String() string {
	if s.kind == policy.Reviewer {
		return "customer " + s.customer
	}
	return string(s.kind) + "s"
}

// pin founds one set.
func pin(tx *ledger.Tx, pins Pins, s set, how string) error {
	if err := tx.Put(pinsKey, pins.with(s.kind, s.customer, s.keys)); err != nil {
		return err
	}
	_, err := tx.Append(ledger.Event{
		Kind: "founded", Actor: "lockbox", Subjects: subjects(s.customer), Customers: subjects(s.customer),
		Detail: map[string]string{"set": s.String(), "passkeys": strings.Join(s.keys, " "), "how": how},
	})
	return err
}

// Found pins what founded_by says. A set is pinned once, when it first has a
// fingerprint; after that the policy may repeat it or be silent, not change it:
// who is there now is for motions, so repeating a founder who was dismissed
// does not bring them back.
// Passkeys that were enrolled before are confirmed by it.
func (d *Directory) Found(ctx context.Context, executives []string, customers map[string][]string) error {
	sets, err := sets(executives, customers)
	if err != nil {
		return err
	}
	return d.update(ctx, func(tx *ledger.Tx) error {
		for _, s := range sets {
			if err := d.found(tx, s); err != nil {
				return fmt.Errorf("found %s: %w", s, err)
			}
		}
		return nil
	})
}

// MayFound says whether Found would refuse: founded_by differs from what was pinned.
func (d *Directory) MayFound(ctx context.Context, executives []string, customers map[string][]string) error {
	sets, err := sets(executives, customers)
	if err != nil {
		return err
	}
	return d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		pins, err := d.founders(tx)
		for _, s := range sets {
			if err == nil {
				_, err = pins.news(s)
			}
		}
		return err
	})
}

// sets are what founded_by says, in one order.
func sets(executives []string, customers map[string][]string) ([]set, error) {
	all := []set{{policy.Executive, "", executives}}
	for _, id := range slices.Sorted(maps.Keys(customers)) {
		all = append(all, set{policy.Reviewer, id, customers[id]})
	}
	for i, s := range all {
		for _, f := range s.keys {
			if !isFingerprint(f) {
				return nil, refuse("founded_by of %s: %q is not a fingerprint (SHA256:… with 43 characters)", s, f)
			}
		}
		all[i].keys = slices.Compact(slices.Sorted(slices.Values(s.keys)))
	}
	return all, nil
}

// news says whether the set is to be pinned; it is refused where it differs from what is.
func (p Pins) news(s set) (bool, error) {
	was := p.of(s.kind, s.customer)
	switch {
	case len(s.keys) == 0 || slices.Equal(slices.Sorted(slices.Values(was)), s.keys):
		return false, nil
	case len(was) > 0:
		return false, refuse("founded_by of %s differs from what was pinned (%s): put that back; later people are admitted by votes, not by this file", s, strings.Join(was, ", "))
	}
	return true, nil
}

func (d *Directory) found(tx *ledger.Tx, s set) error {
	pins, err := d.founders(tx)
	if err != nil {
		return err
	}
	if news, err := pins.news(s); err != nil || !news {
		return err
	}
	if err := pin(tx, pins, s, "by founded_by in the policy"); err != nil {
		return err
	}
	for _, f := range s.keys {
		if err := d.confirmPinned(tx, s, f); err != nil {
			return err
		}
	}
	return nil
}

// confirmPinned confirms a passkey that was enrolled before it was pinned.
func (d *Directory) confirmPinned(tx *ledger.Tx, s set, fingerprint string) error {
	c, err := passkey(tx, fingerprint)
	if r := new(Refusal); errors.As(err, &r) {
		return nil // comes later
	}
	if err != nil {
		return err
	}
	p, err := person(tx, c.Of)
	if err != nil {
		return err
	}
	if p.Kind != s.kind || p.Customer != s.customer {
		return refuse("%s belongs to somebody who is not of this set", fingerprint)
	}
	if !c.Confirmed.IsZero() {
		return nil
	}
	if err := d.confirm(tx, p, c, Pinned); err != nil {
		return err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "person.vouched", Actor: "lockbox", Subjects: subjects(p.Customer), Customers: subjects(p.Customer),
		Detail: map[string]string{"passkey": fingerprint, "how": Pinned}, Private: map[string]string{"person": p.ID},
	})
	return err
}

// isFingerprint says whether s is written as statement.Key.Fingerprint writes.
func isFingerprint(s string) bool {
	b64, ok := strings.CutPrefix(s, "SHA256:")
	sum, err := base64.RawStdEncoding.Strict().DecodeString(b64)
	return ok && err == nil && len(sum) == 32
}
