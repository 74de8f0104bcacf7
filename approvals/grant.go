package approvals

import (
	"context"
	"fmt"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// cast stores the vote and what it leads to.
func (d *Desk) cast(tx *ledger.Tx, r row, vote policy.Vote, v *View) error {
	kind := "vote." + vote.Verdict
	if err := d.record(tx, &r, vote, kind); err != nil {
		return err
	}
	if err := d.settle(tx, &r); err != nil {
		return err
	}
	q, err := r.request()
	if err != nil {
		return err
	}
	if err := tx.Put(requestKey(q.ID), r); err != nil {
		return err
	}
	*v, err = d.SeeIn(tx, vote.By, q.ID)
	return err
}

// record adds a vote to the row, with its event.
func (d *Desk) record(tx *ledger.Tx, r *row, vote policy.Vote, kind string) error {
	q, err := r.request()
	if err != nil {
		return err
	}
	vote.Seq, err = tx.Append(ledger.Event{
		Kind: kind, Actor: vote.By.ID, Subjects: ofStage(q, vote.Stage), Customers: ofStage(q, vote.Stage)[1:],
		Detail: map[string]string{
			"stage": stageName(q, vote.Stage), "request-sha256": r.digest(), "statement-sha256": digest(vote.Statement),
			"assertion-sha256": digest(vote.Assertion), "passkey": vote.Key, "for": vote.For.String(),
			"not-before": moment(vote.NotBefore), "conditions": conditions(vote.Terms), "may-not": actions(withheld(vote.Terms, q)),
			"delegation": or(vote.Delegation, "none"), "standing": or(vote.Standing, "none"),
		},
		Private: map[string]string{"comment": vote.Comment, "promise": vote.Promise, "behalf": vote.Behalf},
	})
	r.Votes = append(r.Votes, vote)
	return err
}

// ofStage are the subjects of an event about one stage of a request: that of a
// customer's is about no other customer.
func ofStage(q *policy.Request, i int) []string {
	if s := q.Stages[i]; s.Kind == policy.ByCustomer {
		return []string{q.ID, s.Customer}
	}
	return append([]string{q.ID}, q.Customers...)
}

// settle appends the event that tells where the request stands now, and makes
// the grant when it is approved.
func (d *Desk) settle(tx *ledger.Tx, r *row) error {
	q, err := r.request()
	if err != nil {
		return err
	}
	s := q.Tally(tx.Now())
	e := ledger.Event{
		Kind: "request." + string(s.Phase), Actor: "lockbox", Subjects: about(q), Customers: q.Customers,
		Detail: map[string]string{"request-sha256": r.digest()},
	}
	if s.Phase == policy.Approved {
		if err := d.give(tx, r, q, s, &e); err != nil {
			return err
		}
	}
	seq, err := tx.Append(e)
	r.Trail = append(r.Trail, seq)
	if err == nil && q.Emergency && s.Phase == policy.Approved {
		err = d.broke(tx, r, q)
	}
	return err
}

// give makes the grant that the votes come to, or voids the request where it
// asks for more time under a grant that was revoked.
func (d *Desk) give(tx *ledger.Tx, r *row, q *policy.Request, s policy.Status, e *ledger.Event) error {
	g := grantOf(q, s, tx.Now())
	if q.Extends != "" {
		old, err := loadGrant(tx.Verified, q.Extends)
		switch {
		case err != nil:
			return err
		case old == nil || !sameAccess(old, g):
			return fmt.Errorf("request %s asks for more time under what is no grant of the same", q.ID)
		case !old.Revoked.IsZero():
			r.Withdrawn, e.Kind = tx.Now(), "request.void"
			return nil
		}
		goOn(g, old, tx.Now())
	}
	if !g.Accepted.IsZero() {
		r.Accepted = acceptance{g.Accepted, promised(g.Promises)}
	}
	e.Kind = "grant.made"
	for name, value := range told(g) {
		e.Detail[name] = value
	}
	e.Detail["accepted"] = moment(g.Accepted)
	return tx.Put(grantKey(g.ID), *g)
}

// grantOf is what the votes on a request come to at now.
func grantOf(q *policy.Request, s policy.Status, now time.Time) *policy.Grant {
	start := now
	if s.NotBefore.After(now) {
		start = s.NotBefore
	}
	return &policy.Grant{
		ID: q.ID, Who: q.Who, Target: q.Target, Login: q.Login, Actions: s.Actions, To: q.To, Customers: q.Customers, Reason: q.Need.Reason, Machine: q.Machine,
		For: s.For, Made: now, ActivateBefore: start.Add(q.ActivateWithin), NotBefore: s.NotBefore, Watched: s.Watched, Promises: s.Promises, Stages: q.Stages,
		Witnesses: q.Witnesses, Emergency: q.Emergency,
	}
}

// told is what the log says of a grant that is made, besides its hashes.
func told(g *policy.Grant) map[string]string {
	all := map[string]string{
		"for": g.For.String(), "may": actions(g.Actions), "not-before": moment(g.NotBefore), "promises-sha256": promised(g.Promises),
		"extends": or(g.Extends, "none"), "spent": g.Spent.String(),
	}
	if len(g.To) > 0 {
		all["to"] = strings.Join(g.To, ", ")
	}
	if g.Emergency {
		all["emergency"] = "yes"
	}
	if g.Watched {
		all["watched"] = "yes"
	}
	if g.Extends != "" { // its clock runs from where the other's ends
		all["activated"], all["not-after"] = moment(g.Activated), moment(g.NotAfter)
	}
	return all
}

// Accept promises what the approvers asked for: the grant can be used from then on.
func (d *Desk) Accept(ctx context.Context, who policy.Principal, code string) (v View, err error) {
	err = d.change(ctx, who, code, policy.Accept, func(tx *ledger.Tx, r row, q *policy.Request, g *policy.Grant) error {
		switch {
		case g == nil:
			return refuse("request %s is %s; there is nothing to accept before it is approved", code, q.Tally(tx.Now()).Phase)
		case g.Over(tx.Now()) != "":
			return refuse("there is nothing to accept: %s", g.Over(tx.Now()))
		case len(g.Promises) == 0:
			return refuse("nobody asked you to promise anything for %s; it can be used as it is", code)
		}
		if g.Accepted.IsZero() {
			if err := d.accept(tx, r, q, g); err != nil {
				return err
			}
		}
		v, err = d.SeeIn(tx, who, code)
		return err
	})
	return v, err
}

func (d *Desk) accept(tx *ledger.Tx, r row, q *policy.Request, g *policy.Grant) error {
	g.Accepted = tx.Now()
	r.Accepted = acceptance{g.Accepted, promised(g.Promises)}
	seq, err := tx.Append(ledger.Event{
		Kind: "grant.accepted", Actor: q.Who.ID, Subjects: about(q), Customers: q.Customers,
		Detail: map[string]string{"promises-sha256": r.Accepted.Promises},
	})
	if err != nil {
		return err
	}
	r.Trail = append(r.Trail, seq)
	if err := tx.Put(grantKey(g.ID), *g); err != nil {
		return err
	}
	return tx.Put(requestKey(q.ID), r)
}

// Activate counts a session of the grant, and starts its clock at the first, in
// the transaction that opens it.
func (d *Desk) Activate(tx *ledger.Tx, g *policy.Grant) error {
	switch {
	case tx.Now().Before(g.NotBefore):
		return fmt.Errorf("grant %s starts at %s", g.ID, moment(g.NotBefore))
	case len(g.Promises) > 0 && g.Accepted.IsZero():
		return fmt.Errorf("grant %s waits for its promises to be accepted", g.ID)
	}
	if g.Activated.IsZero() {
		g.Activated, g.NotAfter = tx.Now(), tx.Now().Add(g.For)
	}
	g.Sessions++
	return tx.Put(grantKey(g.ID), *g)
}
