package approvals

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

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
}

// Challenge is what the passkey signs.
func (b Ballot) Challenge() []byte { return statement.Challenge(statement.ForApproval, b.Statement) }

const ballotLife = 5 * time.Minute

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
		if t.For == 0 {
			t.For = q.For
		}
		if t.For < time.Minute || t.For > q.For {
			return refuse("approve for one minute to %s", q.For)
		}
		b = Ballot{Nonce: nonce(), Request: code, By: who.ID, Stage: dec.Stage, Terms: t, Until: tx.Now().Add(ballotLife)}
		if b.Statement, err = d.approval(q, r.digest(), who, b).Bytes(); err != nil {
			return err
		}
		if err := tx.Put(ballotKey(b.Nonce), b); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{
			Kind: "statement.shown", Actor: who.ID, Subjects: append([]string{code}, q.Customers...),
			Detail: map[string]string{"statement-sha256": digest(b.Statement)},
		})
		return err
	})
	return b, err
}

// mayVote decides on a vote that is not proven yet; who may not even see the request learns nothing.
func (d *Desk) mayVote(tx *ledger.Tx, who policy.Principal, q *policy.Request, do policy.Action) (policy.Decision, error) {
	ask := policy.Question{Now: tx.Now(), Who: who, Do: policy.See, Request: q}
	if d.Policy().Decide(ask).Verdict != policy.Allow {
		return policy.Decision{}, ErrUnknown
	}
	ask.Do = do
	dec := d.Policy().Decide(ask)
	if dec.Verdict == policy.Deny {
		return dec, refused(dec)
	}
	return dec, nil
}

// approval is the statement of b on q, field by field. Both who signs and who
// verifies build it here, so that nothing in it is believed.
func (d *Desk) approval(q *policy.Request, digest string, who policy.Principal, b Ballot) statement.Approval {
	return statement.Approval{
		Log: d.Log, Request: q.ID, Digest: digest,
		Requester: person(q.Who), Reason: string(q.Need.Reason), Need: q.Need.Text, Ticket: or(q.Need.Ticket, "none"),
		Target: q.Target, Machine: q.Machine, Login: q.Login, Customers: concerned(q, b.Stage), May: actions(q.Actions),
		Window: b.Terms.For.String(), Start: q.ActivateWithin.String() + " of the last approval", Recording: "required",
		Policy: q.Policy, Stage: stageName(q, b.Stage), Decision: policy.Yes, Decider: person(who), Nonce: b.Nonce,
	}
}

// concerned lists the customers for who signs: to a customer, only itself.
func concerned(q *policy.Request, stage int) string {
	if stage >= 0 && stage < len(q.Stages) && q.Stages[stage].Kind == policy.ByCustomer {
		return q.Stages[stage].Customer
	}
	return or(strings.Join(q.Customers, ", "), "none")
}

func person(p policy.Principal) string {
	kind := string(p.Kind)
	if p.Customer != "" {
		kind += " " + p.Customer
	}
	return fmt.Sprintf("%s <%s> (%s)", p.Name, p.ID, kind)
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

func actions(all []policy.Action) string {
	var names []string
	for _, a := range all {
		names = append(names, string(a))
	}
	return or(strings.Join(names, ", "), "none")
}

func stageName(q *policy.Request, i int) string {
	if i < 0 || i >= len(q.Stages) {
		return "none"
	}
	s := q.Stages[i]
	if s.Kind == policy.ByCustomer { // without its number, which would tell how many others are asked
		return "customer " + s.Customer
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", i+1, s.Kind, s.Group))
}

// Approve counts a vote: the ballot that was shown to who, signed. It is used up whatever comes of it.
func (d *Desk) Approve(ctx context.Context, who policy.Principal, ballot string, a statement.Assertion) (v View, err error) {
	b, err := d.takeBallot(ctx, who, ballot)
	if err != nil {
		return View{}, err
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		r, q, err := load(tx.Get, b.Request)
		if err != nil {
			return err
		}
		if !tx.Now().Before(b.Until) {
			return refuse("that statement was shown more than %s ago; open the page again", ballotLife)
		}
		proof, key, err := d.People.Assert(tx, who.ID, statement.ForApproval, b.Statement, a)
		if err != nil {
			return err
		}
		dec := d.Policy().Decide(policy.Question{
			Now: tx.Now(), Who: who, Proofs: []policy.Proof{proof}, Binding: proof.For, Do: policy.Approve, Request: q,
		})
		switch {
		case dec.Verdict != policy.Allow:
			return refused(dec)
		case dec.Stage != b.Stage:
			return refuse("your vote counts for another stage now; open the page again")
		}
		if ok, err := d.People.Pinned(tx, q.Stages[b.Stage], key.Fingerprint()); err != nil {
			return err
		} else if !ok {
			return refuse("your passkey is not one of those that were founded for this decision; it needs admission first")
		}
		signed, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("write assertion: %w", err)
		}
		return d.cast(tx, r, policy.Vote{
			By: who, At: tx.Now(), Stage: b.Stage, Verdict: policy.Yes, Terms: b.Terms,
			Statement: b.Statement, Assertion: signed, Key: key.Fingerprint(),
		}, &v)
	})
	return v, err
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
		_, err = tx.Append(ledger.Event{
			Kind: "statement.answered", Actor: who.ID, Subjects: []string{b.Request},
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
		voters, err := d.People.Voters(tx, q.Stages[dec.Stage])
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(voters, func(p policy.Principal) bool { return p.ID == who.ID }) {
			return refuse("none of your passkeys was founded for this decision; it needs admission first")
		}
		return d.cast(tx, r, policy.Vote{By: who, At: tx.Now(), Stage: dec.Stage, Verdict: policy.No, Comment: comment}, &v)
	})
	return v, err
}

// cast stores the vote and what it leads to.
func (d *Desk) cast(tx *ledger.Tx, r row, vote policy.Vote, v *View) error {
	q, err := r.request()
	if err != nil {
		return err
	}
	r.Votes = append(r.Votes, vote)
	q.Votes = r.Votes
	e := ledger.Event{
		Kind: "vote." + vote.Verdict, Actor: vote.By.ID, Subjects: append([]string{q.ID}, q.Customers...),
		Detail: map[string]string{
			"stage": stageName(q, vote.Stage), "request-sha256": r.digest(), "statement-sha256": digest(vote.Statement),
			"assertion-sha256": digest(vote.Assertion), "passkey": vote.Key, "for": vote.For.String(),
		},
		Private: map[string]string{"comment": vote.Comment},
	}
	seq, err := tx.Append(e)
	if err != nil {
		return err
	}
	r.Votes[len(r.Votes)-1].Seq = seq
	if seq, err = d.settle(tx, q, r.digest(), q.Tally(tx.Now())); err != nil {
		return err
	}
	r.Trail = append(r.Trail, seq)
	if err := tx.Put(requestKey(q.ID), r); err != nil {
		return err
	}
	seen, err := view(tx, tx.Get, q.ID)
	*v = seen.For(vote.By)
	return err
}

// settle appends the event that tells where the request stands now, and makes the grant when it is approved.
func (d *Desk) settle(tx *ledger.Tx, q *policy.Request, digest string, s policy.Status) (int64, error) {
	e := ledger.Event{
		Kind: "request." + string(s.Phase), Actor: "lockbox", Subjects: append([]string{q.ID, q.Target}, q.Customers...),
		Detail: map[string]string{"request-sha256": digest},
	}
	if s.Phase == policy.Approved {
		g := policy.Grant{
			ID: q.ID, Who: q.Who, Target: q.Target, Login: q.Login, Actions: q.Actions, Customers: q.Customers, Reason: q.Need.Reason, Machine: q.Machine,
			For: s.For, Made: tx.Now(), ActivateBefore: tx.Now().Add(q.ActivateWithin), Stages: q.Stages,
		}
		if err := tx.Put(grantKey(q.ID), g); err != nil {
			return 0, err
		}
		e.Kind, e.Detail["for"] = "grant.made", g.For.String()
	}
	return tx.Append(e)
}
