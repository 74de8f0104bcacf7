package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Ballot is a statement that one person was shown and may sign once.
type Ballot struct {
	Nonce     string       `json:"nonce"`
	Request   string       `json:"request"`
	By        string       `json:"by"`
	Stage     int          `json:"stage"`
	Terms     policy.Terms `json:"terms"`
	Statement []byte       `json:"statement"`
	Until     time.Time    `json:"until"`

	Behalf     string `json:"behalf,omitempty"`     // for whom a deputy signs
	Delegation string `json:"delegation,omitempty"` // by which motion

	Emergency bool `json:"emergency,omitempty"` // the request is
}

// Challenge is what the passkey signs.
func (b Ballot) Challenge() []byte { return statement.Challenge(b.Domain(), b.Statement) }

// Domain is that of what is signed.
func (b Ballot) Domain() statement.Domain { return domain(&policy.Request{Emergency: b.Emergency}) }

const (
	ballotLife = 5 * time.Minute
	ballotMost = 20 // open ones of one person
)

// Prepare writes the statement that who would sign to approve the request for
// these terms (zero: as asked). Its hash is in the log before it is shown.
func (d *Desk) Prepare(ctx context.Context, who policy.Principal, code string, t policy.Terms) (b Ballot, err error) {
	if !ValidCode(code) {
		return Ballot{}, ErrUnknown
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, q, err := load(tx.Get, code)
		if err != nil {
			return err
		}
		dec, err := d.mayVote(tx, who, q, policy.Approve)
		if err != nil {
			return err
		}
		v, err := d.SeeIn(tx, who, code)
		if err != nil {
			return err
		}
		terms, err := checked(t, q, v.Status.Actions, tx.Now())
		if err != nil {
			return err
		}
		if err := fewBallots(tx, who.ID); err != nil {
			return err
		}
		b = Ballot{Nonce: charter.NewNonce(), Request: code, By: who.ID, Stage: dec.Stage, Terms: terms, Behalf: dec.Behalf, Delegation: dec.Delegation, Until: tx.Now().Add(ballotLife), Emergency: q.Emergency}
		if b.Statement, err = d.words(q, r.digest(), who, b); err != nil {
			return refuse("this cannot be shown as it would be signed: %v", err)
		}
		if err := tx.Put(ballotKey(b.Nonce), b); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "statement.shown", Actor: who.ID, Subjects: ofStage(q, dec.Stage), Customers: ofStage(q, dec.Stage)[1:],
			Detail: map[string]string{"statement-sha256": digest(b.Statement)},
		})
		return err
	})
	return b, err
}

// fewBallots refuses one more statement to somebody who leaves them unsigned.
func fewBallots(tx *ledger.Tx, person string) error {
	open := 0
	err := tx.Scan(ballotKey(""), func(_ string, raw json.RawMessage) (bool, error) {
		var b Ballot
		err := json.Unmarshal(raw, &b)
		if b.By == person && tx.Now().Before(b.Until) {
			open++
		}
		return true, err
	})
	if err == nil && open >= ballotMost {
		err = refuse("you have %d statements open that you did not sign; sign one, or wait %s until they lapse", open, ballotLife)
	}
	return err
}

// Approve counts a vote: the ballot that was shown to who, signed. It is used up whatever comes of it.
func (d *Desk) Approve(ctx context.Context, who policy.Principal, ballot string, a statement.Assertion) (v View, err error) {
	b, err := d.takeBallot(ctx, who, ballot)
	if err != nil {
		return View{}, err
	}
	signed, err := json.Marshal(a)
	if err != nil {
		return View{}, fmt.Errorf("write assertion: %w", err)
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, q, err := load(tx.Get, b.Request)
		if err != nil {
			return err
		}
		if !tx.Now().Before(b.Until) {
			return refuse("that statement was shown more than %s ago; open the page again", ballotLife)
		}
		proof, key, err := d.People.Assert(tx, who.ID, b.Domain(), b.Statement, a)
		if err != nil {
			return err
		}
		if err := d.counts(tx, who, q, b, proof, key); err != nil {
			return err
		}
		return d.cast(tx, r, policy.Vote{
			By: who, At: tx.Now(), Stage: b.Stage, Verdict: policy.Yes, Terms: b.Terms, Behalf: b.Behalf, Delegation: b.Delegation,
			Statement: b.Statement, Assertion: signed, Key: key.Fingerprint(),
		}, &v)
	})
	return v, err
}

// counts says whether a signed ballot still is a vote: who signed may cast it,
// for the stage and person it was shown for, with a passkey that was pinned
// for it or that the delegation names.
func (d *Desk) counts(tx *ledger.Tx, who policy.Principal, q *policy.Request, b Ballot, proof policy.Proof, key statement.Key) error {
	ask, err := d.Question(tx, who, policy.Approve, q)
	if err != nil {
		return err
	}
	ask.Proofs, ask.Binding = []policy.Proof{proof}, proof.For
	dec := d.Policy().Decide(ask)
	switch {
	case dec.Verdict != policy.Allow:
		return refused(dec)
	case dec.Stage != b.Stage || dec.Behalf != b.Behalf || dec.Delegation != b.Delegation:
		return refuse("your vote counts for another stage or person now; open the page again")
	}
	if m := delegated(ask, dec); m != nil {
		if m.Key != key.Fingerprint() {
			return refuse("delegation %s is to another of your passkeys; sign with that one", m.ID)
		}
		return nil
	}
	ok, err := d.People.Pinned(tx, q.Stages[b.Stage], key.Fingerprint())
	if err == nil && !ok {
		err = refuse("your passkey is not one of those that were founded for this decision; it needs admission first")
	}
	return err
}

// takeBallot uses a ballot up in a transaction of its own: a vote that fails does not give it back.
func (d *Desk) takeBallot(ctx context.Context, who policy.Principal, nonce string) (b Ballot, err error) {
	if len(nonce) != 32 || strings.Trim(nonce, "0123456789abcdef") != "" {
		return Ballot{}, ErrUnknown
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		ok, err := tx.Get(ballotKey(nonce), &b)
		switch {
		case err != nil:
			return err
		case !ok:
			return refuse("that statement was used already; open the page again")
		case b.By != who.ID:
			return ErrUnknown
		}
		if err := tx.Delete(ballotKey(nonce)); err != nil {
			return err
		}
		_, q, err := load(tx.Get, b.Request)
		if err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "statement.answered", Actor: who.ID, Subjects: ofStage(q, b.Stage), Customers: ofStage(q, b.Stage)[1:],
			Detail: map[string]string{"statement-sha256": digest(b.Statement)},
		})
		return err
	})
	return b, err
}

// Reject counts a no. It needs no touch: a no opens nothing.
func (d *Desk) Reject(ctx context.Context, who policy.Principal, code, comment string) (v View, err error) {
	if !ValidCode(code) {
		return View{}, ErrUnknown
	}
	if err := statement.Clean(comment); err != nil || len(comment) > needMax {
		return View{}, refuse("a comment is plain text on one line of at most %d bytes", needMax)
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, q, err := load(tx.Get, code)
		if err != nil {
			return err
		}
		dec, err := d.mayVote(tx, who, q, policy.Reject)
		if err != nil {
			return err
		}
		if err := d.pinnedVoter(tx, q.Stages[dec.Stage], or(dec.Behalf, who.ID)); err != nil {
			return err
		}
		return d.cast(tx, r, policy.Vote{
			By: who, At: tx.Now(), Stage: dec.Stage, Verdict: policy.No, Comment: comment, Behalf: dec.Behalf, Delegation: dec.Delegation,
		}, &v)
	})
	return v, err
}

// pinnedVoter refuses the no of somebody none of whose passkeys counts for the stage, or for a rung of it.
func (d *Desk) pinnedVoter(tx *ledger.Tx, s policy.Stage, id string) error {
	for _, group := range groups(s) {
		s.Group = group
		voters, err := d.People.Voters(tx, s)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(voters, func(p policy.Principal) bool { return p.ID == id }) {
			return nil
		}
	}
	return refuse("none of your passkeys was founded for this decision; it needs admission first")
}

// groups are those whose members a stage asks, at first and later.
func groups(s policy.Stage) []string {
	all := []string{s.Group}
	for _, r := range s.Escalate {
		if r.To != "" {
			all = append(all, r.To)
		}
	}
	return all
}
