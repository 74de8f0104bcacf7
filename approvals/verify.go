package approvals

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

// A Step is one sentence of an offline verification. What is not OK does not
// hold, unless it cannot be told any more: because a person was erased, by an
// event that is proven, or because another customer is concerned.
type Step struct {
	Step     int    `json:"step"`
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Text     string `json:"text"`
	Erased   bool   `json:"erased,omitempty"`
	Withheld bool   `json:"withheld,omitempty"`
}

// Failed says whether the step does not hold.
func (s Step) Failed() bool { return !s.OK && !s.Erased && !s.Withheld }

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
	logs
	r      Receipt
	body   body
	hash   string          // of the request, as it is signed
	q      *policy.Request // of body
	made   ledger.Leaf     // that the request was made with
	end    ledger.Leaf     // that ended the grant; zero while it lasts
	seats  charter.Trust
	erased map[int64]ledger.Leaf // erasing events that are proven
	after  map[int64]bool        // events of the main log that the trail has
	sum    Summary

	broken ledger.Leaf // of an emergency: where the log says so
}

// A row of the ledger holds a whole request: none has more.
const (
	maxBody  = 1 << 20 // bytes
	maxVotes = 1 << 12
)

// Verify checks the receipt against what is pinned, offline. Everything holds
// where no step has Failed. An error means that the receipt or the pins could
// not be read.
func (r Receipt) Verify(p Pinned) ([]Step, error) {
	_, steps, err := r.Summary(p)
	return steps, err
}

// Summary is Verify, and what the entries of the log that hold tell of the
// request. It is to be believed only where no step has Failed.
func (r Receipt) Summary(p Pinned) (Summary, []Step, error) {
	if r.Format != receiptV2 {
		return Summary{}, nil, fmt.Errorf("this is no %s", receiptV2)
	}
	if len(r.Case.Body) > maxBody || len(r.Case.Votes) > maxVotes {
		return Summary{}, nil, errors.New("the receipt is of a request that is longer than the ledger can hold")
	}
	c := &checker{r: r, hash: r.Case.row().digest(), erased: map[int64]ledger.Leaf{}, after: map[int64]bool{}}
	var err error
	if c.logs, err = newLogs(p); err != nil {
		return Summary{}, nil, err
	}
	if c.body, err = openBody(r.Case.Body, r.Case.Open, r.Case.Gone); err != nil {
		return Summary{}, nil, err
	}
	if c.q = c.body.request; len(r.Votes) != len(r.Case.Votes) {
		return Summary{}, nil, errors.New("the receipt has not one entry for each vote")
	}
	c.motions()
	c.erasing()
	c.asked()
	for i, vote := range r.Case.Votes {
		c.vote(i, vote, r.Votes[i])
	}
	c.trail()
	c.outcome()
	c.stays()
	c.summarise()
	return c.sum, quoted(c.steps), nil
}

// quoted lets nothing of what is verified act on who reads it.
func quoted(steps []Step) []Step {
	for i, s := range steps {
		steps[i].Text = printable(s.Text)
	}
	return steps
}

// logs verifies entries of the main log, and of customers' under it, and keeps the steps.
type logs struct {
	p      Pinned
	key    note.Verifier
	quorum proof.Quorum
	steps  []Step
	known  map[string]proof.Checkpoint // checkpoints that hold, by origin and note
	trees  map[int64]tlog.Hash         // of the main log, by entries
}

func newLogs(p Pinned) (logs, error) {
	l := logs{p: p, known: map[string]proof.Checkpoint{}, trees: map[int64]tlog.Hash{}}
	var err error
	if l.key, err = note.NewVerifier(p.LogKey); err != nil {
		return l, fmt.Errorf("read the pinned log key: %w", err)
	}
	if l.quorum, err = proof.NewQuorum(p.Quorum, p.LogKey, p.Witnesses...); err != nil {
		return l, fmt.Errorf("read the pinned witnesses: %w", err)
	}
	return l, nil
}

func (c *logs) say(step int, name, format string, args ...any) {
	c.steps = append(c.steps, Step{Step: step, Name: name, OK: true, Text: fmt.Sprintf(format, args...)})
}

func (c *logs) fail(step int, name, format string, args ...any) {
	c.steps = append(c.steps, Step{Step: step, Name: name, Text: fmt.Sprintf(format, args...)})
}

func (c *logs) past(step int, name, format string, args ...any) {
	c.steps = append(c.steps, Step{Step: step, Name: name, Erased: true, Text: fmt.Sprintf(format, args...)})
}

func (c *logs) others(step int, name, format string, args ...any) {
	c.steps = append(c.steps, Step{Step: step, Name: name, Withheld: true, Text: fmt.Sprintf(format, args...)})
}

// opened gives the checkpoint that a proof is under: steps 7 and 8. head is, of
// a customer's log, the entry of the main log that holds it.
func (c *logs) opened(customer string, b []byte, head *ledger.Entry) (proof.Checkpoint, error) {
	origin := c.p.Log
	if customer != "" {
		origin += "/c/" + customer
	}
	if at, ok := c.known[origin+"\n"+string(b)]; ok {
		return at, nil
	}
	var at proof.Checkpoint
	var err error
	if customer == "" {
		at, err = c.main(b)
	} else if at, err = proof.Open(b, origin, c.key); err == nil {
		err = c.heads(customer, at, head)
	}
	if err == nil {
		c.known[origin+"\n"+string(b)] = at
	}
	return at, err
}

// main opens a checkpoint of the main log, which the pinned quorum must have cosigned.
func (c *logs) main(b []byte) (proof.Checkpoint, error) {
	at, err := proof.Open(b, c.p.Log, c.key, c.quorum.Witnesses...)
	if err != nil {
		return at, err
	}
	if err := c.quorum.Met(at); err != nil {
		return at, fmt.Errorf("the tree of %d entries: %w", at.N, err)
	}
	if was, ok := c.trees[at.N]; ok && was != at.Hash {
		return at, fmt.Errorf("the log's key signed two trees of %d entries: keep this file, it is evidence", at.N)
	}
	c.trees[at.N] = at.Hash
	var names []string
	for _, w := range at.Cosigned {
		names = append(names, w.Name)
	}
	c.say(StepNote, "checkpoint", "the log's pinned key signed the tree of %d entries, and so did these witnesses that you pinned: %s", at.N, or(strings.Join(names, ", "), "none"))
	return at, nil
}

// heads verifies that the main log holds the checkpoint of a customer's.
func (c *logs) heads(customer string, at proof.Checkpoint, head *ledger.Entry) error {
	if head == nil {
		return fmt.Errorf("the main log's entry that holds the log of %s is missing", customer)
	}
	f, err := c.proven("", *head, nil)
	if err != nil {
		return fmt.Errorf("the main log's entry that holds the log of %s: %w", customer, err)
	}
	if origin, t, ok := f.Head(); !ok || origin != at.Origin || t != at.Tree {
		return fmt.Errorf("entry %d of the main log does not hold this checkpoint of %s", f.Seq, customer)
	}
	c.say(StepNote, "checkpoint", "the log's pinned key signed the log of %s with %d entries, which is entry %d of the main log", customer, at.N, f.Seq)
	return nil
}

// proven reads a leaf once the log has it.
func (c *logs) proven(customer string, in ledger.Entry, head *ledger.Entry) (ledger.Leaf, error) {
	at, err := c.opened(customer, in.Proof.Checkpoint, head)
	if err != nil {
		return ledger.Leaf{}, &unsigned{err}
	}
	if err := in.Proof.Holds(in.Leaf, at); err != nil {
		return ledger.Leaf{}, err
	}
	f, err := ledger.ParseLeaf(in.Leaf)
	if err == nil && (f.Seq != in.Proof.Index || (f.Main != nil) != (customer != "")) {
		err = fmt.Errorf("the entry at %d calls itself %d, or one of another log", in.Proof.Index, f.Seq)
	}
	return f, err
}

// unsigned says that a checkpoint does not hold.
type unsigned struct{ error }

// mainSeq is the event's place in the main log.
func mainSeq(f ledger.Leaf) int64 {
	if f.Main != nil {
		return *f.Main
	}
	return f.Seq
}

// logged verifies that the leaf says what it should and that the log has it:
// steps 6 to 8. The leaf is zero unless all of that holds.
func (c *logs) logged(customer string, in ledger.Entry, head *ledger.Entry, e expect) ledger.Leaf {
	leaf, err := ledger.ParseLeaf(in.Leaf)
	if err == nil {
		err = e.met(leaf)
	}
	if err != nil {
		c.fail(StepLeaf, "log entry", "%s: %v", e.what, err)
		return ledger.Leaf{}
	}
	c.say(StepLeaf, "log entry", "%s is entry %d of the log", e.what, leaf.Seq)
	if leaf, err = c.proven(customer, in, head); err != nil {
		if bad := (*unsigned)(nil); errors.As(err, &bad) {
			c.fail(StepNote, "checkpoint", "%s: %v", e.what, err)
		} else {
			c.fail(StepInclusion, "inclusion", "%s: %v", e.what, err)
		}
		return ledger.Leaf{}
	}
	c.say(StepInclusion, "inclusion", "%s is in the tree of the checkpoint", e.what)
	return leaf
}

// in verifies an entry of the log that the receipt is out of.
func (c *checker) in(e ledger.Entry, want expect) ledger.Leaf {
	return c.logged(c.r.Customer, e, c.r.Head, want)
}
