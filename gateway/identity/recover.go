package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// recoverLife is how long after a motion to recover passed its link works.
const recoverLife = 24 * time.Hour

// recover ends whatever a person has, and lets them enrol one passkey anew. What
// hung on the old passkeys ends with them: votes on open requests, sessions, SSH keys.
func (d *Directory) recover(tx *ledger.Tx, m *policy.Motion, p Person) error {
	if p.Kind == policy.Machine || (p.Kind == policy.Reviewer) != (m.Customer != "") || p.Customer != m.Customer {
		return refuse("%s is not of the kind that this motion is about", p.ID)
	}
	p.Recovering, p.Link, p.Offered = m.ID, "", ""
	return d.strip(tx, m, p, "person.recovering")
}

// erase ends whatever a person has, and forgets their name. What the log tells
// of them is for others to erase.
func (d *Directory) erase(tx *ledger.Tx, m *policy.Motion, p Person) error {
	who, err := d.Current(tx, p.ID)
	if err != nil || who.Admitted {
		return orRefuse(err, p.ID+" still has a seat")
	}
	p.Erased, p.Name, p.Offered, p.Recovering, p.Link = tx.Now(), "erased", "", "", ""
	return d.strip(tx, m, p, "person.stripped")
}

// strip takes from p every passkey, SSH key and session, and stores p.
func (d *Directory) strip(tx *ledger.Tx, m *policy.Motion, p Person, kind string) error {
	_, all, err := d.own(tx, p.ID)
	if err != nil {
		return err
	}
	seq, err := tx.Append(ledger.Event{
		Kind: kind, Actor: "lockbox", Subjects: subjects(m.ID, p.Customer), Customers: subjects(p.Customer),
		Detail:  map[string]string{"motion": m.ID, "passkeys": strings.Join(p.Passkeys, " ")},
		Private: map[string]string{"person": p.ID},
	})
	if err != nil {
		return err
	}
	if err := d.end(tx, &p, seq, all...); err != nil {
		return err
	}
	if err := signOut(tx, p.ID); err != nil {
		return err
	}
	return tx.Put(personKey(p.ID), p)
}

// RecoveryLink makes the secret end of the link by which the person of a motion
// to recover enrols anew. Only who proposed the motion gets it, for 24 hours
// after it passed; a new one ends the one before. The passkey that it enrols
// counts for nothing until it is vouched for, or of an executive or reviewer admitted.
func (d *Directory) RecoveryLink(ctx context.Context, by, motion string) (token string, err error) {
	if token, err = secret(); err != nil {
		return "", fmt.Errorf("make link: %w", err)
	}
	err = d.update(ctx, func(tx *ledger.Tx) error {
		m, p, err := d.recovery(tx, motion)
		if err != nil {
			return err
		}
		who, err := d.Current(tx, by)
		switch {
		case err != nil:
			return err
		case m.By.ID != by || !who.Admitted:
			return refuse("only who proposed the recovery gets its link")
		}
		p.Link = hash(token)
		l := link{
			Invite: Invite{ID: p.ID, Name: p.Name, Kind: p.Kind, Customer: p.Customer},
			By:     by, Made: tx.Now(), Until: m.Tally(tx.Now()).At.Add(recoverLife), Motion: m.ID,
		}
		if !tx.Now().Before(l.Until) {
			return refuse("the recovery passed more than %d hours ago: propose another", int(recoverLife.Hours()))
		}
		if err := putAll(tx, row{linkKey(token), l}, row{personKey(p.ID), p}); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "person.recovery-link", Actor: by, Subjects: subjects(m.ID, p.Customer), Customers: subjects(p.Customer),
			Detail: map[string]string{"motion": m.ID}, Private: map[string]string{"person": p.ID},
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// recovery proves a motion to recover, and finds whom it waits for.
func (d *Directory) recovery(tx *ledger.Tx, motion string) (*policy.Motion, Person, error) {
	if d.Charter == nil {
		return nil, Person{}, errors.New("recover: no charter proves motions here")
	}
	m, err := d.Charter.Proven(tx, motion)
	if err != nil {
		return nil, Person{}, &Refusal{"this recovery was not signed by those whom it takes", err}
	}
	p, err := person(tx, m.About)
	switch {
	case err != nil:
		return nil, Person{}, err
	case m.Kind != policy.ToRecover || p.Recovering != motion || p.Customer != m.Customer || !p.Erased.IsZero():
		return nil, Person{}, refuse("this recovery is over: the person has enrolled, or another one took its place")
	}
	return m, p, nil
}

// newest refuses a link that a later one took the place of.
func (l link) newest(tx *ledger.Tx, token string) error {
	p, err := person(tx, l.ID)
	if err == nil && (p.Recovering != l.Motion || subtle.ConstantTimeCompare([]byte(p.Link), []byte(hash(token))) != 1) {
		err = refuse("this link was replaced: ask whoever sent it for the newest")
	}
	return err
}

// recovered is the person whom a link of a recovery enrols anew.
func (d *Directory) recovered(tx *ledger.Tx, l link) (Person, error) {
	m, p, err := d.recovery(tx, l.Motion)
	switch {
	case err != nil:
		return Person{}, err
	case p.ID != l.ID || m.By.ID != l.By:
		return Person{}, refuse("this link is for somebody else")
	}
	p.Recovering, p.Link, p.InvitedBy, p.Vouched = "", "", l.By, ""
	return p, nil
}
