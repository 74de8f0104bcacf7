package charter

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Case is a motion as it was made, with the votes on it: what anybody needs
// to count again whether it was passed.
type Case struct {
	Body    []byte        `json:"body"` // the exact bytes of the motion
	Votes   []policy.Vote `json:"votes"`
	Passed  int64         `json:"passed"` // the event that tells it passed; 0 while it did not
	Ended   time.Time     `json:"ended,omitzero"`
	EndedBy string        `json:"ended_by,omitempty"`
}

// Trust is what a verifier believes without being shown. It never comes from the case.
type Trust struct {
	Log    string
	Party  statement.Party
	Key    func(fingerprint string) (k statement.Key, of string, err error)
	Pinned func(s policy.Stage, fingerprint string, seq int64) (bool, error) // when event seq was written

	seen *statement.Memory // what was verified before; nil: nothing is remembered
}

// Motion reads what was proposed, believing nothing of it.
func (c Case) Motion() (*policy.Motion, error) {
	return row{Body: c.Body, Votes: c.Votes, Ended: c.Ended, EndedBy: c.EndedBy}.motion()
}

// Holding verifies every vote for the motion and returns it with those that
// hold, for Tally to count. A vote against it needs no proof: it makes nothing
// so. broken says what is wrong with the votes left out.
func (c Case) Holding(t Trust) (m *policy.Motion, broken []error, err error) {
	if m, err = c.Motion(); err != nil {
		return nil, nil, err
	}
	if err := least(m); err != nil {
		return nil, nil, err
	}
	m.Votes = nil
	for _, v := range c.Votes {
		if c.Passed > 0 && v.Seq >= c.Passed {
			broken = append(broken, fmt.Errorf("signature of %s: it came after the motion had passed", v.By.ID))
			continue
		}
		if v.Verdict == policy.Yes {
			err := t.vote(m, digest(c.Body), v, c.Passed)
			if errors.Is(err, ledger.ErrTampered) {
				return nil, nil, err
			}
			if err != nil {
				broken = append(broken, fmt.Errorf("signature of %s: %w", v.By.ID, err))
				continue
			}
		}
		m.Votes = append(m.Votes, v)
	}
	return m, broken, nil
}

// Verify says whether the motion passed and is so at an instant: enough
// signatures hold, by keys that were pinned when it passed.
func (c Case) Verify(t Trust, at time.Time) (*policy.Motion, error) {
	m, broken, err := c.Holding(t)
	if err != nil {
		return nil, err
	}
	if err := inForce(m, at); err != nil {
		return nil, errors.Join(append([]error{err}, broken...)...)
	}
	return m, nil
}

// inForce says why a motion is not so at an instant; nil where it is.
func inForce(m *policy.Motion, at time.Time) error {
	if m.Holds(at) {
		return nil
	}
	switch s := m.Tally(at); {
	case s.Phase != policy.Approved:
		return fmt.Errorf("motion %s is %s", m.ID, s.Phase)
	case !m.Ended.IsZero() && !at.Before(m.Ended):
		return fmt.Errorf("motion %s was ended by %s", m.ID, m.EndedBy)
	case at.Before(m.From) || at.Before(s.At):
		return fmt.Errorf("motion %s does not hold yet", m.ID)
	}
	return fmt.Errorf("the time of motion %s is up", m.ID)
}

// least wants the motion to take the signatures that its kind takes at least:
// whoever wrote it down did not make its own quorum.
func least(m *policy.Motion) error {
	want := (*policy.Policy)(nil).Takes(m)
	s := m.Stage
	if want.Kind == "" || s.Kind != want.Kind || s.Customer != want.Customer || s.Group != "" || len(s.Escalate) > 0 || s.Count < max(1, want.Count) {
		return fmt.Errorf("motion %s does not take the signatures that one to %s takes", m.ID, m.Kind)
	}
	return nil
}

// vote verifies one signature: its statement is exactly the one of this motion
// and person, its assertion signs that statement, its key is the person's and
// was pinned when event seq was written.
func (t Trust) vote(m *policy.Motion, digest string, v policy.Vote, seq int64) error {
	switch {
	case v.Stage != 0 || v.Standing != "" || v.Behalf != "" || v.Delegation != "":
		return errors.New("a motion is signed by people in their own name")
	case m.Stage.Kind == policy.BySelf && v.By.ID != m.By.ID:
		return errors.New("this is signed by who made it alone")
	}
	if err := t.said(m, digest, v); err != nil {
		return err
	}
	key, of, err := t.Key(v.Key)
	switch {
	case err != nil:
		return fmt.Errorf("its passkey: %w", err)
	case of != v.By.ID || key.Fingerprint() != v.Key:
		return errors.New("the passkey is not that person's")
	}
	if err := t.signed(m.Kind, v, key); err != nil {
		return err
	}
	return t.pinned(m, v, seq)
}

// said says whether the statement is the one that v must have signed.
func (t Trust) said(m *policy.Motion, digest string, v policy.Vote) error {
	nonce, err := nonceIn(m.Kind, v.Statement)
	if err != nil {
		return err
	}
	want, err := signing{t.Log, m, digest, v.By, nonce}.statement()
	if err != nil {
		return err
	}
	if !bytes.Equal(want, v.Statement) {
		return errors.New("the statement is about something else than this motion")
	}
	return nil
}

func (t Trust) signed(k policy.MotionKind, v policy.Vote, key statement.Key) error {
	a, err := statement.ParseAssertion(v.Assertion)
	if err != nil {
		return err
	}
	_, err = t.seen.Verify(a, key, statement.Challenge(domain(k), v.Statement), t.Party)
	return err
}

// pinned says whether the key was one of those whose signatures the motion takes.
func (t Trust) pinned(m *policy.Motion, v policy.Vote, seq int64) error {
	s := m.Stage
	switch m.Kind {
	case policy.ToDeclare:
		return nil // everybody may promise
	case policy.ToDelegate, policy.ToReview:
		s = seat(m.By)
	}
	switch {
	case s.Kind == policy.ByExecutive && v.By.Kind == policy.Executive:
	case s.Kind == policy.ByCustomer && v.By.Kind == policy.Reviewer && v.By.Customer == s.Customer && s.Customer != "":
	default:
		return errors.New("the person is not one whom the motion asks")
	}
	ok, err := t.Pinned(s, v.Key, seq)
	if err == nil && !ok {
		err = errors.New("the passkey was not pinned for this")
	}
	return err
}

// seat is the stage that a person fills by what they are.
func seat(who policy.Principal) policy.Stage {
	switch who.Kind {
	case policy.Executive:
		return policy.Stage{Kind: policy.ByExecutive, Count: 1}
	case policy.Reviewer:
		return policy.Stage{Kind: policy.ByCustomer, Customer: who.Customer, Count: 1}
	}
	return policy.Stage{}
}
