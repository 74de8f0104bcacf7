package charter

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// atLast is after every event.
const atLast = math.MaxInt64

// longest is how many admissions may rest on each other.
const longest = 64

// Proven gives a motion whose every counted signature was verified again just
// now, from the bytes that were signed, by keys that were pinned. The error
// says why it is not in force.
func (c *Charter) Proven(tx *ledger.Tx, id string) (*policy.Motion, error) {
	return c.ProvenAt(tx, id, tx.Now(), atLast)
}

// ProvenAt is Proven for a vote that was cast at a time, with event seq: the
// motion was in force then. A deputy's vote, or one that an instruction stood
// for, outlives the holiday it was given in.
func (c *Charter) ProvenAt(tx *ledger.Tx, id string, at time.Time, seq int64) (*policy.Motion, error) {
	m, err := c.prove(tx, id)
	if err != nil {
		return nil, err
	}
	if err := inForce(m, at); err != nil {
		return nil, err
	}
	if m.Kind != policy.ToDelegate {
		return m, nil
	}
	i := slices.IndexFunc(m.Votes, func(v policy.Vote) bool { return v.Verdict == policy.Yes })
	ok, err := c.sat(tx, seat(m.By), m.Votes[i].Key, seq) // there is one: it passed
	if err == nil && !ok {
		err = fmt.Errorf("motion %s was made by somebody who does not count any more", id)
	}
	return m, err
}

// sat says whether a passkey was pinned when event seq was written.
func (c *Charter) sat(tx *ledger.Tx, s policy.Stage, key string, seq int64) (bool, error) {
	if past, ok := c.People.(Memory); ok && seq != atLast {
		return past.Sat(tx, s, key, seq)
	}
	return c.People.Pinned(tx, s, key)
}

// proofs is what is being proven in one transaction. Who signed an admission
// may have been admitted themselves: each motion is proven once, and none by itself.
type proofs struct {
	depth int
	stack []string
	done  map[string]*policy.Motion
}

// prove gives a motion that passed, whatever became of it since.
func (c *Charter) prove(tx *ledger.Tx, id string) (*policy.Motion, error) {
	p := c.enter(tx)
	defer c.leave(tx, p)
	if m := p.done[id]; m != nil {
		return clone(m), nil
	}
	if slices.Contains(p.stack, id) || len(p.stack) >= longest {
		return nil, fmt.Errorf("motion %s rests on itself, or on too many others", id)
	}
	p.stack = append(p.stack, id)
	defer func() { p.stack = p.stack[:len(p.stack)-1] }()
	r, err := load(tx.Verified, id)
	if err != nil {
		return nil, err
	}
	m, err := c.count(tx, id, r)
	if err == nil {
		p.done[id] = m
		m = clone(m)
	}
	return m, err
}

// count proves a motion from its row.
func (c *Charter) count(tx *ledger.Tx, id string, r row) (*policy.Motion, error) {
	if r.Phase != policy.Approved {
		return nil, fmt.Errorf("motion %s has not passed", id)
	}
	m, broken, err := r.kase().Holding(c.trust(tx, false))
	switch {
	case err != nil:
		return nil, fmt.Errorf("motion %s: %w", id, err)
	case m.ID != id:
		return nil, fmt.Errorf("motion %s is another one, %s", id, m.ID)
	}
	if s := m.Tally(atEnd()); s.Phase != policy.Approved {
		return nil, errors.Join(append([]error{fmt.Errorf("the signatures on motion %s do not carry it", id)}, broken...)...)
	}
	return m, nil
}

// atEnd is after everything, to count what was signed in time whenever that was.
func atEnd() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

func clone(m *policy.Motion) *policy.Motion {
	out := *m
	out.Votes = slices.Clone(m.Votes)
	return &out
}

func (c *Charter) enter(tx *ledger.Tx) *proofs {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.proofs[tx]
	if p == nil {
		p = &proofs{done: map[string]*policy.Motion{}}
		if c.proofs == nil {
			c.proofs = map[*ledger.Tx]*proofs{}
		}
		c.proofs[tx] = p
	}
	p.depth++
	return p
}

// leave forgets what was proven, once nothing is being proven any more: it is
// never older than the question.
func (c *Charter) leave(tx *ledger.Tx, p *proofs) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.depth--; p.depth == 0 {
		delete(c.proofs, tx)
	}
}

func (r row) kase() Case {
	return Case{Body: r.Body, Votes: r.Votes, Passed: r.Passed, Ended: r.Ended, EndedBy: r.EndedBy}
}

// trust is what the people of this gateway are. Votes on an open motion are
// those of people who count now; what passed was carried by those who counted then.
func (c *Charter) trust(tx *ledger.Tx, open bool) Trust {
	t := Trust{Log: c.Log, Party: c.Party, seen: &c.seen}
	t.Key = func(f string) (statement.Key, string, error) { return c.People.Passkey(tx, f) }
	t.Pinned = func(s policy.Stage, f string, _ int64) (bool, error) { return c.People.Pinned(tx, s, f) }
	if past, ok := c.People.(Memory); ok && !open {
		t.Key = func(f string) (statement.Key, string, error) { return past.Holder(tx, f) }
		t.Pinned = func(s policy.Stage, f string, seq int64) (bool, error) { return past.Sat(tx, s, f, seq) }
	}
	return t
}

// stand is the motion as it stands, with the votes that count.
func (c *Charter) stand(tx *ledger.Tx, r row) (*policy.Motion, policy.Status, error) {
	m, err := r.motion()
	if err != nil || r.Phase != "" && r.Phase != policy.Approved {
		s := policy.Status{}
		if m != nil {
			s = m.Tally(tx.Now())
			s.Phase, s.At = r.Phase, r.At
		}
		return m, s, err
	}
	p := c.enter(tx) // so that what many votes rest on is proven once
	defer c.leave(tx, p)
	if m, _, err = r.kase().Holding(c.trust(tx, r.Phase == "")); err != nil {
		return nil, policy.Status{}, err
	}
	return m, m.Tally(tx.Now()), nil
}
