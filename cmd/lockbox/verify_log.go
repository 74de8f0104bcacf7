package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/approvals"
	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

type key = note.Verifier

// pin reads the keys of the pins.
func (v *verifier) pin(p approvals.Pinned) (err error) {
	if v.log, err = note.NewVerifier(p.LogKey); err != nil {
		return fmt.Errorf("the log's key: %w", err)
	}
	if p.Log == "" {
		return errors.New("they do not name the log")
	}
	v.pins = p
	v.quorum, err = proof.NewQuorum(p.Quorum, p.LogKey, p.Witnesses...)
	return err
}

// customer is whose log an origin is: "" the main one.
func (v *verifier) customer(origin string) (id string, ok bool) {
	if origin == v.pins.Log {
		return "", true
	}
	id, ok = strings.CutPrefix(origin, v.pins.Log+"/c/")
	return id, ok && id != "" && !strings.Contains(id, "/")
}

// opened opens a checkpoint of one of the pinned logs.
func (v *verifier) opened(b []byte) (proof.Checkpoint, error) {
	c, err := proof.Peek(b)
	if err != nil {
		return c, err
	}
	if _, ok := v.customer(c.Origin); !ok {
		return c, fmt.Errorf("the checkpoint is of the log %q, you pinned %q", c.Origin, v.pins.Log)
	}
	return proof.Open(b, c.Origin, v.log, v.quorum.Witnesses...)
}

// checkpoint takes the steps of one: signature, and the quorum of the main log.
func (v *verifier) checkpoint(b []byte) (proof.Checkpoint, bool) {
	c, err := v.opened(b)
	if err != nil {
		v.fail(approvals.StepNote, "checkpoint", "%v", err)
		return c, false
	}
	v.say(approvals.StepNote, "checkpoint", "the log's pinned key signed the log %s with %d entries, root %s", c.Origin, c.N, c.Hash)
	if id, _ := v.customer(c.Origin); id != "" {
		if v.quorum.K > 0 && v.main == "" {
			v.fail(approvals.StepNote, "witnesses", "your witnesses see the main log: to show that they saw this one too, give its whole log, and with --main a receipt or the main log")
		}
		return c, true
	}
	var seen []string
	for _, s := range c.Cosigned {
		seen = append(seen, s.Name+" at "+s.At.Format(time.RFC3339))
	}
	switch err := v.quorum.Met(c); {
	case err != nil:
		v.fail(approvals.StepNote, "witnesses", "%v", err)
	case v.quorum.K > 0:
		v.say(approvals.StepNote, "witnesses", "%d of your %d witnesses cosigned it, %d must: %s", len(seen), len(v.quorum.Witnesses), v.quorum.K, strings.Join(seen, ", "))
	}
	return c, true
}

// aLog verifies a whole log.
func (v *verifier) aLog(o *object) error {
	w := proof.Whole{Files: o.files}
	b, err := w.Checkpoint()
	if err != nil {
		v.fail(approvals.StepNote, "checkpoint", "%v", err)
		return nil
	}
	c, ok := v.checkpoint(b)
	if !ok {
		return nil
	}
	id, _ := v.customer(c.Origin)
	r := reader{customer: id}
	told := ledger.NewShadows(c.Origin)
	if id == "" {
		r.see = told.Add
	}
	switch err := w.Verify(c, r.entry); {
	case r.err != nil:
		v.fail(approvals.StepLeaf, "log entry", "%v", r.err)
		return nil
	case err != nil:
		v.fail(approvals.StepInclusion, "inclusion", "%v", err)
		return nil
	}
	v.say(approvals.StepInclusion, "inclusion", "all %d entries and the hashes beside them lead to that root", c.N)
	v.say(approvals.StepLeaf, "log entry", "each entry can be read, stands where it says, and none is older than the one before%s", r.span())
	if id != "" {
		return v.anchored(w, c, id)
	}
	if v.main != "" {
		return fmt.Errorf("--main says nothing about %s: it is the main log", c.Origin)
	}
	if err := told.End(); err != nil {
		v.fail(approvals.StepLeaf, "customers' logs", "%v", err)
		return nil
	}
	v.say(approvals.StepLeaf, "customers' logs", "each head of a customer's log and each heartbeat is over all that this log has of them")
	return nil
}

// A reader reads the entries of a log as they come.
type reader struct {
	customer    string
	first, last time.Time
	main        int64
	see         func(ledger.Leaf) error
	err         error // what is wrong with an entry
}

func (r *reader) entry(i int64, leaf []byte) error {
	f, err := ledger.ParseLeaf(leaf)
	switch {
	case err != nil:
		err = fmt.Errorf("entry %d: %w", i, err)
	case f.Seq != i:
		err = fmt.Errorf("entry %d calls itself %d", i, f.Seq)
	case (f.Main != nil) != (r.customer != "") || r.customer != "" && f.Customers[0] != r.customer:
		err = fmt.Errorf("entry %d is one of another log", i)
	case f.At.Before(r.last):
		err = fmt.Errorf("entry %d is of %s, the one before it of %s", i, f.At.Format(time.RFC3339Nano), r.last.Format(time.RFC3339Nano))
	case f.Main != nil && i > 0 && *f.Main <= r.main:
		err = fmt.Errorf("entry %d is event %d of the main log, the one before it event %d", i, *f.Main, r.main)
	}
	if err != nil {
		r.err = err
		return err
	}
	if r.last = f.At; i == 0 {
		r.first = f.At
	}
	if f.Main != nil {
		r.main = *f.Main
	}
	if r.see != nil {
		r.err = r.see(f)
	}
	return r.err
}

func (r *reader) span() string {
	if r.first.IsZero() {
		return ""
	}
	return "; they are from " + r.first.Format(time.RFC3339) + " to " + r.last.Format(time.RFC3339)
}

// anchored verifies that the main log holds the head of a customer's.
func (v *verifier) anchored(w proof.Whole, c proof.Checkpoint, customer string) error {
	switch {
	case v.main == "":
		return nil
	case c.N == 0:
		v.say(approvals.StepInclusion, "main log", "the log of %s is empty: the main log has no head of it", customer)
		return nil
	}
	o, err := open(v.main)
	if err != nil {
		return err
	}
	defer o.close()
	switch o.kind {
	case aLog:
		return v.anchoredIn(o, c)
	case aReceipt:
		return v.anchoredBy(w, o, c)
	}
	return fmt.Errorf("%s is a %s: --main takes the main log or a receipt", v.main, o.kind)
}

// isHead says whether a leaf holds the head of a log.
func isHead(f ledger.Leaf, origin string, t tlog.Tree) bool {
	return f.Kind == "log.head" && f.Detail["origin"] == origin && f.Detail["size"] == strconv.FormatInt(t.N, 10) && f.Detail["root"] == t.Hash.String()
}

// anchoredIn looks through the whole main log.
func (v *verifier) anchoredIn(o *object, c proof.Checkpoint) error {
	w := proof.Whole{Files: o.files}
	b, err := w.Checkpoint()
	if err != nil {
		return err
	}
	main, ok := v.checkpoint(b)
	if !ok {
		return nil
	}
	if main.Origin != v.pins.Log {
		v.fail(approvals.StepInclusion, "main log", "%s is the log %s, not the main one", v.main, main.Origin)
		return nil
	}
	at := int64(-1)
	told := ledger.NewShadows(main.Origin)
	r := reader{see: func(f ledger.Leaf) error {
		if isHead(f, c.Origin, c.Tree) {
			at = f.Seq
		}
		return told.Add(f)
	}}
	err = w.Verify(main, r.entry)
	if err == nil {
		err = told.End()
	}
	switch {
	case err != nil:
		v.fail(approvals.StepInclusion, "main log", "%v", err)
	case at < 0:
		v.fail(approvals.StepInclusion, "main log", "no entry of the main log, with its %d entries, holds this head of %s", main.N, c.Origin)
	default:
		v.say(approvals.StepInclusion, "main log", "entry %d of the main log holds this head of %s", at, c.Origin)
	}
	return nil
}

// anchoredBy takes the entry of the main log that a receipt has.
func (v *verifier) anchoredBy(w proof.Whole, o *object, c proof.Checkpoint) error {
	r, err := approvals.ParseReceipt(o.data)
	if err != nil {
		return fmt.Errorf("%s: %w", v.main, err)
	}
	if r.Head == nil {
		return fmt.Errorf("%s has no entry that holds a customer's log", v.main)
	}
	main, ok := v.checkpoint(r.Head.Proof.Checkpoint)
	if !ok {
		return nil
	}
	f, err := v.heldBy(w, r.Head, main, c)
	if err != nil {
		v.fail(approvals.StepInclusion, "main log", "%v", err)
		return nil
	}
	v.say(approvals.StepInclusion, "main log", "entry %d of the main log holds this head of %s", f.Seq, c.Origin)
	return nil
}

func (v *verifier) heldBy(w proof.Whole, e *ledger.Entry, main, c proof.Checkpoint) (ledger.Leaf, error) {
	f, err := ledger.ParseLeaf(e.Leaf)
	switch {
	case err != nil:
		return f, err
	case main.Origin != v.pins.Log:
		return f, fmt.Errorf("the receipt's head is in %s, not in the main log", main.Origin)
	}
	if err := e.Proof.Holds(e.Leaf, main); err != nil {
		return f, err
	}
	if isHead(f, c.Origin, c.Tree) {
		return f, nil
	}
	n, err := strconv.ParseInt(f.Detail["size"], 10, 64)
	if err != nil || f.Kind != "log.head" || f.Detail["origin"] != c.Origin || n >= c.N {
		return f, fmt.Errorf("entry %d of the main log does not hold this head of %s", f.Seq, c.Origin)
	}
	g, err := w.Growth(c, n)
	if err != nil {
		return f, err
	}
	then := proof.Checkpoint{Origin: c.Origin, Tree: tlog.Tree{N: n}}
	if then.Hash, err = tlog.ParseHash(f.Detail["root"]); err == nil {
		err = g.Holds(then, c)
	}
	if err != nil {
		return f, fmt.Errorf("entry %d of the main log: %w", f.Seq, err)
	}
	return f, fmt.Errorf("entry %d of the main log holds the first %d of these %d entries: give a newer receipt for the rest", f.Seq, n, c.N)
}
