package approvals

import (
	"bytes"
	"errors"
	"fmt"

	"lockbox/policy"
	"lockbox/policy/statement"
)

// Case is a request as it was made, with the votes on it: what anybody needs
// to count again whether it was approved.
type Case struct {
	Body  []byte             `json:"body"`           // the exact bytes of the request
	Open  map[string]Opening `json:"open,omitempty"` // what its commitments are to
	Votes []policy.Vote      `json:"votes,omitempty"`

	// Gone is what was erased since, and by which event of the main log: the name
	// of a commitment, or "votes.0.by" or "votes.0.statement".
	Gone map[string]int64 `json:"gone,omitempty"`
}

func (c Case) row() row { return row{Body: c.Body, Open: c.Open, Gone: c.Gone} }

// Trust is what a verifier believes without being shown. It never comes from the case.
type Trust struct {
	Log    string
	Party  statement.Party
	Key    func(fingerprint string) (k statement.Key, of string, err error)
	Pinned func(s policy.Stage, fingerprint string, seq int64) (bool, error) // when event seq was written
	// Delegation gives the motion that made a vote a deputy's, its signatures
	// proven, in force when the vote was cast. Nil: no deputy counts.
	Delegation func(v policy.Vote) (*policy.Motion, error)
	// Stands gives the customer's motion that a vote on the request stands by,
	// its signatures and its use for that request proven. Nil: none does.
	Stands func(v policy.Vote, q *policy.Request) (*policy.Motion, error)

	seen *statement.Memory // what a desk verified before; nil: nothing is remembered
}

// Holding verifies every vote to approve and returns the request with those
// that hold, for Tally to count. A vote to reject needs no proof: it opens
// nothing. broken says what is wrong with the votes left out.
func (c Case) Holding(t Trust) (q *policy.Request, broken []error, err error) {
	r := c.row()
	if q, err = r.request(); err != nil {
		return nil, nil, err
	}
	return q, t.holding(q, r.digest(), c.Votes), nil
}

// holding gives a request, as it was made, those votes that hold.
func (t Trust) holding(q *policy.Request, digest string, votes []policy.Vote) (broken []error) {
	for _, v := range votes {
		if v.Verdict == policy.Yes {
			if err := t.vote(q, digest, v); err != nil {
				broken = append(broken, fmt.Errorf("vote of %s: %w", v.By.ID, err))
				continue
			}
		}
		q.Votes = append(q.Votes, v)
	}
	return broken
}

// Steps of an offline verification that come after the assertion's own four.
const (
	StepPinned = 5
	StepScope  = 9
)

// vote verifies one vote to approve: its statement is exactly the one of this
// request, stage, person and window; its assertion signs that statement; its
// key is the person's and pinned.
func (t Trust) vote(q *policy.Request, digest string, v policy.Vote) error {
	if v.Standing != "" {
		return t.standing(q, v)
	}
	if err := t.scope(q, digest, v); err != nil {
		return err
	}
	if err := t.signed(q, v); err != nil {
		return err
	}
	return t.pinned(q, v)
}

// scope says whether the statement is the one that v must have signed.
func (t Trust) scope(q *policy.Request, digest string, v policy.Vote) error {
	nonce, err := nonceOf(q, v.Statement)
	if err == nil {
		var want []byte
		want, err = (&Desk{Log: t.Log}).words(q, digest, v.By, Ballot{
			Nonce: nonce, Stage: v.Stage, Terms: v.Terms, Behalf: v.Behalf, Delegation: v.Delegation,
		})
		if err == nil && !bytes.Equal(want, v.Statement) {
			err = errors.New("the statement is about something else than this request")
		}
	}
	if err == nil && (v.Stage < 0 || v.Stage >= len(q.Stages)) {
		err = errors.New("there is no such stage")
	}
	if err != nil {
		return &statement.StepError{Step: StepScope, Name: "decision and scope", Err: err}
	}
	return nil
}

// signed says whether the key that v names signed its statement.
func (t Trust) signed(q *policy.Request, v policy.Vote) error {
	a, err := statement.ParseAssertion(v.Assertion)
	if err != nil {
		return &statement.StepError{Step: statement.StepClientData, Name: "client data", Err: err}
	}
	key, _, err := t.Key(v.Key)
	if err != nil {
		return &statement.StepError{Step: StepPinned, Name: "pinned key", Err: err}
	}
	_, err = t.seen.Verify(a, key, statement.Challenge(domain(q), v.Statement), t.Party)
	return err
}

// pinned says whether the key is that person's and one that the stage trusts.
func (t Trust) pinned(q *policy.Request, v policy.Vote) error {
	fail := func(why string) error {
		return &statement.StepError{Step: StepPinned, Name: "pinned key", Err: errors.New(why)}
	}
	if v.Stage < 0 || v.Stage >= len(q.Stages) {
		return fail("there is no such stage")
	}
	s := q.Stages[v.Stage]
	key, of, err := t.Key(v.Key)
	if err != nil {
		return fail(err.Error())
	}
	if of != v.By.ID || key.Fingerprint() != v.Key {
		return fail("the passkey is not that person's")
	}
	if v.Behalf != "" || v.Delegation != "" {
		return t.deputy(q, s, v)
	}
	ok, err := t.Pinned(s, v.Key, v.Seq)
	switch {
	case err != nil:
		return fail(err.Error())
	case !ok:
		return fail("the passkey is not one that was pinned for this stage")
	case !asks(s, v.By):
		return fail("the person is not one whom the stage asks")
	}
	return nil
}

// asks says whether a person is of the kind that a stage asks.
func asks(s policy.Stage, who policy.Principal) bool {
	switch s.Kind {
	case policy.ByExecutive:
		return who.Kind == policy.Executive
	case policy.ByCustomer:
		return who.Kind == policy.Reviewer && who.Customer == s.Customer
	case policy.ByGlass:
		return who.Kind == policy.Staff
	case policy.ByPeer, policy.ByOwner:
		return who.Kind == policy.Staff || who.Kind == policy.Executive
	}
	return false
}

// deputy says whether a delegation made the vote: it was in force when the vote
// was cast, covers the request, and names the key that signed.
func (t Trust) deputy(q *policy.Request, s policy.Stage, v policy.Vote) error {
	fail := func(format string, args ...any) error {
		return &statement.StepError{Step: StepPinned, Name: "pinned key", Err: fmt.Errorf(format, args...)}
	}
	if t.Delegation == nil {
		return fail("delegation %s cannot be verified here", v.Delegation)
	}
	m, err := t.Delegation(v)
	switch {
	case err != nil:
		return fail("delegation %s: %v", v.Delegation, err)
	case m == nil || m.ID != v.Delegation || m.Kind != policy.ToDelegate || m.By.ID != v.Behalf || m.About != v.By.ID:
		return fail("motion %s does not make %s the deputy of %s", v.Delegation, v.By.ID, v.Behalf)
	case m.Key == "" || m.Key != v.Key:
		return fail("delegation %s is to another passkey", m.ID)
	case !m.Holds(v.At):
		return fail("delegation %s was not in force when the vote was cast", m.ID)
	case !m.Scope.Covers(q):
		return fail("delegation %s does not cover the request", m.ID)
	case m.By.ID == m.About || q.Who.ID == m.By.ID || q.Who.ID == v.By.ID || q.Who.Vouched == m.By.ID:
		return fail("nobody decides on their own request, not by a deputy either")
	case !asks(s, m.By):
		return fail("%s is not one whom the stage asks", m.By.ID)
	}
	return nil
}
