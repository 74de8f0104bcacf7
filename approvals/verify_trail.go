package approvals

import (
	"slices"
	"strconv"
	"time"

	"lockbox/policy"
)

// asked verifies that the request is the one that the log was told of, and that
// nothing of it is missing but what was erased, or concerns another customer.
func (c *checker) asked() {
	q := c.q
	if len(c.r.Trail) == 0 {
		c.fail(StepLeaf, "log entry", "the making of request %s is not in the receipt", q.ID)
		return
	}
	c.made = c.in(c.r.Trail[0], expect{
		what: "the making of request " + q.ID, kind: "request.made", about: []string{q.ID, q.Target}, at: &q.At,
		says: made(q, c.hash),
	})
	if c.made.Kind == "" {
		return
	}
	if c.r.Customer != "" && !same(q.Customers, []string{c.r.Customer}) || c.r.Customer == "" && c.r.Head != nil {
		c.fail(StepScope, "request", "the receipt is not of a customer whom request %s concerns, or of others too", q.ID)
		return
	}
	c.absent()
}

// shared says whether the request concerns another customer than the one whose receipt it is.
func (c *checker) shared() bool {
	return c.r.Customer != "" && slices.ContainsFunc(c.body.missing, func(name string) bool {
		return hasPrefix(name, "customers.")
	})
}

// trail verifies what became of the request: the grant was made, accepted and
// ended as the log says.
func (c *checker) trail() {
	g := c.r.Grant
	made, accepted := false, g == nil || g.Accepted.IsZero()
	last := c.made
	for i, in := range c.r.Trail {
		if i == 0 {
			continue // asked
		}
		f := c.in(in, expect{what: "what became of request " + c.q.ID, about: []string{c.q.ID}})
		if f.Kind != "" && f.Seq <= last.Seq {
			c.fail(StepLeaf, "log entry", "what became of request %s is out of order", c.q.ID)
		}
		last = f
		c.after[mainSeq(f)] = true
		if f.Kind == "glass.broken" {
			c.broken = f
		}
		switch {
		case f.Kind == "grant.made" && g != nil:
			made = f.At.Equal(g.Made) && expect{says: c.told(g)}.met(f) == nil && (f.Detail["watched"] == "yes") == g.Watched
			accepted = accepted || f.Detail["accepted"] == moment(g.Accepted)
		case f.Kind == "grant.made":
			made = true
		case f.Kind == "grant.accepted" && g != nil:
			accepted = accepted || f.At.Equal(g.Accepted) && (c.shared() || f.Detail["promises-sha256"] == promised(g.Promises))
		case f.Kind == "grant.revoked", f.Kind == "grant.ended":
			c.end = f
		}
	}
	c.settled()
	switch {
	case g == nil && (made || c.end.Kind != ""):
		c.fail(StepScope, "window and scope", "the log has a grant that the receipt leaves out")
	case g == nil:
	case !made:
		c.fail(StepScope, "window and scope", "the log made no such grant")
	case !accepted:
		c.fail(StepScope, "window and scope", "what was to be promised was not accepted, or not then")
	case (c.end.Kind == "grant.revoked") != !g.Revoked.IsZero(), c.end.Kind == "grant.revoked" && !c.end.At.Equal(g.Revoked):
		c.fail(StepScope, "window and scope", "whether and when the grant was revoked is not as the log says")
	default:
		c.say(StepScope, "window and scope", "the grant was made, and %s, as the log says", c.ended())
	}
}

// settled verifies that the receipt has what each vote led to: the event that
// the log has next.
func (c *checker) settled() {
	for _, v := range c.r.Case.Votes {
		if v.Standing == "" && !c.after[v.Seq+1] {
			c.fail(StepLeaf, "log entry", "what the vote of %s led to is not in the receipt", v.By.Name)
		}
	}
}

// told is what the log says of the grant. What was promised to another customer is not known here.
func (c *checker) told(g *policy.Grant) map[string]string {
	all := told(g)
	if c.shared() {
		delete(all, "promises-sha256")
	}
	return all
}

func (c *checker) ended() string {
	if c.end.Kind == "" {
		return "had not ended yet when the receipt was made"
	}
	return "ended"
}

// outcome verifies that the votes that hold give what was granted.
func (c *checker) outcome() {
	q, unseen := c.holding()
	g := c.r.Grant
	switch {
	case q == nil:
		return
	case g == nil:
		c.say(StepScope, "outcome", "no access was given")
		return
	case q.Emergency:
		c.emergency(q)
	case !slices.ContainsFunc(q.Stages, func(s policy.Stage) bool { return s.Kind == policy.ByExecutive && s.Count >= 1 }):
		c.fail(StepScope, "outcome", "no executive was asked")
		return
	}
	if err := supports(q, g); err != nil {
		c.fail(StepScope, "outcome", "%v", err)
		return
	}
	if why := c.exact(q, g); why != "" {
		c.fail(StepScope, "outcome", "%s", why)
		return
	}
	text := "the votes gave " + actions(g.Actions) + " to " + q.Who.Name + " as " + q.Login + " on " + q.Target + " for " + g.For.String()
	switch {
	case unseen == "":
		c.say(StepScope, "outcome", "%s", text)
	default:
		c.tell(policy.Vote{}, StepScope, "outcome", unseen+"; as far as it is shown, "+text)
	}
}

// holding is the request with the votes that hold, as a tally counts it: of a
// shared one, without the stages of other customers. unseen says what of it
// could not be held, "" for nothing.
func (c *checker) holding() (q *policy.Request, unseen string) {
	t, all := c.trust(), *c.q
	all.Stages, all.Votes = nil, nil
	place := map[int]int{}
	for i, s := range c.q.Stages {
		if s.Kind == withheldStage {
			continue
		}
		place[i] = len(all.Stages)
		all.Stages = append(all.Stages, s)
	}
	for i, v := range c.r.Case.Votes {
		if v.Verdict == policy.Yes {
			why := c.unseen(i, v)
			if unseen == "" {
				unseen = why
			}
			err := t.vote(c.q, c.hash, v)
			if why != "" {
				if err = t.signedUnseen(v); err == nil {
					err = t.pinned(c.q, v)
				}
			}
			if err != nil {
				continue // a step has said so
			}
		}
		at, ok := place[v.Stage]
		if !ok {
			c.fail(StepScope, "outcome", "a vote is on a stage that there is not")
			return nil, ""
		}
		v.Stage = at
		all.Votes = append(all.Votes, v)
	}
	if unseen == "" && c.shared() {
		unseen = "another customer was asked too, and its answer is not shown"
	}
	return &all, unseen
}

// exact says what of a grant is not as the request and its votes make it.
func (c *checker) exact(q *policy.Request, g *policy.Grant) string {
	start := g.Made
	if g.NotBefore.After(start) {
		start = g.NotBefore
	}
	switch {
	case !same(g.Who, bare(q.Who)) || !same(g.Customers, q.Customers) || g.Witnesses != q.Witnesses:
		return "the grant names another person, or other customers, than the request"
	case !g.ActivateBefore.Equal(start.Add(q.ActivateWithin)):
		return "the grant was to be used within another time than was asked for"
	case !g.Activated.IsZero() && !g.NotAfter.Equal(g.Activated.Add(g.For)), g.Activated.IsZero() && !g.NotAfter.IsZero():
		return "the grant ends at another time than it was given for"
	case g.RevokedBy != "" || g.RevokedWhy != "":
		return "the receipt says more of the end of the grant than anything proves"
	case g.Sessions != len(c.r.Stays):
		return "the grant had " + strconv.Itoa(g.Sessions) + " sessions, and the receipt has " + strconv.Itoa(len(c.r.Stays))
	}
	return ""
}

// limit is when the grant gave nothing any more.
func (c *checker) limit() time.Time {
	if g := c.r.Grant; g.Revoked.IsZero() || g.NotAfter.Before(g.Revoked) {
		return g.NotAfter
	}
	return c.r.Grant.Revoked
}
