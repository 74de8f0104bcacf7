package approvals

import (
	"errors"
	"fmt"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// trust is what the verifier pinned, and what people whom it pinned have signed.
func (c *checker) trust() Trust {
	return Trust{
		Log: c.p.Log, Party: c.p.Party, Key: c.key, Pinned: c.seats.Pinned,
		Delegation: func(v policy.Vote) (*policy.Motion, error) { return c.motion(v.Delegation, v.At) },
		Stands:     func(v policy.Vote, _ *policy.Request) (*policy.Motion, error) { return c.motion(v.Standing, v.At) },
	}
}

// key finds a key in the receipt. Whose it is says the receipt alone: what
// counts is that it is pinned, or named in what somebody pinned has signed.
func (c *checker) key(f string) (statement.Key, string, error) {
	der, of := c.r.Keys[f], c.r.KeyOf[f]
	if e := c.r.Charter; len(der) == 0 && e != nil {
		der, of = e.Keys[f], e.KeyOf[f]
	}
	k, err := statement.ParseKey(der)
	if err == nil && k.Fingerprint() != f {
		err = errors.New("the key in the receipt has another fingerprint")
	}
	return k, of, err
}

// motion verifies a motion of the receipt as it was at an instant.
func (c *checker) motion(id string, at time.Time) (*policy.Motion, error) {
	if c.r.Charter != nil {
		for _, k := range c.r.Charter.Cases {
			if m, err := k.Motion(); err == nil && m.ID == id {
				return k.Verify(c.seats, at)
			}
		}
	}
	return nil, fmt.Errorf("motion %s is not in the receipt", id)
}

// motions verifies that the log has the signatures on the motions of the
// receipt and their passing, and believes then what passkeys they admit.
func (c *checker) motions() {
	c.seats = charter.Trust{
		Log: c.p.Log, Party: c.p.Party, Key: c.key,
		Pinned: func(s policy.Stage, f string, _ int64) (bool, error) { return c.p.pinned(s, f) },
	}
	if c.r.Charter == nil {
		return
	}
	leaves := c.r.Motions
	next := func(e expect, seq int64) bool {
		if len(leaves) == 0 {
			c.fail(StepLeaf, "log entry", "%s is not in the receipt", e.what)
			return false
		}
		f := c.logged("", leaves[0], nil, e)
		leaves = leaves[1:]
		if f.Kind != "" && f.Seq != seq {
			c.fail(StepLeaf, "log entry", "%s is entry %d of the log, not %d", e.what, f.Seq, seq)
		}
		return f.Kind != "" && f.Seq == seq
	}
	var believed []charter.Case
	for _, k := range c.r.Charter.Cases {
		if c.written(k, next) {
			believed = append(believed, k)
		}
	}
	var bonds []statement.Bond
	for _, b := range c.r.Charter.Bonds {
		says, err := b.Leaf()
		if err != nil {
			c.fail(StepLeaf, "log entry", "a counter-signature of the receipt cannot be read: %v", err)
			continue
		}
		if next(expect{what: "the counter-signature of passkey " + says["passkey"], kind: statement.Bonded, says: says}, b.Seq) {
			bonds = append(bonds, b)
		}
	}
	if len(leaves) > 0 {
		c.fail(StepLeaf, "log entry", "there are entries that belong to no motion of the receipt")
	}
	c.seats = c.seats.Chain(believed, bonds...)
}

// written verifies the leaves of one motion.
func (c *checker) written(k charter.Case, next func(e expect, seq int64) bool) bool {
	m, err := k.Motion()
	if err != nil {
		c.fail(StepLeaf, "log entry", "a motion of the receipt cannot be read: %v", err)
		return false
	}
	ok := true
	for _, v := range k.Votes {
		if !same(v, spare(v)) {
			c.fail(StepScope, "motion", "the signature of %s on motion %s says more than anything proves", v.By.Name, m.ID)
			return false
		}
		e := expect{what: "the no of " + v.By.Name + " to motion " + m.ID, kind: "motion.oppose", about: []string{m.ID}, at: &v.At}
		if v.Verdict == policy.Yes {
			e.what, e.kind = "the signature of "+v.By.Name+" on motion "+m.ID, "motion.sign"
			e.says = map[string]string{"statement-sha256": digest(v.Statement), "assertion-sha256": digest(v.Assertion), "passkey": v.Key}
		}
		ok = next(e, v.Seq) && ok
	}
	if k.Passed > 0 {
		ok = next(expect{
			what: "the passing of motion " + m.ID, kind: "motion.passed", about: []string{m.ID}, says: map[string]string{"motion-sha256": digest(k.Body)},
		}, k.Passed) && ok
	}
	return ok
}

// why says why a passkey counts that does: it is pinned, admitted, or
// counter-signed by one that counts.
func (c *checker) why(name string, v policy.Vote) string {
	s := c.q.Stages[v.Stage] // it counts, so there is one
	if ok, err := c.p.pinned(s, v.Key); ok && err == nil {
		return "the passkey of " + name + " is one that you pinned for this"
	}
	if e := c.r.Charter; e != nil {
		for _, b := range e.Bonds {
			is, err := b.Is()
			if ok, perr := c.seats.Pinned(s, b.By, v.Seq); err == nil && is.Key == v.Key && ok && perr == nil {
				return "the passkey of " + name + " is counter-signed by another of theirs, " + b.By + ", which counts for this"
			}
		}
		for _, k := range e.Cases {
			if m, err := k.Motion(); err == nil && m.Kind == policy.ToAdmit && m.Key == v.Key {
				return "the passkey of " + name + " was admitted by motion " + m.ID + ", which those whom you pinned have signed"
			}
		}
	}
	return "the passkey of " + name + " counts for this"
}

// spare is a vote on a motion without what nothing holds.
func spare(v policy.Vote) policy.Vote {
	v.By, v.Terms, v.Comment = bare(v.By), policy.Terms{}, ""
	return v
}

// byGroup says whether a stage asks members of a group, whom nobody outside knows.
func byGroup(q *policy.Request, stage int) bool {
	if stage < 0 || stage >= len(q.Stages) {
		return false
	}
	s := q.Stages[stage]
	return s.Kind == policy.ByPeer || s.Kind == policy.ByOwner || s.Kind == policy.ByGlass
}

// evidence collects what the votes rest on besides their own signatures.
func (d *Desk) evidence(tx *ledger.Tx, q *policy.Request, votes []policy.Vote) (*charter.Evidence, []int64, error) {
	if d.Charter == nil {
		return nil, nil, nil
	}
	var codes []string
	var signed []charter.Signature
	if q.Emergency {
		var i incident
		if _, err := tx.Verified(incidentKey(q.ID), &i); err != nil {
			return nil, nil, err
		}
		if i.By != "" {
			codes = append(codes, i.By)
		}
	}
	for _, v := range votes {
		switch {
		case v.Verdict != policy.Yes || v.Stage < 0 || v.Stage >= len(q.Stages):
		case v.Standing != "":
			codes = append(codes, v.Standing)
		case v.Delegation != "":
			codes = append(codes, v.Delegation)
		case !byGroup(q, v.Stage):
			signed = append(signed, charter.Signature{Stage: q.Stages[v.Stage], Key: v.Key, Seq: v.Seq})
		}
	}
	e, err := d.Charter.Evidence(tx, codes, signed)
	if err != nil || len(e.Cases)+len(e.Bonds) == 0 {
		return nil, nil, err
	}
	var seqs []int64
	for i, k := range e.Cases {
		e.Cases[i].Votes = nil
		for _, v := range k.Votes {
			e.Cases[i].Votes = append(e.Cases[i].Votes, spare(v))
		}
		for _, v := range k.Votes {
			seqs = append(seqs, v.Seq)
		}
		if k.Passed > 0 {
			seqs = append(seqs, k.Passed)
		}
	}
	for _, b := range e.Bonds {
		seqs = append(seqs, b.Seq)
	}
	return &e, seqs, nil
}
