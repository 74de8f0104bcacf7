package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Pinned says whether the passkey is one of those whom the stage asks: founded
// or admitted, for executives and customers; for peers and owners confirmed,
// and of a person whom policy lets decide.
func (d *Directory) Pinned(tx *ledger.Tx, s policy.Stage, fingerprint string) (bool, error) {
	if at, ok := seated(s, fingerprint); ok {
		return d.sits(tx, at, atLast)
	}
	if !byGroup(s) {
		return false, nil
	}
	who, err := d.voter(tx, s, fingerprint)
	if r := new(Refusal); errors.As(err, &r) {
		return false, nil
	}
	return err == nil && who.ID != "", err
}

// byGroup says whether the stage asks people by the policy's groups, not by pins.
func byGroup(s policy.Stage) bool {
	return s.Kind == policy.ByPeer || s.Kind == policy.ByOwner || s.Kind == policy.ByGlass
}

// Voters lists those whose passkeys could fill the stage now.
func (d *Directory) Voters(tx *ledger.Tx, s policy.Stage) (all []policy.Principal, err error) {
	keys, err := d.keysFor(tx, s)
	if err != nil {
		return nil, err
	}
	for _, f := range keys {
		who, err := d.voter(tx, s, f)
		var r *Refusal
		switch {
		case errors.As(err, &r): // not enrolled yet, or locked
		case err != nil:
			return nil, err
		case who.ID != "" && !slices.ContainsFunc(all, func(p policy.Principal) bool { return p.ID == who.ID }):
			all = append(all, who)
		}
	}
	return all, nil
}

// keysFor lists the passkeys that could fill the stage; each is proven when it is looked at.
func (d *Directory) keysFor(tx *ledger.Tx, s policy.Stage) (keys []string, err error) {
	if at, ok := seated(s, ""); ok {
		return d.families(tx, at)
	}
	pol := d.policy()
	if !byGroup(s) || pol == nil {
		return nil, nil
	}
	err = tx.Scan("person/", func(_ string, raw json.RawMessage) (bool, error) {
		var p Person
		if err := json.Unmarshal(raw, &p); err != nil {
			return false, fmt.Errorf("read people: %w", err)
		}
		if p.Admitted = true; pol.Decides(p.Principal, s) { // whether they are is looked at below
			keys = append(keys, p.Passkeys...)
		}
		return true, nil
	})
	return keys, err
}

// voter is the person who holds a passkey that counts; zero when the stage does not ask them.
func (d *Directory) voter(tx *ledger.Tx, s policy.Stage, fingerprint string) (policy.Principal, error) {
	_, of, err := d.Passkey(tx, fingerprint)
	if err != nil {
		return policy.Principal{}, err
	}
	p, err := person(tx, of)
	if err != nil {
		return policy.Principal{}, err
	}
	who, err := d.admitted(tx, p, fingerprint)
	pol := d.policy()
	if err != nil || pol == nil || !pol.Decides(who, s) {
		return policy.Principal{}, err
	}
	return who, nil
}

// Current gives a person as they are now. They are admitted when a passkey of
// theirs that counts is pinned.
func (d *Directory) Current(tx *ledger.Tx, id string) (policy.Principal, error) {
	p, err := person(tx, id)
	if err != nil {
		return policy.Principal{}, err
	}
	who := p.Principal
	for _, f := range p.Passkeys {
		c, err := passkey(tx, f)
		if err != nil {
			return policy.Principal{}, err
		}
		if d.why(p, c) != "" {
			continue
		}
		as, err := d.admitted(tx, p, f)
		if err != nil {
			return policy.Principal{}, err
		}
		who.Admitted = who.Admitted || as.Admitted
	}
	return who, nil
}
