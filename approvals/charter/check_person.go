package charter

import (
	"errors"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// checkRecover wants somebody whose passkeys are those people's to end who sign:
// a customer's seats are its own.
func (c *Charter) checkRecover(tx *ledger.Tx, m *policy.Motion) error {
	if m.Text == "" {
		return refuse("say why, so that those who sign can ask the person")
	}
	if m.Customer != "" {
		who, err := c.member(tx, m)
		m.Name = who.Name
		return err
	}
	who, err := c.People.Current(tx, m.About)
	switch {
	case err != nil:
		return err
	case who.Kind == policy.Reviewer:
		return refuse("%s speaks for a customer: its own reviewers recover them", m.About)
	case who.Kind == policy.Machine:
		return refuse("%s is no person", m.About)
	}
	m.Name = who.Name
	return nil
}

// checkErase wants somebody who is there and has nothing left.
func (c *Charter) checkErase(tx *ledger.Tx, m *policy.Motion) error {
	if m.Text == "" {
		return refuse("say why: what is erased cannot be brought back")
	}
	who, err := c.People.Current(tx, m.About)
	if err != nil {
		return err
	}
	m.Name = who.Name
	return c.erasable(tx, m)
}

// erasable refuses to erase somebody who has a seat or access. It is asked when
// the motion is made, at each signature, and when it passes.
func (c *Charter) erasable(tx *ledger.Tx, m *policy.Motion) error {
	who, err := c.People.Current(tx, m.About)
	if err != nil {
		return err
	}
	seats := who.Admitted
	if past, ok := c.People.(Memory); ok && !seats {
		keys, err := past.Seats(tx, seat(who), m.About)
		if err != nil {
			return err
		}
		seats = len(keys) > 0
	}
	switch {
	case seats:
		return refuse("%s still counts as one of %s; dismiss them first", m.About, deciders(seat(who)))
	case c.Idle == nil:
		return refuse("nobody is erased here: this gateway does not know who has access")
	}
	return c.Idle(tx, m.About)
}

// checkRecording wants a recording that can be erased, and a reason.
func (c *Charter) checkRecording(tx *ledger.Tx, m *policy.Motion) error {
	if m.Text == "" {
		return refuse("say why: what is erased cannot be brought back")
	}
	return c.over(tx, m)
}

// over refuses to erase a recording that cannot be now, and to a customer one of
// a session that reached others, or not its data. It is asked when the motion is
// made, at each signature, and when it passes.
func (c *Charter) over(tx *ledger.Tx, m *policy.Motion) error {
	if c.Over == nil {
		return refuse("no recording is erased here: this gateway does not know its sessions")
	}
	customers, err := c.Over(tx, m.Recording())
	if m.Customer != "" && !errors.Is(err, ledger.ErrTampered) && (len(customers) != 1 || customers[0] != m.Customer) {
		return refuse("there is no recording %s that is yours alone to erase", m.Recording())
	}
	return err
}
