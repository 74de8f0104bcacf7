package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"lockbox/approvals"
	"lockbox/policy/statement"
	"lockbox/recorder"
)

func (v *verifier) aReceipt(o *object) error {
	_, err := v.read(o)
	return err
}

func (v *verifier) aStatement(o *object) error {
	m, err := approvals.ParseMonth(o.data)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	steps, err := m.Verify(v.pins)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	v.steps = append(v.steps, steps...)
	return nil
}

// read verifies a receipt.
func (v *verifier) read(o *object) (approvals.Receipt, error) {
	r, err := approvals.ParseReceipt(o.data)
	if err != nil {
		return r, fmt.Errorf("%s: %w", o.path, err)
	}
	steps, err := r.Verify(v.pins)
	if err != nil {
		return r, fmt.Errorf("%s: %w", o.path, err)
	}
	v.steps = append(v.steps, steps...)
	return r, nil
}

// aRecording verifies a recording, and that it is the one that the log names.
func (v *verifier) aRecording(o *object) error {
	m, err := recorder.Verify(filepath.Clean(o.path), v.log)
	if err != nil {
		v.fail(approvals.StepNote, "recording", "%v", err)
		return nil
	}
	v.say(approvals.StepNote, "recording", "the recording of session %s is whole: %d segments, root %s%s", m.Session, len(m.Segments), m.Root, v.uncompared())
	if m.Erased {
		v.steps = append(v.steps, approvals.Step{Step: approvals.StepScope, Name: "recording key", Erased: true,
			Text: "the key of the recording is gone: nobody can read it any more; that it is whole still holds"})
	}
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
	for _, s := range r.Stays {
		if s.Session.ID == m.Session && s.Close != nil {
			v.recorded(m, s)
			return nil
		}
	}
	v.fail(approvals.StepScope, "recording in the log", "the receipt has no end of a session %s", m.Session)
	return nil
}

// uncompared says what a recording alone does not show.
func (v *verifier) uncompared() string {
	if v.receipt != "" {
		return ""
	}
	return "; whether the log names that root, --receipt FILE shows"
}

func (v *verifier) recorded(m recorder.Manifest, s approvals.Stay) {
	if s.Session.Root != m.Root { // the steps of the receipt hold the session's root against the log's entry
		v.fail(approvals.StepScope, "recording in the log", "the entry of the log names the root %s, the recording has %s", s.Session.Root, m.Root)
		return
	}
	v.say(approvals.StepScope, "recording in the log", "its root is the one that the log's entry of the end of session %s names", m.Session)
}

// extractVotes writes what each vote of a receipt is made of, so that other
// programs can check it: nothing of it is believed.
func extractVotes(o *object, dir string) error {
	if o.kind != aReceipt {
		return fmt.Errorf("there are no votes in a %s", o.kind)
	}
	r, err := approvals.ParseReceipt(o.data)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	n := 0
	for _, vote := range r.Case.Votes {
		if vote.Statement == nil || vote.Assertion == nil {
			continue // no, or not to be seen
		}
		a, err := statement.ParseAssertion(vote.Assertion)
		if err != nil {
			return err
		}
		n++
		err = writeFiles(filepath.Join(dir, strconv.Itoa(n)), map[string][]byte{
			"statement": vote.Statement, "clientData": a.ClientDataJSON, "authenticatorData": a.AuthenticatorData, "signature": a.Signature,
			"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: r.Keys[vote.Key]}),
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return errors.New("no vote of the receipt has a signature that can be shown")
	}
	return nil
}

func writeFiles(dir string, files map[string][]byte) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
