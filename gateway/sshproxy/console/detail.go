package console

import (
	"fmt"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// describe writes a request in two lines.
func (c *console) describe(v approvals.View) {
	q := v.Request
	who := ""
	if q.Who.ID != c.by.Who.ID {
		who = "  " + q.Who.Name
	}
	c.print("%s  %s@%s%s  %s", q.ID, q.Login, q.Target, who, c.state(v))
	c.print("      %s", q.Need.Text)
}

// state is where a request stands, in a few words.
func (c *console) state(v approvals.View) string {
	g := v.Grant
	switch {
	case g != nil && g.Over(v.Now) != "":
		return g.Over(v.Now)
	case g != nil && len(g.Promises) > 0 && g.Accepted.IsZero():
		return fmt.Sprintf(c.say.grantPromises, speech.Long(g.For), v.Request.ID)
	case g != nil && v.Now.Before(g.NotBefore):
		return fmt.Sprintf(c.say.grantLater, speech.Long(g.For), speech.Day(g.NotBefore, v.Now))
	case g != nil && g.Activated.IsZero():
		return fmt.Sprintf(c.say.grantWaits, speech.Long(g.For), speech.Clock(g.ActivateBefore))
	case g != nil:
		return fmt.Sprintf(c.say.grantRuns, speech.Left(g.NotAfter.Sub(later(v.Now, g.Activated))))
	case v.Status.Phase == policy.Pending:
		return c.say.isPending
	case v.Status.Phase == policy.Rejected:
		return fmt.Sprintf(c.say.isRejected, speech.Noes(v.Status))
	case v.Status.Phase == policy.Expired:
		return c.say.isExpired
	}
	return c.say.isWithdrawn
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// detail writes all there is to know about one request.
func (c *console) detail(v approvals.View) {
	c.describe(v)
	q := v.Request
	about := []string{string(q.Need.Reason)}
	if q.Need.Ticket != "" {
		about = append(about, q.Need.Ticket)
	}
	if q.Extends != "" {
		about = append(about, fmt.Sprintf(c.say.moreFor, q.Extends))
	}
	about = append(about, speech.Long(q.For), fmt.Sprintf(c.say.askedAt, speech.Day(q.At, v.Now)))
	c.print("      %s", strings.Join(about, " · "))
	first := firstVote(q)
	for i, g := range v.Status.Stages {
		c.print("      %s", c.stageLine(g, v.Now))
		for _, b := range q.Votes {
			if b.Stage == i {
				c.print("        %s", c.voteLine(b, v, first))
			}
		}
	}
	if less := c.say.Less(v); less != "" {
		c.print("      %s", less)
	}
	for _, p := range promises(v) {
		c.print("      %s", fmt.Sprintf(c.say.PromiseLine, p))
	}
	for _, r := range v.Thread {
		c.print("      %s", c.remarkLine(r, v.Now))
	}
	c.print("      %s", c.page(v))
}

func promises(v approvals.View) []string {
	if v.Grant != nil {
		return v.Grant.Promises
	}
	return v.Status.Promises
}

// firstVote is when somebody first said something on a request.
func firstVote(q *policy.Request) (at time.Time) {
	for _, b := range q.Votes {
		if b.Standing == "" && (at.IsZero() || b.At.Before(at)) {
			at = b.At
		}
	}
	return at
}

// stageLine is whose answer it is, how far that has come, and what happens next.
func (c *console) stageLine(g policy.StageStatus, now time.Time) string {
	text := fmt.Sprintf(c.say.stageLine, c.say.Stage(g.Stage), c.phase(g))
	if g.Phase != policy.Pending {
		return text
	}
	text += " · " + fmt.Sprintf(c.say.answerBy, speech.Day(g.Answer, now))
	switch r, at := rung(g, now); {
	case r == nil:
	case r.To != "":
		text += " · " + fmt.Sprintf(c.say.rungTo, speech.Day(at, now), r.To)
	default:
		text += " · " + fmt.Sprintf(c.say.rungRemind, speech.Day(at, now))
	}
	return text
}

func (c *console) phase(g policy.StageStatus) string {
	switch {
	case g.Phase == policy.Approved:
		return c.say.isApproved
	case g.Phase == policy.Rejected:
		return c.say.isDeclined
	case g.Phase == policy.Expired:
		return c.say.isExpired
	case g.Open:
		return c.say.isPending
	}
	return c.say.isNext
}

// aging is how long after the first vote it counts how old each one is.
const aging = 4 * time.Hour

// voteLine is one vote with its terms; how old it is, once the others take long.
func (c *console) voteLine(b policy.Vote, v approvals.View, first time.Time) string {
	by := c.say.By(b)
	if b.Standing != "" {
		by = fmt.Sprintf(c.say.standing, b.Standing)
	}
	text := fmt.Sprintf(c.say.Declined, by)
	if b.Verdict == policy.Yes {
		text = strings.Join(append([]string{fmt.Sprintf(c.say.saidYes, by, speech.Long(b.For))}, c.say.Terms(b.Terms, v.Now)...), " · ")
	}
	if b.Comment != "" {
		text += ": " + b.Comment
	}
	text = speech.Day(b.At, v.Now) + "  " + text
	if v.Status.Phase == policy.Pending && !first.IsZero() && v.Now.Sub(first) > aging {
		text += " · " + fmt.Sprintf(c.say.old, speech.Long(v.Now.Sub(b.At).Truncate(time.Minute)))
	}
	return text
}

func (c *console) remarkLine(r approvals.Remark, now time.Time) string {
	name := r.Name
	if r.Thread != "" {
		name += " (" + c.say.Names(r.Thread)[0] + ")"
	}
	return speech.Day(r.At, now) + "  " + name + ": " + r.Text
}
