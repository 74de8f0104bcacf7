package main

import (
	"fmt"

	"lockbox/approvals"
	"lockbox/recorder/proof"
)

// aGrown verifies a proof of growth by itself.
func (v *verifier) aGrown(o *object) error {
	g, err := proof.ParseGrown(o.data)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	older, ok := v.checkpoint([]byte(g.Old))
	newer, too := v.checkpoint([]byte(g.New))
	if ok && too {
		v.grew(g.Growth, older, newer)
	}
	return nil
}

// grew is the step that says that nothing was rewritten.
func (v *verifier) grew(g proof.Growth, older, newer proof.Checkpoint) {
	if err := g.Holds(older, newer); err != nil {
		v.fail(approvals.StepInclusion, "growth", "%v; the log's key signed both: keep both files", err)
		return
	}
	v.say(approvals.StepInclusion, "growth", "nothing was rewritten: the first %d of the %d entries of %s are what they were", older.N, newer.N, newer.Origin)
}

// sinceOld verifies that what is in o grew from what --since names.
func (v *verifier) sinceOld(o *object) error {
	old, err := open(v.since)
	if err != nil {
		return err
	}
	defer old.close()
	notes, err := old.notes()
	if err != nil {
		return fmt.Errorf("%s: %w", v.since, err)
	}
	now, err := o.notes()
	if err != nil {
		return nil // the steps before have said so
	}
	held := 0
	for _, b := range notes {
		older, err := v.opened(b)
		if err != nil {
			v.fail(approvals.StepNote, "older checkpoint", "%s: %v", v.since, err)
			return nil
		}
		for _, n := range now {
			if newer, err := v.opened(n); err == nil && newer.Origin == older.Origin {
				held++
				v.from(o, older, newer)
			}
		}
	}
	if held == 0 {
		v.fail(approvals.StepInclusion, "growth", "%s and %s hold no checkpoints of one log", v.since, o.path)
	}
	return nil
}

// from verifies one step of growth, with what o has to prove it.
func (v *verifier) from(o *object, older, newer proof.Checkpoint) {
	g := proof.Growth{Old: older.N}
	switch {
	case newer.N <= older.N || older.N == 0: // no proof is needed, or helps
	case o.kind == aLog:
		var err error
		if g, err = (proof.Whole{Files: o.files}).Growth(newer, older.N); err != nil {
			v.fail(approvals.StepInclusion, "growth", "%v", err)
			return
		}
	case o.kind == aGrown:
		grown, err := proof.ParseGrown(o.data)
		if err != nil || grown.Growth.Old != older.N {
			v.fail(approvals.StepInclusion, "growth", "the proof begins at %d entries, %s has %d", grown.Growth.Old, v.since, older.N)
			return
		}
		g = grown.Growth
	default:
		v.fail(approvals.StepInclusion, "growth",
			"whether %s with %d entries grew from %d takes the whole log, or a proof of growth from its page", newer.Origin, newer.N, older.N)
		return
	}
	v.grew(g, older, newer)
}
