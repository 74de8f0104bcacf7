package charter

import (
	"errors"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Broken glass is what executives ratify.
type Broken struct {
	Asked   string    // hex SHA-256 of the request as it was made
	Due     time.Time // when it locks
	Settled bool
}

// ProposeIn is Propose within a transaction. It gives the code of the motion.
func (c *Charter) ProposeIn(tx *ledger.Tx, who policy.Principal, m policy.Motion) (string, error) {
	return c.propose(tx, who, m)
}

// glass finds what a motion to ratify is about.
func (c *Charter) glass(tx *ledger.Tx, m *policy.Motion) (Broken, error) {
	if c.Glass == nil || !ValidCode(m.About) {
		return Broken{}, refuse("no glass was broken for %q", m.About)
	}
	return c.Glass(tx, m.About)
}

// late is how many signatures it takes to settle what was done by breaking the
// glass, and how long they may be given: one until the time is up, more after it.
func (c *Charter) late(tx *ledger.Tx, m *policy.Motion) (count int, within time.Duration, err error) {
	b, err := c.glass(tx, m)
	if err != nil {
		return 0, 0, err
	}
	if left := b.Due.Sub(tx.Now()); left > 0 {
		return 1, min(left, answerIn), nil
	}
	return Late, answerIn, nil
}

// checkRatify fills in what was done. Who took part does not judge it: they are of the staff.
func (c *Charter) checkRatify(tx *ledger.Tx, m *policy.Motion) error {
	b, err := c.glass(tx, m)
	switch {
	case err != nil:
		return err
	case b.Settled:
		return refuse("emergency %s is settled already", m.About)
	}
	m.Config = b.Asked
	return nil
}

// Never lists those of some customers who said that the glass is never broken
// where their data is. Settings that cannot be proven say so too.
func (c *Charter) Never(tx *ledger.Tx, customers []string) (never []string, err error) {
	for _, id := range customers {
		held, err := settings(tx, id)
		if err != nil {
			return nil, err
		}
		for _, code := range held {
			m, err := c.prove(tx, code)
			if errors.Is(err, ledger.ErrTampered) {
				return nil, err
			}
			if err != nil || m.Kind != policy.ToSet || m.Customer != id || m.Never {
				never = append(never, id)
			}
		}
	}
	return never, nil
}
