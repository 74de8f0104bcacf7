package approvals

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Step is one sentence of an offline verification.
type Step struct {
	Step int    `json:"step"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Steps that Verify takes besides those of a vote.
const (
	StepLeaf      = 6
	StepInclusion = 7
	StepNote      = 8
)

// A checker verifies one receipt against what is pinned, and keeps the steps.
// What a leaf of the log says is believed once its inclusion holds; what the
// receipt says beside it must agree.
type checker struct {
	r     Receipt
	p     Pinned
	log   note.Verifier
	q     *policy.Request
	steps []Step
	end   ledger.Leaf // that ended the grant; zero while it lasts
}

// Verify checks the receipt against what is pinned, offline. Everything holds
// where every step is OK. An error means that the receipt or the pins could
// not be read.
func (r Receipt) Verify(p Pinned) ([]Step, error) {
	if r.Format != receiptV1 {
		return nil, fmt.Errorf("this is no %s", receiptV1)
	}
	v, err := note.NewVerifier(p.LogKey)
	if err != nil {
		return nil, fmt.Errorf("read the pinned log key: %w", err)
	}
	q, err := (row{Body: r.Case.Body}).request()
	if err != nil {
		return nil, err
	}
	if len(r.Votes) != len(r.Case.Votes) {
		return nil, errors.New("the receipt has not one leaf for each vote")
	}
	c := &checker{r: r, p: p, log: v, q: q}
	for i, vote := range r.Case.Votes {
		c.vote(vote, r.Votes[i])
	}
	c.trail()
	c.outcome()
	c.stays()
	for i, s := range c.steps {
		if statement.Clean(s.Text) != nil {
			c.steps[i].Text = strconv.Quote(s.Text) // nothing of a receipt acts on who reads it
		}
	}
	return c.steps, nil
}

func (c *checker) say(step int, name, format string, args ...any) {
	c.steps = append(c.steps, Step{step, name, true, fmt.Sprintf(format, args...)})
}

func (c *checker) fail(step int, name, format string, args ...any) {
	c.steps = append(c.steps, Step{step, name, false, fmt.Sprintf(format, args...)})
}

func (c *checker) trust() Trust {
	return Trust{Log: c.p.Log, Party: c.p.Party, Pinned: c.p.pinned, Key: func(f string) (statement.Key, string, error) {
		k, err := statement.ParseKey(c.r.Keys[f])
		if err == nil && k.Fingerprint() != f {
			err = errors.New("the key in the receipt has another fingerprint")
		}
		return k, c.r.KeyOf[f], err
	}}
}

// vote verifies one vote: its signature, whose key that is, what it says, and
// that the log has it.
func (c *checker) vote(v policy.Vote, in ledger.Inclusion) {
	name := v.By.Name
	if v.Verdict == policy.Yes {
		t := c.trust()
		c.signature(name, t.signed(v))
		if err := t.pinned(c.q, v); err != nil {
			c.fail(StepPinned, "pinned key", "%v", err)
		} else {
			c.say(StepPinned, "pinned key", "the passkey of %s is one that you pinned for this", name)
		}
		if err := t.scope(c.q, (row{Body: c.r.Case.Body}).digest(), v); err != nil {
			c.fail(StepScope, "decision and scope", "%v", err)
		} else {
			c.say(StepScope, "decision and scope", "the statement of %s is about this request, and approves it", name)
		}
	} else {
		c.say(StepScope, "decision and scope", "%s said no, which needs no signature", name)
	}
	c.logged(in, expect{
		what: "the vote of " + name, kind: "vote." + v.Verdict, about: []string{c.q.ID}, at: v.At,
		says: map[string]string{"statement-sha256": digest(v.Statement), "assertion-sha256": digest(v.Assertion)},
	})
}

// signature gives the steps of statement.Verify, up to the one that failed.
func (c *checker) signature(name string, err error) {
	var at *statement.StepError
	for i, s := range []struct{ name, text string }{
		{"challenge", "%s signed the hash of exactly this statement"},
		{"client data", "%s signed on the pinned origin"},
		{"authenticator data", "%s was verified by the authenticator"},
		{"signature", "the signature of %s is by that passkey"},
	} {
		if err != nil && (!errors.As(err, &at) || at.Step <= i+1 || at.Step > statement.StepSignature) {
			c.fail(i+1, s.name, "%v", err)
			return
		}
		c.say(i+1, s.name, s.text, name)
	}
}

// What a leaf must be and say.
type expect struct {
	what  string
	kind  string    // "" for any
	about []string  // among its subjects
	at    time.Time // zero for any
	says  map[string]string
}

func (e expect) met(f ledger.Leaf) error {
	switch {
	case e.kind != "" && f.Kind != e.kind:
		return fmt.Errorf("the entry is of kind %s, not %s", f.Kind, e.kind)
	case !subset(e.about, f.Subjects):
		return errors.New("the entry is about something else")
	case !e.at.IsZero() && !f.At.Equal(e.at):
		return errors.New("the entry was made at another time")
	}
	for name, want := range e.says {
		if f.Detail[name] != want {
			return fmt.Errorf("the entry says something else of %s", name)
		}
	}
	return nil
}

// logged verifies that the leaf says what it should and that the log has it:
// steps 6 to 8. The leaf is zero unless all of that holds.
func (c *checker) logged(in ledger.Inclusion, e expect) ledger.Leaf {
	leaf, err := ledger.ParseLeaf(in.Leaf)
	if err == nil {
		err = e.met(leaf)
	}
	if err != nil {
		c.fail(StepLeaf, "log entry", "%s: %v", e.what, err)
		return ledger.Leaf{}
	}
	c.say(StepLeaf, "log entry", "%s is entry %d of the log", e.what, leaf.Seq)
	if err := in.Verify(c.log, c.p.Log); err != nil {
		c.fail(StepInclusion, "inclusion and checkpoint", "%s: %v", e.what, err)
		return ledger.Leaf{}
	}
	c.say(StepInclusion, "inclusion", "%s is in the tree of %d entries", e.what, in.Size)
	c.say(StepNote, "checkpoint", "the log's pinned key signed that tree")
	return leaf
}

// trail verifies what became of the request: the grant was made, and ended, as
// the log says.
func (c *checker) trail() {
	g := c.r.Grant
	made := false
	for _, in := range c.r.Trail {
		f := c.logged(in, expect{what: "what became of request " + c.q.ID, about: []string{c.q.ID}})
		switch f.Kind {
		case "grant.made":
			made = g != nil && f.At.Equal(g.Made) && f.Detail["for"] == g.For.String()
		case "grant.revoked", "grant.ended":
			c.end = f
		}
	}
	switch {
	case g == nil && (made || c.end.Kind != ""):
		c.fail(StepScope, "window and scope", "the log has a grant that the receipt leaves out")
	case g == nil:
	case !made:
		c.fail(StepScope, "window and scope", "the log made no such grant")
	case (c.end.Kind == "grant.revoked") != !g.Revoked.IsZero(), c.end.Kind == "grant.revoked" && !c.end.At.Equal(g.Revoked):
		c.fail(StepScope, "window and scope", "whether and when the grant was revoked is not as the log says")
	default:
		c.say(StepScope, "window and scope", "the grant was made, and %s, as the log says", c.ended())
	}
}

func (c *checker) ended() string {
	if c.end.Kind == "" {
		return "had not ended yet when the receipt was made"
	}
	return "ended"
}

// outcome verifies that the votes that hold give what was granted.
func (c *checker) outcome() {
	q, _, err := c.r.Case.Holding(c.trust())
	switch {
	case err != nil:
		c.fail(StepScope, "outcome", "%v", err)
		return
	case c.r.Grant == nil:
		c.say(StepScope, "outcome", "no access was given")
		return
	case !slices.ContainsFunc(q.Stages, func(s policy.Stage) bool { return s.Kind == policy.ByExecutive && s.Count >= 1 }):
		c.fail(StepScope, "outcome", "no executive was asked")
		return
	}
	if err := supports(q, c.r.Grant); err != nil {
		c.fail(StepScope, "outcome", "%v", err)
		return
	}
	c.say(StepScope, "outcome", "the votes gave %s to %s as %s on %s for %s", actions(c.r.Grant.Actions), q.Who.Name, q.Login, q.Target, c.r.Grant.For)
}

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
	seen := map[int64]bool{}
	for _, s := range c.r.Stays {
		f := c.stay(s)
		if seen[f.Seq] {
			c.fail(StepScope, "window and scope", "a session is listed twice")
		}
		seen[f.Seq] = true
		if first.IsZero() || f.At.Before(first) {
			first = f.At
		}
	}
	switch {
	case c.end.Kind != "" && c.end.Detail["sessions"] != strconv.Itoa(len(c.r.Stays)):
		c.fail(StepScope, "window and scope", "the log counts %s sessions, the receipt %d", c.end.Detail["sessions"], len(c.r.Stays))
	case !first.Equal(g.Activated):
		c.fail(StepScope, "window and scope", "the clock of the grant was not started by its first session")
	default:
		c.say(StepScope, "window and scope", "there were %d sessions under the grant", len(c.r.Stays))
	}
}

// stay verifies one session and gives the leaf that opened it.
func (c *checker) stay(s Stay) ledger.Leaf {
	g, what := c.r.Grant, "session "+s.Session.ID
	open := c.logged(s.Open, expect{
		what: what + " opened", kind: "session.open", about: []string{s.Session.ID, g.ID, g.Target}, at: s.Session.Began,
		says: map[string]string{"login": g.Login, "not-after": g.NotAfter.Format(time.RFC3339Nano)},
	})
	switch {
	case open.Kind == "":
		return open
	case s.Session.Who.ID != c.q.Who.ID || s.Session.Target != g.Target || s.Session.Login != g.Login || s.Session.Request != g.ID:
		c.fail(StepScope, "window and scope", "%s was somebody else's, or on something else than was granted", what)
	case open.At.Before(g.Made) || !open.At.Before(c.limit()):
		c.fail(StepScope, "window and scope", "%s was not opened in the time that was granted", what)
	default:
		c.say(StepScope, "window and scope", "%s was opened within the grant", what)
	}
	c.closed(what, s)
	return open
}

// limit is when the grant gave nothing any more.
func (c *checker) limit() time.Time {
	if g := c.r.Grant; g.Revoked.IsZero() || g.NotAfter.Before(g.Revoked) {
		return g.NotAfter
	}
	return c.r.Grant.Revoked
}

func (c *checker) closed(what string, s Stay) {
	if s.Close == nil {
		if c.end.Kind != "" || !s.Session.Ended.IsZero() {
			c.fail(StepScope, "window and scope", "%s has no end in the receipt, and its grant is over", what)
		}
		return
	}
	f := c.logged(*s.Close, expect{
		what: what + " closed", kind: "session.close", about: []string{s.Session.ID, c.r.Grant.ID}, at: s.Session.Ended,
		says: map[string]string{"root": s.Session.Root},
	})
	switch {
	case f.Kind == "":
	case s.Session.Root == "":
		c.fail(StepScope, "window and scope", "%s has no recording: %s", what, f.Detail["cause"])
	case f.Detail["recovered"] == "true":
		c.say(StepScope, "window and scope", "%s ended when the gateway stopped; its end was written down at the next start", what)
	case f.At.After(c.limit().Add(late)):
		c.fail(StepScope, "window and scope", "%s lasted until %s, longer than the grant", what, f.At.Format(time.RFC3339))
	default:
		c.say(StepScope, "window and scope", "%s ended within the grant, and its recording has the root %s", what, s.Session.Root)
	}
}
