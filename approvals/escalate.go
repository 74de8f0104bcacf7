package approvals

import (
	"slices"
	"strconv"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A rung that has come: which of which stage.
type climbed struct{ stage, rung int }

// risen lists the rungs of open stages whose time has come and that were not
// written down; told counts those that were, of each stage.
func (v View) risen(told []int) (all []climbed) {
	if v.Grant != nil || v.Status.Phase != policy.Pending {
		return nil
	}
	for i, st := range v.Status.Stages {
		done := 0
		if i < len(told) {
			done = told[i]
		}
		for j := done; j < len(st.Escalate) && st.Open && !v.Now.Before(st.Opened.Add(st.Escalate[j].After)); j++ {
			all = append(all, climbed{i, j})
		}
	}
	return all
}

// escalate writes down, once, every rung that has come.
func (d *Desk) escalate(tx *ledger.Tx, code string) error {
	r, q, err := load(tx.Get, code)
	if err != nil {
		return err
	}
	v, err := view(tx, tx.Get, code)
	if err != nil {
		return err
	}
	r.Told = slices.Concat(r.Told, make([]int, max(0, len(q.Stages)-len(r.Told))))
	came := v.risen(r.Told)
	for _, c := range came {
		if _, err := tx.Append(climb(q, c)); err != nil {
			return err
		}
		r.Told[c.stage] = c.rung + 1
	}
	if len(came) == 0 {
		return nil
	}
	return tx.Put(requestKey(code), r)
}

// climb is the event of one rung.
func climb(q *policy.Request, c climbed) ledger.Event {
	s := q.Stages[c.stage]
	rung := s.Escalate[c.rung]
	e := ledger.Event{
		Kind: "request.reminded", Actor: "lockbox", Subjects: ofStage(q, c.stage), Customers: ofStage(q, c.stage)[1:],
		Detail: map[string]string{
			"stage": stageName(q, c.stage), "rung": strconv.Itoa(c.rung + 1), "after": rung.After.String(),
			"remind": or(rung.Remind, "none"), "to": or(rung.To, "none"), "of": strconv.Itoa(rung.Of),
		},
	}
	if rung.To != "" {
		e.Kind = "request.escalated"
	}
	return e
}
