package approvals

import (
	"errors"
	"fmt"
	"slices"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// Case is a request as it was made, with the votes on it: what anybody needs
// to count again whether it was approved.
type Case struct {
	Body  []byte        `json:"body"` // the exact bytes of the request
	Votes []policy.Vote `json:"votes"`
}

// Trust is what a verifier believes without being shown. It never comes from the case.
type Trust struct {
	Log    string
	Party  statement.Party
	Key    func(fingerprint string) (k statement.Key, of string, err error)
	Pinned func(s policy.Stage, fingerprint string) (bool, error)
}

// Holding verifies every vote to approve and returns the request with those
// that hold, for Tally to count. A vote to reject needs no proof: it opens
// nothing. broken says what is wrong with the votes left out.
func (c Case) Holding(t Trust) (q *policy.Request, broken []error, err error) {
	r := row{Body: c.Body}
	if q, err = r.request(); err != nil {
		return nil, nil, err
	}
	for _, v := range c.Votes {
		if v.Verdict == policy.Yes {
			if err := t.vote(q, r.digest(), v); err != nil {
				broken = append(broken, fmt.Errorf("vote of %s: %w", v.By.ID, err))
				continue
			}
		}
		q.Votes = append(q.Votes, v)
	}
	return q, broken, nil
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
	if err := t.scope(q, digest, v); err != nil {
		return err
	}
	if err := t.signed(v); err != nil {
		return err
	}
	return t.pinned(q, v)
}

// scope says whether the statement is the one that v must have signed.
func (t Trust) scope(q *policy.Request, digest string, v policy.Vote) error {
	said, err := statement.ParseApproval(v.Statement)
	if err == nil && said != (&Desk{Log: t.Log}).approval(q, digest, v.By, Ballot{Nonce: said.Nonce, Stage: v.Stage, Terms: v.Terms}) {
		err = errors.New("the statement is about something else than this request")
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
func (t Trust) signed(v policy.Vote) error {
	a, err := statement.ParseAssertion(v.Assertion)
	if err != nil {
		return &statement.StepError{Step: statement.StepClientData, Name: "client data", Err: err}
	}
	key, _, err := t.Key(v.Key)
	if err != nil {
		return &statement.StepError{Step: StepPinned, Name: "pinned key", Err: err}
	}
	_, err = statement.Verify(a, key, statement.Challenge(statement.ForApproval, v.Statement), t.Party)
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
	ok, err := t.Pinned(s, v.Key)
	switch {
	case err != nil:
		return fail(err.Error())
	case !ok:
		return fail("the passkey is not one that was pinned for this stage")
	case s.Kind == policy.ByExecutive && v.By.Kind != policy.Executive,
		s.Kind == policy.ByCustomer && (v.By.Kind != policy.Reviewer || v.By.Customer != s.Customer):
		return fail("the person is not one whom the stage asks")
	}
	return nil
}

// Standing proves that the grant with this code rests on valid votes: every
// row is the one that the log committed to, every vote's signature holds over
// the request as it was made, those who voted could vote, and the grant is no
// wider than what they signed. Nil means that it does. now is the time of tx.
func (d *Desk) Standing(tx *ledger.Tx, code string) (*policy.Grant, error) {
	r, made, err := load(tx.Verified, code)
	if err != nil {
		return nil, err
	}
	g, err := loadGrant(tx.Verified, code)
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, fmt.Errorf("request %s has no grant", code)
	}
	q, broken, err := Case{Body: r.Body, Votes: r.Votes}.Holding(Trust{
		Log: d.Log, Party: d.Party,
		Key:    func(f string) (statement.Key, string, error) { return d.People.Passkey(tx, f) },
		Pinned: func(s policy.Stage, f string) (bool, error) { return d.People.Pinned(tx, s, f) },
	})
	if err != nil {
		return nil, err
	}
	q.Withdrawn = made.Withdrawn
	q.Votes = slices.DeleteFunc(q.Votes, func(v policy.Vote) bool { // who may not vote any more does not count
		return v.Verdict == policy.Yes && !d.Policy().Decides(v.By, q.Stages[v.Stage])
	})
	return g, errors.Join(append(broken, supports(q, g))...)
}

// supports says whether the votes that hold give what the grant gives.
func supports(q *policy.Request, g *policy.Grant) error {
	s := q.Tally(g.Made)
	switch {
	case s.Phase != policy.Approved:
		return fmt.Errorf("grant %s rests on a request that is %s", g.ID, s.Phase)
	case g.ID != q.ID || g.Who.ID != q.Who.ID || g.Target != q.Target || g.Login != q.Login || g.Reason != q.Need.Reason || g.Machine != q.Machine:
		return fmt.Errorf("grant %s is not the one that was asked for", g.ID)
	case g.For > s.For || !g.Activated.IsZero() && g.NotAfter.Sub(g.Activated) > s.For || g.ActivateBefore.Sub(g.Made) > q.ActivateWithin:
		return fmt.Errorf("grant %s is longer than what was approved", g.ID)
	case !g.Activated.IsZero() && (g.Activated.Before(g.Made) || !g.Activated.Before(g.ActivateBefore)):
		return fmt.Errorf("grant %s was not started in its time", g.ID)
	case !asksAll(q):
		return fmt.Errorf("request %s did not ask every customer that it concerns", q.ID)
	case !subset(g.Actions, q.Actions) || !subset(g.Customers, q.Customers):
		return fmt.Errorf("grant %s is wider than what was approved", g.ID)
	}
	return nil
}

// asksAll says whether every customer concerned has a stage of its own.
func asksAll(q *policy.Request) bool {
	return !slices.ContainsFunc(q.Customers, func(c string) bool {
		return !slices.ContainsFunc(q.Stages, func(s policy.Stage) bool {
			return s.Kind == policy.ByCustomer && s.Customer == c && s.Count >= 1
		})
	})
}

func subset[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(x T) bool { return !slices.Contains(whole, x) })
}

// Activate counts a session of the grant, and starts its clock at the first, in
// the transaction that opens it.
func (d *Desk) Activate(tx *ledger.Tx, g *policy.Grant) error {
	if g.Activated.IsZero() {
		g.Activated, g.NotAfter = tx.Now(), tx.Now().Add(g.For)
	}
	g.Sessions++
	return tx.Put(grantKey(g.ID), *g)
}
