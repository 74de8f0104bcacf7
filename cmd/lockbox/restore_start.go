package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"lockbox/policy/lang"
	"lockbox/recorder/backup"
	"lockbox/recorder/ledger"
)

// held are the checkpoints that are known on this machine: the head that was
// kept beside the ledger, and the folder of those that others gave back.
func (c Config) held(r backup.Reader) (all []backup.Held, err error) {
	path := backup.HeadPath(c.Store.Bbolt)
	if _, err := os.Stat(path); err == nil {
		head, err := r.File("this machine ("+path+")", path)
		if err != nil {
			return nil, err
		}
		all = append(all, head)
	}
	more, err := r.Folder(c.Held)
	return append(all, more...), err
}

func (s *Server) reader() backup.Reader {
	return backup.Reader{Origin: s.Config.Log, Verifier: s.Keys.LogVerifier}
}

// unrewound lets no ledger go on that is older than what somebody holds, and
// ends everything that was open in one that was restored. It runs before
// anything is written and before any door opens.
func (s *Server) unrewound(ctx context.Context) error {
	held, err := s.Config.held(s.reader())
	if err != nil {
		return err
	}
	if s.Witnessed != nil {
		more, err := s.Witnessed(ctx)
		if err != nil { // who cannot be asked now refuses to cosign later
			s.log.Warn("ask the witnesses what they hold", "err", err)
		}
		held = append(held, more...)
	}
	start := backup.Start{
		Ledger: s.Ledger, Reader: s.reader(), Store: s.Config.Store.Bbolt, Customers: s.Config.customers(), End: s.endAll,
	}
	err = start.Settle(ctx, held)
	if bad := new(backup.Rewound); errors.As(err, &bad) {
		return &exit{exitRefused, err}
	}
	return err
}

// endAll ends everything that was open, in one transaction.
func (s *Server) endAll(tx *ledger.Tx, why string) error {
	for _, end := range []func() error{
		func() error { return s.Book.Suspend(tx, why) },
		func() error { return s.Desk.EndAll(tx, why) },
		func() error { return s.Charter.EndAll(tx, why) },
		func() error { return s.Tokens.EndAll(tx) },
		func() error { return s.People.EndAll(tx, why) },
	} {
		if err := end(); err != nil {
			return fmt.Errorf("end what was open: %w", err)
		}
	}
	return nil
}

// customers are those whom the policy files name: each hears of a restored ledger.
func (c Config) customers() (ids []string) {
	source, err := lang.Load(c.Policy.Dir)
	if err != nil {
		return nil // the files are read again, and complained about, in a moment
	}
	for id := range source.Policy.Customers {
		ids = append(ids, id)
	}
	return ids
}
