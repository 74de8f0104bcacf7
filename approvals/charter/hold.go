package charter

import (
	"errors"
	"slices"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// place is where a motion that passed is found; "" for kinds that are looked up by their code.
func place(m *policy.Motion) string {
	switch m.Kind {
	case policy.ToDelegate:
		return heldKey(m.Kind, m.About, m.ID)
	case policy.ToSet:
		return settingsKey(m.Customer)
	case policy.ToInstruct:
		return heldKey(m.Kind, m.Customer, m.ID)
	case policy.ToDeclare:
		return heldKey(m.Kind, m.By.ID, declared(m))
	case policy.ToReview:
		return heldKey(m.Kind, m.About, m.By.ID)
	}
	return ""
}

// hold makes a motion that passed findable. New settings take the place of the old.
func (c *Charter) hold(tx *ledger.Tx, m *policy.Motion) error {
	if m.Kind == policy.ToSet {
		old, err := settings(tx, m.Customer)
		if err != nil {
			return err
		}
		for _, id := range old {
			if err := c.supersede(tx, id, m); err != nil {
				return err
			}
		}
	}
	if key := place(m); key != "" {
		return tx.Put(key, m.ID)
	}
	return nil
}

// settings is the code of a customer's settings; none where it signed none.
func settings(tx *ledger.Tx, customer string) ([]string, error) {
	var id string
	if ok, err := tx.Verified(settingsKey(customer), &id); err != nil || !ok {
		return nil, err
	}
	return []string{id}, nil
}

func (c *Charter) supersede(tx *ledger.Tx, id string, by *policy.Motion) error {
	r, err := load(tx.Verified, id)
	if err != nil {
		return err
	}
	m, _, err := c.stand(tx, r)
	if err != nil {
		return err
	}
	if !r.Ended.IsZero() { // its notice was ended before
		return c.release(tx, m)
	}
	return c.end(tx, r, m, ending{by: "lockbox", motion: by.ID})
}

func (c *Charter) release(tx *ledger.Tx, m *policy.Motion) error {
	if key := place(m); key != "" {
		return tx.Delete(key)
	}
	return nil
}

// Delegations gives those that make the person a deputy now, proven; By is the delegator as they are now.
func (c *Charter) Delegations(tx *ledger.Tx, deputy string) (all []*policy.Motion, err error) {
	held, err := ids(tx, heldKey(policy.ToDelegate, deputy, ""))
	if err != nil {
		return nil, err
	}
	for _, id := range held {
		m, err := c.Proven(tx, id)
		if errors.Is(err, ledger.ErrTampered) {
			return nil, err
		}
		if err != nil || m.Kind != policy.ToDelegate || m.About != deputy {
			continue
		}
		if _, of, err := c.People.Passkey(tx, m.Key); err != nil || of != deputy {
			continue // the passkey that was named counts no more
		}
		if m.By, err = c.People.Current(tx, m.By.ID); err != nil {
			continue
		}
		all = append(all, m)
	}
	return all, nil
}

// Instruction finds what stands for a customer's vote on the request: that
// customer's settings by which notice is enough, or an instruction whose scope,
// time and budget cover it, proven. Nil: nothing does.
func (c *Charter) Instruction(tx *ledger.Tx, customer string, q *policy.Request) (*policy.Motion, error) {
	if customer == "" || !slices.Contains(q.Customers, customer) {
		return nil, nil
	}
	set, err := settings(tx, customer)
	if err != nil {
		return nil, err
	}
	budgets, err := ids(tx, heldKey(policy.ToInstruct, customer, ""))
	if err != nil {
		return nil, err
	}
	for _, id := range append(set, budgets...) {
		m, err := c.Proven(tx, id)
		if errors.Is(err, ledger.ErrTampered) {
			return nil, err
		}
		if err != nil || m.Kind != policy.ToSet && m.Kind != policy.ToInstruct || m.Customer != customer {
			continue
		}
		if ok, err := stands(tx, m, q); err != nil || ok {
			return m, err
		}
	}
	return nil, nil
}

// stands says whether a motion that is in force covers the request.
func stands(tx *ledger.Tx, m *policy.Motion, q *policy.Request) (bool, error) {
	if m.Kind == policy.ToSet {
		return m.Notice, nil
	}
	if !m.Scope.Covers(q) || q.For > m.For {
		return false, nil
	}
	u, err := used(tx, m.ID)
	return len(u.Requests) < m.Uses || slices.Contains(u.Requests, q.ID), err
}

// uses are the requests that an instruction stood for.
type uses struct {
	Requests []string `json:"requests"`
}

func used(tx *ledger.Tx, id string) (u uses, err error) {
	if !ValidCode(id) {
		return uses{}, ErrUnknown
	}
	_, err = tx.Verified(usesKey(id), &u)
	return u, err
}

// Use counts one use of an instruction by a request; its error is a *Refusal when the budget is spent.
func (c *Charter) Use(tx *ledger.Tx, id, request string) error {
	m, err := c.Proven(tx, id)
	if err != nil {
		return err
	}
	u, err := used(tx, id)
	switch {
	case err != nil:
		return err
	case m.Kind != policy.ToInstruct:
		return nil // a notice is not counted
	case slices.Contains(u.Requests, request):
		return nil
	case len(u.Requests) >= m.Uses:
		return refuse("the customer's instruction %s was for %d requests, and they are used", id, m.Uses)
	}
	u.Requests = append(u.Requests, request)
	if err := tx.Put(usesKey(id), u); err != nil {
		return err
	}
	e := event("used", "lockbox", m, map[string]string{"request": request}, nil)
	e.Subjects = append(e.Subjects, request)
	_, err = tx.Append(e)
	return err
}

// Used says whether the request used the instruction.
func (c *Charter) Used(tx *ledger.Tx, id, request string) (bool, error) {
	u, err := used(tx, id)
	return err == nil && slices.Contains(u.Requests, request), err
}

// Quorum is how many of its reviewers a customer wants to say yes; 0: as the
// rule says. One reviewer who ends the notice does not lower it.
func (c *Charter) Quorum(tx *ledger.Tx, customer string) (n int, err error) {
	held, err := settings(tx, customer)
	if err != nil {
		return 0, err
	}
	for _, id := range held {
		m, err := c.prove(tx, id)
		if err != nil {
			return 0, err
		}
		if m.Kind == policy.ToSet && m.Customer == customer {
			n = max(n, m.Quorum)
		}
	}
	return n, nil
}

// Declared gives the proof that the person signed the declaration with this digest; none when they did not.
func (c *Charter) Declared(tx *ledger.Tx, person, digest string) ([]policy.Proof, error) {
	if !isDigest(digest) {
		return nil, nil
	}
	var id string
	if ok, err := tx.Verified(heldKey(policy.ToDeclare, person, digest), &id); err != nil || !ok {
		return nil, err
	}
	m, err := c.Proven(tx, id)
	switch {
	case errors.Is(err, ledger.ErrTampered):
		return nil, err
	case err != nil || m.Kind != policy.ToDeclare || m.By.ID != person || declared(m) != digest:
		return nil, nil
	}
	return []policy.Proof{{Kind: policy.Declared, Of: person, At: m.Tally(tx.Now()).At, For: digest}}, nil
}
