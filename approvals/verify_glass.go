package approvals

import (
	"slices"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
)

// Step names of an emergency, as people read them.
const emergencyStep = "EMERGENCY"

// emergency verifies what access by breaking the glass rests on instead of those
// who decide: that the log says so, with which sealed code, and that a second
// person signed; and whether executives ratified it. It tells what it finds: that
// nobody did is no mistake of the receipt.
func (c *checker) emergency(q *policy.Request) {
	f := c.broken
	switch {
	case f.Kind == "":
		c.fail(StepScope, emergencyStep, "the log does not say that the glass was broken for request %s", q.ID)
		return
	case f.Detail["sealed-code"] != q.Glass || q.Glass == "":
		c.fail(StepScope, emergencyStep, "the log names another sealed code than request %s", q.ID)
		return
	}
	c.say(StepScope, emergencyStep, "EMERGENCY: the glass was broken with sealed code %s; nobody who decides was asked, and a second person signed", q.Glass)
	due := f.At.Add(policy.RatifyWithin)
	m, err := c.ratification(q)
	switch {
	case err != nil:
		c.fail(StepScope, "ratification", "%v", err)
	case m == nil:
		c.say(StepScope, "ratification", "no executive had ratified it when the receipt was made; without that, who asked and the target are locked from %s", stamp(due))
	case m.Tally(lastOfAll()).At.Before(due):
		c.say(StepScope, "ratification", "executives ratified it in time, by motion %s", m.ID)
	default:
		c.say(StepScope, "ratification", "NOT ratified in time: two executives lifted the locks later, by motion %s", m.ID)
	}
}

// ratification is the motion of the receipt that settled the emergency, its
// signatures verified; nil where there is none.
func (c *checker) ratification(q *policy.Request) (*policy.Motion, error) {
	if c.r.Charter == nil {
		return nil, nil
	}
	i := slices.IndexFunc(c.r.Charter.Cases, func(k charter.Case) bool {
		m, err := k.Motion()
		return err == nil && m.Kind == policy.ToRatify && m.About == q.ID && m.Config == c.hash
	})
	if i < 0 {
		return nil, nil
	}
	m, err := c.r.Charter.Cases[i].Verify(c.seats, lastOfAll())
	if err != nil {
		return nil, err
	}
	if late := !m.Tally(lastOfAll()).At.Before(c.broken.At.Add(policy.RatifyWithin)); late && m.Stage.Count < charter.Late {
		return nil, refuse("motion %s came late, and takes the signatures of one in time", m.ID)
	}
	return m, nil
}

// lastOfAll is after everything that anybody signs.
func lastOfAll() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }
