package approvals

import (
	"errors"
	"fmt"
	"slices"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Kinds of event of a vote that a customer signed beforehand.
const (
	standingEvent = "vote.standing"
	noticeEvent   = "customer.notice" // to be told is enough to them
)

// stand casts the votes that customers signed beforehand: each stands for one
// customer's whole vote, and never for an executive's.
func (d *Desk) stand(tx *ledger.Tx, r *row, q *policy.Request) error {
	if d.Charter == nil {
		return nil
	}
	for i, s := range q.Stages {
		if s.Kind != policy.ByCustomer {
			continue
		}
		m, err := d.Charter.Instruction(tx, s.Customer, q)
		if err == nil && m != nil {
			err = d.standFor(tx, r, q, m, i)
		}
		if err != nil {
			return err
		}
	}
	s, err := r.request()
	if err != nil || len(r.Votes) == 0 || s.Tally(tx.Now()).Phase != policy.Approved {
		return err
	}
	return d.settle(tx, r)
}

// standFor counts one use of a customer's motion and casts its vote. Where the
// budget is spent, the customer is asked as if there were none.
func (d *Desk) standFor(tx *ledger.Tx, r *row, q *policy.Request, m *policy.Motion, stage int) error {
	kind := noticeEvent
	if m.Kind == policy.ToInstruct {
		kind = standingEvent
		var spent *charter.Refusal
		if err := d.Charter.Use(tx, m.ID, q.ID); errors.As(err, &spent) {
			return nil
		} else if err != nil {
			return err
		}
	}
	long := q.For
	if m.For > 0 {
		long = min(long, m.For)
	}
	return d.record(tx, r, policy.Vote{
		By: instructed(m), At: tx.Now(), Stage: stage, Verdict: policy.Yes, Standing: m.ID, Terms: policy.Terms{For: long},
	}, kind)
}

// instructed is who votes where a customer's motion does: nobody.
func instructed(m *policy.Motion) policy.Principal {
	return policy.Principal{ID: "instruction " + m.ID, Kind: policy.Reviewer, Customer: m.Customer}
}

// standing proves a vote that a customer's motion stands for.
func (t Trust) standing(q *policy.Request, v policy.Vote) error {
	if v.Stage < 0 || v.Stage >= len(q.Stages) || t.Stands == nil {
		return errors.New("nothing is known that could stand for it")
	}
	s := q.Stages[v.Stage]
	m, err := t.Stands(v, q)
	switch {
	case err != nil:
		return err
	case m == nil || m.ID != v.Standing || s.Kind != policy.ByCustomer || m.Customer != s.Customer || !slices.Contains(holdingKinds(), m.Kind):
		return fmt.Errorf("motion %s stands for no vote of that customer", v.Standing)
	case m.Kind == policy.ToSet && !m.Notice:
		return fmt.Errorf("by motion %s, notice is not enough", m.ID)
	case !m.Holds(v.At):
		return fmt.Errorf("motion %s was not in force when it was used", m.ID)
	case m.Kind == policy.ToInstruct && !m.Scope.Covers(q):
		return fmt.Errorf("motion %s does not cover the request", m.ID)
	case m.For > 0 && v.For > m.For, v.For <= 0:
		return fmt.Errorf("motion %s gives less time", m.ID)
	case v.By.ID != instructed(m).ID || v.By.Kind != policy.Reviewer || v.By.Customer != s.Customer || v.Behalf != "" || v.Delegation != "":
		return errors.New("a person is said to have given the vote that an instruction stands for")
	}
	return nil
}

func holdingKinds() []policy.MotionKind { return []policy.MotionKind{policy.ToInstruct, policy.ToSet} }
