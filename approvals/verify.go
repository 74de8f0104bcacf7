package approvals

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/approvals/charter"
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
	seats charter.Trust
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
	c.motions()
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

// vote verifies one vote: its signature, whose key that is, what it says, and
// that the log has it.
func (c *checker) vote(v policy.Vote, in ledger.Inclusion) {
	name, kind := v.By.Name, "vote."+v.Verdict
	switch {
	case v.Standing != "":
		name = v.By.ID
		kind = c.instruction(v)
	case v.Verdict == policy.Yes:
		c.signed(name, v)
	default:
		c.say(StepScope, "decision and scope", "%s said no, which needs no signature", name)
	}
	c.logged(in, expect{
		what: "the vote of " + name, kind: kind, about: []string{c.q.ID}, at: v.At,
		says: map[string]string{"statement-sha256": digest(v.Statement), "assertion-sha256": digest(v.Assertion), "passkey": v.Key},
	})
}

// signed verifies what a person signed to approve.
func (c *checker) signed(name string, v policy.Vote) {
	t := c.trust()
	c.signature(name, t.signed(v))
	switch err := t.pinned(c.q, v); {
	case err != nil:
		c.fail(StepPinned, "pinned key", "%v", err)
	case byGroup(c.q, v.Stage):
		c.say(StepPinned, "pinned key", "%s voted as a member of a group, whose keys nobody pins: the log names this one", name)
	case v.Delegation != "":
		c.say(StepPinned, "pinned key", "%s is the deputy of %s, by delegation %s", name, v.Behalf, v.Delegation)
	case c.admitted(v) != "":
		c.say(StepPinned, "pinned key", "the passkey of %s was admitted by motion %s, which those whom you pinned have signed", name, c.admitted(v))
	default:
		c.say(StepPinned, "pinned key", "the passkey of %s is one that you pinned for this", name)
	}
	if err := t.scope(c.q, (row{Body: c.r.Case.Body}).digest(), v); err != nil {
		c.fail(StepScope, "decision and scope", "%v", err)
	} else {
		c.say(StepScope, "decision and scope", "the statement of %s is about this request, and approves it", name)
	}
}

// instruction verifies a vote that a customer's own motion stands for, and
// gives the kind of its event.
func (c *checker) instruction(v policy.Vote) string {
	t := c.trust()
	if err := t.standing(c.q, v); err != nil {
		c.fail(StepScope, "decision and scope", "%v", err)
		return standingEvent
	}
	c.say(StepScope, "decision and scope", "motion %s of customer %s stands for its vote", v.Standing, v.By.Customer)
	if m, err := t.Stands(v, c.q); err == nil && m.Kind == policy.ToSet {
		return noticeEvent
	}
	return standingEvent
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

// trail verifies what became of the request: the grant was made, accepted and
// ended as the log says.
func (c *checker) trail() {
	g := c.r.Grant
	made, accepted := false, g == nil || g.Accepted.IsZero()
	for _, in := range c.r.Trail {
		f := c.logged(in, expect{what: "what became of request " + c.q.ID, about: []string{c.q.ID}})
		switch {
		case f.Kind == "grant.made" && g != nil:
			made = f.At.Equal(g.Made) && expect{says: told(g)}.met(f) == nil
			accepted = accepted || f.Detail["accepted"] == moment(g.Accepted)
		case f.Kind == "grant.made":
			made = true
		case f.Kind == "grant.accepted" && g != nil:
			accepted = accepted || f.At.Equal(g.Accepted) && f.Detail["promises-sha256"] == promised(g.Promises)
		case f.Kind == "grant.revoked", f.Kind == "grant.ended":
			c.end = f
		}
	}
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
