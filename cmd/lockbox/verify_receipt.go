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
