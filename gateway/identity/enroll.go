package identity

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Meta is what a page knows of whoever asks.
type Meta struct {
	Source string // address; limits are counted by it
	Agent  string // of the browser, as it says itself
}

// private is m as an event holds it: cut to what a browser sends.
func (m Meta) private(more map[string]string) map[string]string {
	out := map[string]string{"source": cut(m.Source), "agent": cut(m.Agent)}
	maps.Copy(out, more)
	return out
}

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), 200)], "") }

// Enrolled is what came of an enrolment.
type Enrolled struct {
	policy.Principal
	Fingerprint string // of the passkey: to be read out to a second person
	Confirmed   bool   // false: it may do nothing until that person has compared it
	Founded     bool   // it was the first of its set and is pinned now
	SSHKey      *Ask   // the SSH key of the invitation, to be signed now with AddSSHKey; nil when there is none
}

// BeginEnroll starts the registration of a passkey. The options are for
// navigator.credentials.create: {"publicKey": {…}}. Beginning again replaces what
// was begun; it writes, so a page begins when its person presses, not when it is loaded.
func (d *Directory) BeginEnroll(ctx context.Context, token string, m Meta) (Invite, json.RawMessage, error) {
	if err := d.slow(m); err != nil {
		return Invite{}, nil, err
	}
	var handle [32]byte
	if _, err := rand.Read(handle[:]); err != nil {
		return Invite{}, nil, fmt.Errorf("begin enrolment: %w", err)
	}
	var l link
	var options json.RawMessage
	err := d.update(ctx, func(tx *ledger.Tx) (err error) {
		if l, err = open(tx, token); err != nil {
			return err
		}
		c := ceremony{Until: tx.Now().Add(ceremonyLife)}
		if options, c.Session, err = d.begin(candidate{handle: handle[:], Invite: l.Invite}); err != nil {
			return err
		}
		l.Ceremony = &c
		return l.put(tx, token, "enrolment.begun", m)
	})
	if err != nil {
		return Invite{}, nil, d.guessed(m, err)
	}
	return l.Invite, options, nil
}

// Invited shows whom a link is for. It changes nothing.
func (d *Directory) Invited(ctx context.Context, token string, m Meta) (Invite, error) {
	if err := d.slow(m); err != nil {
		return Invite{}, err
	}
	var l link
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		l, err = open(tx, token)
		return err
	})
	return l.Invite, d.guessed(m, err)
}

// FinishEnroll takes what the browser made. The registration is used up whether it
// holds or not, the link only when it does.
func (d *Directory) FinishEnroll(ctx context.Context, token string, credentialJSON []byte, m Meta) (Enrolled, error) {
	if err := d.slow(m); err != nil {
		return Enrolled{}, err
	}
	l, err := d.takeCeremony(ctx, token, m)
	if err != nil {
		return Enrolled{}, d.guessed(m, err)
	}
	c, err := d.finish(candidate{handle: l.Ceremony.Session.UserID, Invite: l.Invite}, l.Ceremony.Session, credentialJSON)
	if err != nil {
		return Enrolled{}, d.guessed(m, err)
	}
	var e Enrolled
	err = d.update(ctx, func(tx *ledger.Tx) (err error) {
		e, err = d.enrol(tx, token, l.Ceremony.Session.UserID, c, m)
		return err
	})
	if err != nil {
		return Enrolled{}, err
	}
	if l.SSHKey == "" {
		return e, nil
	}
	a, err := d.askSSHKey(ctx, l.ID, l.SSHKey, true, c.ID)
	if r := new(Refusal); errors.As(err, &r) {
		return e, nil // somebody else has the key by now; the person is enrolled all the same
	}
	e.SSHKey = &a
	return e, err
}

// takeCeremony uses up the registration under way, before anything is verified.
func (d *Directory) takeCeremony(ctx context.Context, token string, m Meta) (taken link, err error) {
	late := false
	err = d.update(ctx, func(tx *ledger.Tx) error {
		l, err := open(tx, token)
		if err != nil {
			return err
		}
		if l.Ceremony == nil {
			return refuse("this waited too long or was used already: load the page again")
		}
		taken, late = l, !tx.Now().Before(l.Ceremony.Until)
		l.Ceremony = nil
		return l.put(tx, token, "enrolment.tried", m)
	})
	if err != nil {
		return link{}, err
	}
	if late {
		return link{}, refuse("this waited too long or was used already: load the page again")
	}
	return taken, nil
}

// open reads a link that may still enrol.
func open(tx *ledger.Tx, token string) (l link, err error) {
	ok, err := tx.Verified(linkKey(token), &l)
	switch {
	case err != nil:
		return link{}, fmt.Errorf("read link: %w", err)
	case !ok:
		return link{}, &Refusal{"this link is not valid: ask whoever sent it for a new one", errGuess}
	case !l.Used.IsZero():
		return link{}, refuse("this link was used on %s: if that was not you, tell an operator now", l.Used.Format("2006-01-02 15:04 MST"))
	case !tx.Now().Before(l.Until):
		return link{}, refuse("this link is too old: ask whoever sent it for a new one")
	case l.Motion != "":
		return l, l.newest(tx, token)
	}
	return l, nil
}

func (l link) put(tx *ledger.Tx, token, kind string, m Meta) error {
	if err := tx.Put(linkKey(token), l); err != nil {
		return err
	}
	_, err := tx.Append(ledger.Event{
		Kind: kind, Actor: l.ID, Subjects: subjects(l.Customer), Customers: subjects(l.Customer), Private: m.private(nil),
	})
	return err
}

// enrol writes the person, their passkey and whose key it is, and uses the link up.
func (d *Directory) enrol(tx *ledger.Tx, token string, handle []byte, c Credential, m Meta) (Enrolled, error) {
	l, err := open(tx, token)
	if err != nil {
		return Enrolled{}, err
	}
	p := Person{
		Principal: policy.Principal{ID: l.ID, Name: l.Name, Kind: l.Kind, Customer: l.Customer},
		InvitedBy: l.By, Since: tx.Now(), Offered: l.SSHKey,
	}
	if l.Motion != "" {
		p, err = d.recovered(tx, l)
	} else {
		err = free(tx, l.ID)
	}
	if err != nil {
		return Enrolled{}, err
	}
	if err := d.keep(tx, p.Principal, &c); err != nil {
		return Enrolled{}, err
	}
	p.Handle, p.Passkeys = handle, []string{c.Fingerprint}
	founded, err := d.first(tx, p.Principal, &c, l.Founds)
	if err != nil {
		return Enrolled{}, err
	}
	l.Used, l.Ceremony = tx.Now(), nil
	if err := putAll(tx, row{linkKey(token), l}, row{personKey(p.ID), p}, row{credentialKey(c.ID), c}); err != nil {
		return Enrolled{}, err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "person.enrolled", Actor: p.ID, Subjects: subjects(p.Customer), Customers: subjects(p.Customer),
		Detail: map[string]string{
			"kind": string(p.Kind), "passkey": c.Fingerprint, "confirmed": c.How, "synced": yes(c.Eligible), "credential-sha256": hash(string(c.Statement)),
			"motion": l.Motion,
		},
		Private: m.private(map[string]string{"name": p.Name, "invited-by": l.By}),
	})
	return Enrolled{Principal: p.Principal, Fingerprint: c.Fingerprint, Confirmed: !c.Confirmed.IsZero(), Founded: founded}, err
}

// own makes a key somebody's, for ever. A key belongs to one person and does one job.
func own(tx *ledger.Tx, fingerprint string, o owner) error {
	var was owner
	ok, err := tx.Verified(ownerKey(fingerprint), &was)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	if ok && (was.Of != o.Of || was.Kind != o.Kind || !slices.Equal(was.Credential, o.Credential)) {
		return refuse("%s", takenWhy)
	}
	return tx.Put(ownerKey(fingerprint), o)
}

type row struct {
	key   string
	value any
}

func putAll(tx *ledger.Tx, rows ...row) error {
	for _, r := range rows {
		if err := tx.Put(r.key, r.value); err != nil {
			return err
		}
	}
	return nil
}

// orRefuse gives err, or the refusal where there is none.
func orRefuse(err error, why string) error {
	if err != nil {
		return err
	}
	return refuse("%s", why)
}
