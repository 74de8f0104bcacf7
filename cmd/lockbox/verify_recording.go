package main

import (
	"fmt"
	"os"
	"path/filepath"

	"lockbox/approvals"
	"lockbox/recorder"
)

// aRecording verifies a recording, a folder or a tar, and that it is the one that the log names.
func (v *verifier) aRecording(o *object) error {
	folder, done, err := unpacked(o.path)
	if err != nil {
		return err
	}
	defer done()
	m, err := recorder.Verify(filepath.Clean(folder), v.log)
	if err != nil {
		v.fail(approvals.StepNote, "recording", "%v", err)
		return nil
	}
	v.say(approvals.StepNote, "recording", "the recording of session %s is whole: %d segments, root %s%s", m.Session, len(m.Segments), m.Root, v.uncompared())
	if m.Erased {
		v.steps = append(v.steps, approvals.Step{Step: approvals.StepScope, Name: "recording key", Erased: true,
			Text: "the key of the recording is gone: nobody can read it any more; that it is whole still holds"})
	}
	return v.inTheLog(m.Session, m.Root)
}

// aClip verifies a piece of a recording, and that it is of the one that the log names.
func (v *verifier) aClip(o *object) error {
	f, err := os.Open(o.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	c, err := recorder.VerifyClip(f, v.log, "")
	if err != nil {
		v.fail(approvals.StepNote, "clip", "%v", err)
		return nil
	}
	switch {
	case c.Signed():
		v.say(approvals.StepNote, "signature", "the log's key signed the root %s of the recording of session %s", c.Root, c.Session)
	case v.receipt == "":
		v.fail(approvals.StepNote, "signature", "the clip holds no signature: --receipt FILE says which root the log names")
		return nil
	}
	v.say(approvals.StepInclusion, "segments", "its %d segments are among the %d of that recording, in their places and unchanged", len(c.Segments), c.Of)
	v.say(approvals.StepScope, "clip", "it shows all that they hold of %s, from %s to %s%s", c.Track, clock(c.From), clock(c.Until), v.uncompared())
	return v.inTheLog(c.Session, c.Root)
}

// inTheLog holds a root against the entry of the session's end, if a receipt with it was given.
func (v *verifier) inTheLog(session, root string) error {
	if v.receipt == "" {
		return nil
	}
	other, err := open(v.receipt)
	if err != nil {
		return err
	}
	defer other.close()
	if other.kind != aReceipt {
		return fmt.Errorf("%s is a %s, not a receipt", v.receipt, other.kind)
	}
	r, err := v.read(other)
	if err != nil {
		return err
	}
	const name = "recording in the log"
	for _, s := range r.Stays {
		switch {
		case s.Session.ID != session || s.Close == nil:
		case s.Session.Root != root: // the steps of the receipt hold the session's root against the log's entry
			v.fail(approvals.StepScope, name, "the entry of the log names the root %s, the recording has %s", s.Session.Root, root)
			return nil
		default:
			v.say(approvals.StepScope, name, "its root is the one that the log's entry of the end of session %s names", session)
			return nil
		}
	}
	v.fail(approvals.StepScope, name, "the receipt has no end of a session %s", session)
	return nil
}

// uncompared says what a recording alone does not show.
func (v *verifier) uncompared() string {
	if v.receipt != "" {
		return ""
	}
	return "; whether the log names that root, --receipt FILE shows"
}
