package charter

import (
	"encoding/hex"
	"errors"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"slices"
)

// crowd is a People and Memory that keeps its pins in the ledger; the real one is gateway/identity.
type crowd struct {
	all      []*human
	founders []string // fingerprints
	charter  *Charter
	policy   func() *policy.Policy
}

var errNobody = errors.New("no such passkey")

func (c *crowd) find(f func(*human) bool) *human {
	if i := slices.IndexFunc(c.all, f); i >= 0 {
		return c.all[i]
	}
	return nil
}

func (c *crowd) Assert(tx *ledger.Tx, who string, d statement.Domain, text []byte, a statement.Assertion) (policy.Proof, statement.Key, error) {
	h := c.find(func(h *human) bool { return string(a.CredentialID) == h.ID })
	if h == nil || h.ID != who {
		return policy.Proof{}, statement.Key{}, errors.New("this passkey is not yours")
	}
	challenge := statement.Challenge(d, text)
	if _, err := statement.Verify(a, h.pub, challenge, party); err != nil {
		return policy.Proof{}, statement.Key{}, err
	}
	burnt := "nonce/" + hex.EncodeToString(challenge)
	if used, err := tx.Get(burnt, new(bool)); err != nil || used {
		return policy.Proof{}, statement.Key{}, errors.New("this was signed and used already")
	}
	return policy.Proof{Kind: policy.Passkey, Of: who, At: tx.Now(), For: string(challenge)}, h.pub, tx.Put(burnt, true)
}

func (c *crowd) Holder(_ *ledger.Tx, fingerprint string) (statement.Key, string, error) {
	h := c.find(func(h *human) bool { return h.print() == fingerprint })
	if h == nil {
		return statement.Key{}, "", errNobody
	}
	return h.pub, h.ID, nil
}

func (c *crowd) Passkey(tx *ledger.Tx, fingerprint string) (statement.Key, string, error) {
	return c.Holder(tx, fingerprint)
}

// A sitting is one entry of the pins: who came or went, by which motion, at which event.
type sitting struct {
	Motion string `json:"motion"`
	In     bool   `json:"in"`
	Seq    int64  `json:"seq"`
}

func (c *crowd) last(tx *ledger.Tx, fingerprint string, seq int64) (found sitting, err error) {
	var all []sitting
	_, err = tx.Verified("pins/"+fingerprint, &all)
	for _, s := range all {
		if s.Seq <= seq {
			found = s
		}
	}
	return found, err
}

func (c *crowd) Sat(tx *ledger.Tx, s policy.Stage, fingerprint string, seq int64) (bool, error) {
	h := c.find(func(h *human) bool { return h.print() == fingerprint })
	if h == nil || s.Kind != policy.ByExecutive && s.Kind != policy.ByCustomer {
		return false, nil
	}
	if want := seat(h.Principal); want.Kind != s.Kind || want.Customer != s.Customer {
		return false, nil
	}
	last, err := c.last(tx, fingerprint, seq)
	switch {
	case err != nil:
		return false, err
	case last.Motion == "":
		return slices.Contains(c.founders, fingerprint), nil
	case !last.In:
		return false, nil
	}
	m, err := c.charter.Proven(tx, last.Motion)
	return err == nil && m.Kind == policy.ToAdmit && m.Key == fingerprint && m.Customer == h.Customer, err
}

func (c *crowd) Pinned(tx *ledger.Tx, s policy.Stage, fingerprint string) (bool, error) {
	return c.Sat(tx, s, fingerprint, atLast)
}

func (c *crowd) Seats(tx *ledger.Tx, s policy.Stage, who string) (keys []string, err error) {
	for _, h := range c.all {
		ok, err := c.Sat(tx, s, h.print(), atLast)
		if err != nil {
			return nil, err
		}
		if ok && h.ID == who {
			keys = append(keys, h.print())
		}
	}
	return keys, nil
}

func (c *crowd) Admission(tx *ledger.Tx, _ policy.Stage, fingerprint string, seq int64) (string, error) {
	last, err := c.last(tx, fingerprint, seq)
	if !last.In {
		return "", err
	}
	return last.Motion, err
}

func (c *crowd) Voters(tx *ledger.Tx, s policy.Stage) (all []policy.Principal, err error) {
	for _, h := range c.all {
		who, err := c.Current(tx, h.ID)
		if err != nil {
			return nil, err
		}
		if c.policy().Decides(who, s) {
			all = append(all, who)
		}
	}
	return all, nil
}

func (c *crowd) Current(tx *ledger.Tx, id string) (policy.Principal, error) {
	h := c.find(func(h *human) bool { return h.ID == id })
	if h == nil {
		return policy.Principal{}, errors.New("nobody with this id is enrolled")
	}
	ok, err := c.Sat(tx, seat(h.Principal), h.print(), atLast)
	who := h.Principal
	who.Admitted = ok
	return who, err
}

// Effect pins and unpins, having the motion proven.
func (c *crowd) Effect(tx *ledger.Tx, m *policy.Motion) error {
	if m.Kind != policy.ToAdmit && m.Kind != policy.ToDismiss || !m.Ended.IsZero() {
		return nil
	}
	if _, err := c.charter.Proven(tx, m.ID); err != nil {
		return err
	}
	kind := "person.admitted"
	if m.Kind == policy.ToDismiss {
		kind = "person.dismissed"
	}
	seq, err := tx.Append(ledger.Event{Kind: kind, Actor: "lockbox", Subjects: []string{m.ID}, Detail: map[string]string{"passkey": m.Key}})
	if err != nil {
		return err
	}
	var all []sitting
	if _, err := tx.Verified("pins/"+m.Key, &all); err != nil {
		return err
	}
	return tx.Put("pins/"+m.Key, append(all, sitting{m.ID, m.Kind == policy.ToAdmit, seq}))
}
