package charter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

const (
	answerIn    = 7 * 24 * time.Hour // how long a motion waits for signatures
	answerAlone = time.Hour          // one that only its maker signs
	openOfOne   = 20                 // open motions that one person made
)

// Propose makes a motion, or returns the open one that says exactly the same.
// Its ID, At, By and Stage are filled in here, but that one to activate a policy
// may ask for more signatures. The error is a *Refusal where
// the person can mend it.
func (c *Charter) Propose(ctx context.Context, who policy.Principal, m policy.Motion) (v View, err error) {
	err = c.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		id, err := c.propose(tx, who, m)
		if err != nil {
			return err
		}
		v, err = c.view(tx, id)
		return err
	})
	return v, err
}

func (c *Charter) propose(tx *ledger.Tx, who policy.Principal, m policy.Motion) (string, error) {
	who, err := c.now(tx, who)
	if err != nil {
		return "", err
	}
	m.ID, m.At, m.By, m.Votes, m.Ended, m.EndedBy = "", tx.Now(), who, nil, time.Time{}, ""
	m.From, m.Until = instant(m.From), instant(m.Until)
	voters, err := c.stage(tx, &m)
	if err != nil {
		return "", err
	}
	if d := c.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.Propose, Motion: &m}); d.Verdict != policy.Allow {
		return "", refused(d)
	}
	if err := c.check(tx, &m, voters); err != nil {
		return "", err
	}
	if m.Stage.Of < m.Stage.Count {
		return "", refuse("nobody could carry this: it takes %d signatures, and %d people could give one", m.Stage.Count, m.Stage.Of)
	}
	if id, err := same(tx, m); err != nil || id != "" {
		return id, err
	}
	return c.make(tx, m)
}

// now is the person as they are now, in the groups that they signed in with. A
// session by a passkey that is not pinned stays what it is.
func (c *Charter) now(tx *ledger.Tx, who policy.Principal) (policy.Principal, error) {
	if who.Kind == policy.Machine {
		return who, nil // the gateway itself
	}
	p, err := c.People.Current(tx, who.ID)
	if err != nil {
		return policy.Principal{}, err
	}
	p.Groups, p.Admitted = who.Groups, p.Admitted && who.Admitted
	return p, nil
}

func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

// stage fills in whose signatures the motion takes, and gives those who could sign.
func (c *Charter) stage(tx *ledger.Tx, m *policy.Motion) ([]policy.Principal, error) {
	more := m.Stage.Count
	m.Stage = c.Policy().Takes(m)
	if m.Kind == policy.ToActivate { // what it says itself may take more
		m.Stage.Count = max(m.Stage.Count, more)
	}
	if m.Stage.Kind == policy.BySelf {
		m.Stage.Of, m.Stage.Expires = 1, answerAlone
		return []policy.Principal{m.By}, nil
	}
	voters, err := c.People.Voters(tx, m.Stage)
	if err != nil {
		return nil, err
	}
	if m.Stage.Kind == policy.ByCustomer {
		if m.Stage.Count, err = c.customers(tx, m.Customer, voters); err != nil {
			return nil, err
		}
	}
	m.Stage.Expires, m.Stage.Of = answerIn, len(voters)
	if m.Kind == policy.ToRatify {
		if m.Stage.Count, m.Stage.Expires, err = c.late(tx, m); err != nil {
			return nil, err
		}
	}
	about := func(p policy.Principal) bool { return p.ID == m.About }
	if m.OnPerson() && slices.ContainsFunc(voters, about) {
		m.Stage.Of-- // nobody votes on themselves
	}
	return voters, nil
}

// customers is how many of a customer's reviewers its matters take now.
func (c *Charter) customers(tx *ledger.Tx, customer string, voters []policy.Principal) (int, error) {
	want, err := c.Quorum(tx, customer)
	if err != nil || want > 0 {
		return max(1, want), err
	}
	n := len(voters)
	if p, ok := c.People.(interface { // who is pinned and has not enrolled yet counts: one of two does not decide alone
		Places(tx *ledger.Tx, s policy.Stage) (int, error)
	}); ok {
		if n, err = p.Places(tx, policy.Stage{Kind: policy.ByCustomer, Customer: customer}); err != nil {
			return 0, err
		}
	}
	return max(1, min(2, n)), nil
}

// enough refuses a signature on a motion that a customer would ask more of its
// reviewers for now than when it was made, and one to erase somebody who has
// something again, or a recording that is kept by now. For the others Decide looks.
func (c *Charter) enough(tx *ledger.Tx, m *policy.Motion) error {
	switch {
	case m.Kind == policy.ToRatify:
		want, _, err := c.late(tx, m)
		if err == nil && m.Stage.Count < want {
			err = refuse("the time to ratify this is over: it takes %d signatures now; propose it again", want)
		}
		return err
	case m.Kind != policy.ToErase:
	case m.Recording() == "":
		return c.erasable(tx, m)
	default:
		if err := c.over(tx, m); err != nil {
			return err
		}
	}
	if m.Stage.Kind != policy.ByCustomer {
		return nil
	}
	voters, err := c.People.Voters(tx, m.Stage)
	if err != nil {
		return err
	}
	want, err := c.customers(tx, m.Customer, voters)
	if err == nil && m.Stage.Count < want {
		err = refuse("such a motion takes %d signatures now; propose it again", want)
	}
	return err
}

// same finds the open motion that says exactly what m says.
func same(tx *ledger.Tx, m policy.Motion) (string, error) {
	open, err := ids(tx, openKey(""))
	if err != nil {
		return "", err
	}
	want, err := saying(m)
	if err != nil {
		return "", err
	}
	mine := 0
	for _, id := range open {
		r, err := load(tx.Get, id)
		if err != nil {
			return "", err
		}
		was, err := r.motion()
		if err != nil {
			return "", err
		}
		if !tx.Now().Before(was.At.Add(was.Stage.Expires)) {
			continue
		}
		if was.By.ID == m.By.ID {
			mine++
		}
		if got, err := saying(*was); err != nil || bytes.Equal(got, want) {
			return id, err
		}
	}
	if mine >= openOfOne {
		return "", refuse("%d motions of yours are open; take one back first", mine)
	}
	return "", nil
}

// saying is what a motion says, without who made it when.
func saying(m policy.Motion) ([]byte, error) {
	if m.Stage.Kind != policy.BySelf {
		m.By = policy.Principal{}
	}
	m.By = policy.Principal{ID: m.By.ID}
	m.ID, m.At, m.Votes, m.Stage.Of, m.Ended, m.EndedBy = "", time.Time{}, nil, 0, time.Time{}, ""
	return json.Marshal(m)
}

// make stores the motion, which is right.
func (c *Charter) make(tx *ledger.Tx, m policy.Motion) (id string, err error) {
	if m.ID, err = NewCode(tx); err != nil {
		return "", err
	}
	r := row{}
	if r.Body, err = json.Marshal(m); err != nil {
		return "", fmt.Errorf("write motion: %w", err)
	}
	detail := map[string]string{
		"kind": string(m.Kind), "motion-sha256": r.digest(), "signatures": strconv.Itoa(m.Stage.Count),
		"answer-by": m.At.Add(m.Stage.Expires).Format(time.RFC3339Nano),
	}
	for name, t := range map[string]time.Time{"from": m.From, "until": m.Until} {
		if !t.IsZero() {
			detail[name] = t.Format(time.RFC3339Nano)
		}
	}
	private := map[string]string{"text": m.Text}
	switch m.Kind {
	case policy.ToActivate:
		detail["policy-sha256"], detail["config-sha256"] = m.About, m.Config
	case policy.ToRatify:
		detail["request"], detail["request-sha256"] = m.About, m.Config
	case policy.ToSeal:
		detail["batch"], detail["codes-sha256"] = m.About, m.Config
	case policy.ToReview:
		detail["week"], detail["digest-sha256"] = m.About, m.Config
	case policy.ToDeclare:
		detail["version"], detail["declaration-sha256"] = m.About, declared(&m)
	case policy.ToAdmit, policy.ToDismiss, policy.ToDelegate:
		detail["passkey"], private["about"], private["name"] = m.Key, m.About, m.Name
	case policy.ToErase:
		if detail["recording"] = m.Recording(); detail["recording"] == "" {
			delete(detail, "recording")
			private["about"], private["name"] = m.About, m.Name
		}
	case policy.ToRecover:
		private["about"], private["name"] = m.About, m.Name
	}
	seq, err := tx.Append(event("made", m.By.ID, &m, detail, private))
	if err != nil {
		return "", err
	}
	r.Trail = []int64{seq}
	if err := tx.Put(openKey(m.ID), m.ID); err != nil {
		return "", err
	}
	return m.ID, tx.Put(motionKey(m.ID), r)
}

// declared is the digest of what a declaration says.
func declared(m *policy.Motion) string {
	return (&policy.Declaration{Version: m.About, Text: m.Text}).Digest()
}
