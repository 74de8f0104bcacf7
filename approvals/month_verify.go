package approvals

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

// MonthFacts are what a statement says for people. They are to be believed only
// where no step of its verification has Failed.
type MonthFacts struct {
	Customer, Month string
	From, To        time.Time // of the month, by UTC
	Access          []MonthSession
	Requests        []string // that were made in the month
	Unused          []string // grants made in the month under which there was no session
	Looks           int      // at recordings of sessions that reached the customer's data
	Entries         int      // of the customer's log in the month
	Checkpoint      string   // of the main log, as it was signed
}

// MonthSession is one session that was open in the month.
type MonthSession struct {
	ID, Grant string
	Began     time.Time // zero: before all that is shown
	Ended     time.Time // zero: not while it is shown
	Root      string    // of the recording
}

// Verify checks the statement against what is pinned, offline. Everything holds
// where no step has Failed. An error means that the statement or the pins could not be read.
func (m Month) Verify(p Pinned) ([]Step, error) {
	_, steps, err := m.Facts(p)
	return steps, err
}

// A monthly verifies one statement.
type monthly struct {
	logs
	m        Month
	from, to time.Time
	at       proof.Checkpoint // of the customer's log
	beats    [2]ledger.Leaf   // before and after the entries; zero: there is none
	facts    MonthFacts
}

// Facts is Verify, and what the entries say.
func (m Month) Facts(p Pinned) (MonthFacts, []Step, error) {
	if m.Format != monthV1 || m.Customer == "" {
		return MonthFacts{}, nil, fmt.Errorf("this is no %s of a customer", monthV1)
	}
	from, to, err := monthOf(m.Month)
	if err != nil {
		return MonthFacts{}, nil, err
	}
	l, err := newLogs(p)
	if err != nil {
		return MonthFacts{}, nil, err
	}
	c := &monthly{logs: l, m: m, from: from, to: to, facts: MonthFacts{Customer: m.Customer, Month: m.Month, From: from, To: to}}
	if c.checkpoint() && c.before() && c.after() {
		if leaves, ok := c.entries(); ok {
			c.access(leaves)
		}
	}
	return c.facts, quoted(c.steps), nil
}

func (c *monthly) checkpoint() (ok bool) {
	var err error
	if c.at, err = c.opened(c.m.Customer, c.m.Entries.Checkpoint, c.m.Entries.Head); err != nil {
		c.fail(StepNote, "checkpoint", "%v", err)
		return false
	}
	c.facts.Checkpoint = string(c.m.Entries.Head.Proof.Checkpoint) // it holds: there is one
	return true
}

// tree is the customer's log as a heartbeat has it.
func (c *monthly) tree(what string, b *ledger.Beat) (f ledger.Leaf, t tlog.Tree, ok bool) {
	f = c.logged("", b.Entry, nil, expect{what: what, kind: "log.heartbeat"})
	if f.Kind == "" {
		return f, t, false
	}
	if err := b.Holds(f, c.at.Origin); err != nil {
		c.fail(StepInclusion, "heartbeat", "%s: %v", what, err)
		return f, t, false
	}
	return f, tlog.Tree{N: b.Size, Hash: b.Root}, true
}

// before verifies that the entries begin early enough.
func (c *monthly) before() bool {
	g := c.m.Entries.From
	if c.m.Before == nil {
		if g.Old != 0 || len(g.Proof) > 0 {
			c.fail(StepInclusion, "beginning", "the entries begin with entry %d of the log, and no heartbeat says that it was the first", g.Old)
			return false
		}
		c.say(StepInclusion, "beginning", "the entries begin with the first of the log of %s", c.m.Customer)
		return true
	}
	f, t, ok := c.tree("the heartbeat before the month", c.m.Before)
	switch {
	case !ok:
		return false
	case f.At.After(c.from.Add(-monthLead)):
		c.fail(StepInclusion, "beginning", "the entries begin at %s, and a session that began before could last into the month", f.At.Format(time.RFC3339))
		return false
	}
	c.beats[0] = f
	return c.grown("beginning", g, t)
}

// after verifies that the entries end late enough.
func (c *monthly) after() bool {
	g := c.m.Entries.To
	if c.m.After != nil {
		f, t, ok := c.tree("the heartbeat after the month", c.m.After)
		switch {
		case !ok:
			return false
		case f.At.Before(c.to.Add(settled)):
			c.fail(StepInclusion, "end", "the entries end at %s, before the month was over and all of it covered", f.At.Format(time.RFC3339))
			return false
		}
		c.beats[1] = f
		return c.grown("end", g, t)
	}
	all := c.m.Entries.Entries
	f, err := ledger.Leaf{}, errors.New("there is none")
	if len(all) == 1 && c.m.Before == nil {
		f, err = ledger.ParseLeaf(all[0].Leaf)
	}
	if err != nil || f.At.Before(c.to) {
		c.fail(StepInclusion, "end", "no heartbeat is after the month, nor is the first entry")
		return false
	}
	return c.grown("end", g, tlog.Tree{N: 1, Hash: tlog.RecordHash(all[0].Leaf)})
}

// grown verifies that the log of the checkpoint begins with that tree.
func (c *monthly) grown(name string, g proof.Growth, t tlog.Tree) bool {
	older := proof.Checkpoint{Origin: c.at.Origin, Tree: t}
	err := g.Holds(older, c.at)
	if err == nil && len(g.Proof) > 0 && (t.N == 0 || t.N == c.at.N) {
		err = errors.New("a proof proves nothing")
	}
	if err != nil {
		c.fail(StepInclusion, name, "%v", err)
		return false
	}
	c.say(StepInclusion, name, "the log of %s had %d entries then, and has only grown since", c.m.Customer, t.N)
	return true
}

// entries verifies that none is left out between the two.
func (c *monthly) entries() (leaves []ledger.Leaf, ok bool) {
	from, to, all := c.m.Entries.From.Old, c.m.Entries.To.Old, c.m.Entries.Entries
	if int64(len(all)) != to-from {
		c.fail(StepInclusion, "entries", "there are %d entries of the %d from %d to %d", len(all), to-from, from, to)
		return nil, false
	}
	for i, in := range all {
		f, err := c.proven(c.m.Customer, in, c.m.Entries.Head)
		switch {
		case err != nil:
		case f.Seq != from+int64(i):
			err = fmt.Errorf("entry %d stands in the place of entry %d", f.Seq, from+int64(i))
		case !bytes.Equal(in.Proof.Checkpoint, c.at.Note):
			err = errors.New("it is under another checkpoint")
		case i > 0 && (f.At.Before(leaves[i-1].At) || *f.Main <= *leaves[i-1].Main):
			err = errors.New("it is earlier than the one before it")
		default:
			err = c.between(f)
		}
		if err != nil {
			c.fail(StepInclusion, "entries", "entry %d: %v", from+int64(i), err)
			return nil, false
		}
		leaves = append(leaves, f)
	}
	c.say(StepInclusion, "entries", "all %d entries are there, none is left out", len(all))
	return leaves, true
}

// between holds an entry against the heartbeats that it is said to be between.
func (c *monthly) between(f ledger.Leaf) error {
	before, after := c.beats[0], c.beats[1]
	switch {
	case before.Kind != "" && f.At.Before(before.At.Add(-settled)):
		return errors.New("it is earlier than the heartbeat before it")
	case after.Kind != "" && (f.At.After(after.At) || *f.Main >= after.Seq):
		return errors.New("it is later than the heartbeat after it")
	}
	return nil
}

// access tells what the entries say of the month.
func (c *monthly) access(leaves []ledger.Leaf) {
	open := map[string]*MonthSession{}
	used := map[string]bool{}
	granted := map[string]bool{}
	for _, f := range leaves {
		in := !f.At.Before(c.from) && f.At.Before(c.to)
		if in {
			c.facts.Entries++
		}
		switch {
		case len(f.Subjects) < 1:
		case f.Kind == "request.made" && in:
			c.facts.Requests = append(c.facts.Requests, f.Subjects[0])
		case f.Kind == "grant.made" && in:
			granted[f.Subjects[0]] = true
		case (f.Kind == "session.looked-at" || f.Kind == "session.watched") && in:
			c.facts.Looks++
		case len(f.Subjects) < 2:
		case f.Kind == "session.open":
			open[f.Subjects[0]] = &MonthSession{ID: f.Subjects[0], Grant: f.Subjects[1], Began: f.At}
			used[f.Subjects[1]] = true
		case f.Kind == "session.extended":
			used[f.Detail["to"]] = true
			if id := f.Subjects[0]; open[id] == nil { // it began before all that is shown
				open[id] = &MonthSession{ID: id, Grant: f.Subjects[1]}
			}
		case f.Kind == "session.close":
			s := open[f.Subjects[0]]
			if s == nil { // the gateway was down since before all that is shown
				s = &MonthSession{ID: f.Subjects[0], Grant: f.Subjects[1]}
				open[s.ID] = s
			}
			s.Ended, s.Root = f.At, f.Detail["root"]
		}
	}
	for _, id := range slices.Sorted(maps.Keys(open)) {
		if s := open[id]; s.Began.Before(c.to) && (s.Ended.IsZero() || s.Ended.After(c.from)) {
			c.facts.Access = append(c.facts.Access, *s)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(granted)) {
		if !used[g] {
			c.facts.Unused = append(c.facts.Unused, g)
		}
	}
	if len(c.facts.Access) == 0 {
		c.say(StepScope, "access", "no access: in %s (UTC) no session reached the data of %s", c.m.Month, c.m.Customer)
	} else {
		c.say(StepScope, "access", "in %s (UTC) %d sessions reached the data of %s", c.m.Month, len(c.facts.Access), c.m.Customer)
	}
}
