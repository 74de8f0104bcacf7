package identity

import (
	"errors"
	"strings"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Effect makes so what a motion to admit, dismiss, recover or erase says, in the transaction in
// which it passed. It believes nobody: the motion is proven from its signatures
// before a pin changes. Other motions, and the end of one, change nothing here.
func (d *Directory) Effect(tx *ledger.Tx, m *policy.Motion) error {
	if m == nil || !m.Ended.IsZero() || !m.OnPerson() {
		return nil
	}
	if d.Charter == nil {
		return errors.New("decide on a person: no charter proves motions here")
	}
	m, err := d.Charter.Proven(tx, m.ID)
	if err != nil {
		return err
	}
	p, err := person(tx, m.About)
	if err != nil {
		return err
	}
	switch m.Kind {
	case policy.ToRecover:
		return d.recover(tx, m, p)
	case policy.ToErase:
		return d.erase(tx, m, p)
	}
	if s := of(m); p.Kind != s.kind || p.Customer != s.customer {
		return refuse("%s is not of the kind that this motion is about", p.ID)
	}
	if m.Kind == policy.ToAdmit {
		return d.admit(tx, m, p)
	}
	return d.dismiss(tx, m, p)
}

// admit pins the passkey, and confirms it: those who signed compared its fingerprint.
func (d *Directory) admit(tx *ledger.Tx, m *policy.Motion, p Person) error {
	c, err := passkey(tx, m.Key)
	switch {
	case err != nil:
		return err
	case c.Of != p.ID:
		return refuse("the passkey %s is not that of %s", m.Key, p.ID)
	}
	if why := d.why(p, c.asConfirmed(tx.Now())); why != "" {
		return refuse("%s", why)
	}
	if ok, _, err := d.stands(tx, of(m), atLast); err != nil || ok {
		return orRefuse(err, "this passkey counts already")
	}
	if c.Confirmed.IsZero() {
		if err := d.confirm(tx, p, c, Admitted); err != nil {
			return err
		}
	}
	return d.turn(tx, m, p, []string{c.Fingerprint})
}

// dismiss takes every pin of the person out of the set, and signs them out.
func (d *Directory) dismiss(tx *ledger.Tx, m *policy.Motion, p Person) error {
	var keys []string
	for _, f := range p.Passkeys {
		s := of(m)
		s.key = f
		ok, err := d.sits(tx, s, atLast)
		if err != nil {
			return err
		}
		if ok {
			keys = append(keys, f)
		}
	}
	if err := signOut(tx, p.ID); err != nil {
		return err
	}
	if _, err := dropSlack(tx, "lockbox", p.ID, "dismissed", func(slackRow) bool { return true }); err != nil {
		return err
	}
	return d.turn(tx, m, p, keys)
}

// turn writes down that passkeys came into the set of the motion, or left it.
func (d *Directory) turn(tx *ledger.Tx, m *policy.Motion, p Person, keys []string) error {
	s := of(m)
	t, err := d.turns(tx, s.kind, s.customer)
	if err != nil {
		return err
	}
	e := ledger.Event{
		Kind: "person.admitted", Actor: "lockbox", Subjects: subjects(m.ID, m.Customer), Customers: subjects(m.Customer),
		Detail:  map[string]string{"set": set{s.kind, s.customer, nil}.String(), "passkeys": strings.Join(keys, " "), "motion": m.ID},
		Private: map[string]string{"person": p.ID},
	}
	if m.Kind == policy.ToDismiss {
		e.Kind = "person.dismissed"
	}
	seq, err := tx.Append(e)
	if err != nil {
		return err
	}
	if t == nil {
		t = turns{}
	}
	for _, key := range keys {
		t[key] = append(t[key], turn{Motion: m.ID, In: m.Kind == policy.ToAdmit, Seq: seq})
	}
	return tx.Put(turnsKey(s.kind, s.customer), t)
}
