package approvals

import (
	"fmt"
	"strconv"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// late is how long after the end of its grant a session's end may be written down.
const late = 2 * time.Second

// stays verifies the sessions: each within the grant, and all of them.
func (c *checker) stays() {
	g := c.r.Grant
	if g == nil {
		if len(c.r.Stays) > 0 {
			c.fail(StepScope, "window and scope", "there are sessions without a grant")
		}
		return
	}
	var first time.Time
	var last int64
	seen := map[int64]bool{}
	for _, s := range c.r.Stays {
		f := c.stay(s)
		if seen[f.Seq] {
			c.fail(StepScope, "window and scope", "a session is listed twice")
		}
		if seen[f.Seq] = true; f.Seq < last {
			c.fail(StepScope, "window and scope", "the sessions are out of order")
		}
		last = f.Seq
		if first.IsZero() || f.At.Before(first) {
			first = f.At
		}
	}
	switch {
	case c.end.Kind != "" && c.end.Detail["sessions"] != strconv.Itoa(len(c.r.Stays)):
		c.fail(StepScope, "window and scope", "the log counts %s sessions, the receipt %d", c.end.Detail["sessions"], len(c.r.Stays))
	case g.Extends == "" && !first.Equal(g.Activated):
		c.fail(StepScope, "window and scope", "the clock of the grant was not started by its first session")
	default:
		c.say(StepScope, "window and scope", "there were %d sessions under the grant", len(c.r.Stays))
	}
}

// stay verifies one session and gives the leaf with which it began under the grant.
func (c *checker) stay(s Stay) ledger.Leaf {
	g, what := c.r.Grant, "session "+s.Session.ID
	want := expect{
		what: what + " opened", kind: "session.open", about: []string{s.Session.ID, g.ID, g.Target}, at: &s.Session.Began,
		says: map[string]string{"login": g.Login, "not-after": moment(g.NotAfter)},
	}
	moved := g.Extends != "" && s.Session.Request != g.ID
	if moved { // it came from a grant that this one goes on from
		want.what, want.kind, want.at = what+" went on", "session.extended", nil
		want.about = append(want.about, g.Extends)
		want.says["from"], want.says["to"] = g.Extends, g.ID
	}
	open := c.in(s.Open, want)
	switch {
	case open.Kind == "":
		return open
	case moved && (!s.Session.Began.IsZero() || s.Session.Request != ""), s.Next != nil && (s.Close != nil || s.Deeds != nil), s.Close == nil && (s.Deeds != nil || s.Gone != 0 || !s.Session.Ended.IsZero() || s.Session.Root != ""):
		c.fail(StepScope, "window and scope", "the receipt says more of %s than anything proves", what)
	case !same(s.Session.Who, bare(c.q.Who)) || s.Session.Remote != "" || s.Session.Customers != nil || s.Session.Tracks != 0 || s.Session.Cause != "":
		c.fail(StepScope, "window and scope", "%s was somebody else's, or the receipt says more of it than anything proves", what)
	case s.Session.Target != g.Target || s.Session.Login != g.Login || !moved && s.Session.Request != g.ID:
		c.fail(StepScope, "window and scope", "%s was somebody else's, or on something else than was granted", what)
	case open.At.Before(g.Made) || !open.At.Before(c.limit()):
		c.fail(StepScope, "window and scope", "%s was not opened in the time that was granted", what)
	default:
		c.say(StepScope, "window and scope", "%s was opened within the grant", what)
	}
	at := c.sum.stay(s, open)
	if s.Next != nil {
		at.Went = c.left(what, s).Detail["to"]
	} else if f := c.closed(what, s); f.Kind != "" {
		at.close(f)
		c.deeds(what, s, f, at)
	}
	return open
}

// left verifies that a session went on under another grant, before this one's
// time and the grace were over. What came then is in the other's receipt.
func (c *checker) left(what string, s Stay) ledger.Leaf {
	g := c.r.Grant
	f := c.in(*s.Next, expect{
		what: what + " went on", kind: "session.extended", about: []string{s.Session.ID, g.ID},
		says: map[string]string{"from": g.ID, "login": g.Login},
	})
	switch {
	case f.Kind == "":
	case f.Detail["to"] == "" || f.Detail["to"] == g.ID || !subset([]string{f.Detail["to"]}, f.Subjects):
		c.fail(StepScope, "window and scope", "%s went on under nothing", what)
	case f.At.After(c.limit().Add(policy.Grace + late)):
		c.fail(StepScope, "window and scope", "%s went on at %s, after the grant and its grace", what, f.At.Format(time.RFC3339))
	default:
		c.say(StepScope, "window and scope", "%s went on under grant %s, whose receipt has the rest", what, f.Detail["to"])
	}
	return f
}

// closed verifies the end of a session.
func (c *checker) closed(what string, s Stay) ledger.Leaf {
	if s.Close == nil {
		if c.end.Kind != "" || !s.Session.Ended.IsZero() {
			c.fail(StepScope, "window and scope", "%s has no end in the receipt, and its grant is over", what)
		}
		return ledger.Leaf{}
	}
	f := c.in(*s.Close, expect{
		what: what + " closed", kind: "session.close", about: []string{s.Session.ID, c.r.Grant.ID}, at: &s.Session.Ended,
		says: map[string]string{"root": s.Session.Root},
	})
	switch {
	case f.Kind == "":
	case s.Session.Root == "":
		c.fail(StepScope, "window and scope", "%s has no recording", what)
	case f.Detail["recovered"] == "true":
		c.say(StepScope, "window and scope", "%s ended when the gateway stopped; its end was written down at the next start", what)
	case c.froze(f) && !f.At.After(c.limit().Add(policy.Grace+late)):
		c.say(StepScope, "window and scope", "%s was frozen within the grant, and ended within the grace; its recording has the root %s", what, s.Session.Root)
	case f.At.After(c.limit().Add(late)):
		c.fail(StepScope, "window and scope", "%s lasted until %s, longer than the grant", what, f.At.Format(time.RFC3339))
	default:
		c.say(StepScope, "window and scope", "%s ended within the grant, and its recording has the root %s", what, s.Session.Root)
	}
	return f
}

// deeds verifies what was done in a session that is closed.
func (c *checker) deeds(what string, s Stay, f ledger.Leaf, at *SessionFacts) {
	want, ok := f.Detail["deeds"]
	switch {
	case s.Deeds == nil && !ok && s.Gone == 0:
	case s.Gone != 0 && (s.Deeds != nil || !ok):
		c.fail(StepScope, "what was done", "what was done in %s is said to be erased, and is there", what)
	case s.Deeds == nil && s.Gone == 0 && c.shared():
		c.others(StepScope, "what was done", "what was done in %s is withheld: it may tell of the other customer's data; its hash is in the log", what)
	case s.Deeds == nil && s.Gone == 0:
		c.fail(StepScope, "what was done", "what was done in %s is left out", what)
	case s.Deeds == nil && c.erasedBy(s.Gone, mainSeq(f)):
		c.past(StepScope, "what was done", "erased by event %d: what was done in %s; its hash stays", s.Gone, what)
	case s.Deeds == nil:
		c.fail(StepScope, "what was done", "what was done in %s is said to be erased, and nothing erased it", what)
	default:
		if got, err := s.Deeds.Commit(); err != nil || got != want {
			c.fail(StepScope, "what was done", "in %s something else was done than the log has", what)
			return
		}
		at.Deeds, at.More = s.Deeds.All, s.Deeds.More
		if n := len(filesOf(s.Deeds.All)); n > 0 {
			what += fmt.Sprintf(" %d files were moved or changed, and", n)
		}
		c.say(StepScope, "what was done", "in %s %d channels were opened, as the log has it", what, len(s.Deeds.All)-len(filesOf(s.Deeds.All))+s.Deeds.More)
	}
}

// froze says whether the leaf of a session's end has it frozen within the grant.
func (c *checker) froze(f ledger.Leaf) bool {
	at, err := time.Parse(time.RFC3339Nano, f.Detail["frozen"])
	return err == nil && !at.After(c.limit().Add(late))
}
