package main

import (
	"context"
	"errors"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// tend keeps, until ctx ends, what people prove things with later: a heartbeat
// each hour, the statement of a month and the digest of a week once they are over, and the erasures that were
// signed.
func (s *Server) tend(ctx context.Context, report func(error)) {
	var beaten time.Time
	round := func() error {
		var err error
		if now := time.Now(); now.Sub(beaten) >= beatEvery {
			if err = s.Ledger.Beat(ctx); err == nil {
				beaten = now
			}
		}
		return errors.Join(err, s.Desk.Months(ctx), s.Gateway.Digests(ctx, s.Config.Notify.zone()), s.Desk.Erasures(ctx))
	}
	if err := round(); err != nil && ctx.Err() == nil {
		report(err)
	}
	every(ctx, time.Minute, round, report)
}

// beatEvery is how often the log says that it is there, whether or not anything happened.
const beatEvery = time.Hour

// recheck is how often the whole log is held against the state.
const recheck = 15 * time.Minute

// guard holds the whole log against the state, at once and then again and again
// until ctx ends. Nobody stays in over one that somebody else has changed: it
// ends the gateway.
func (s *Server) guard(ctx context.Context, stop context.CancelCauseFunc, report func(error)) {
	check := func() error {
		err := s.Ledger.Check(ctx)
		if errors.Is(err, ledger.ErrTampered) {
			stop(err)
		}
		return err
	}
	if err := check(); err != nil && ctx.Err() == nil {
		report(err)
	}
	every(ctx, recheck, check, report)
}

// effect is what a motion does once it has passed, in the same transaction.
func (s *Server) effect(tx *ledger.Tx, m *policy.Motion) error {
	err := errors.Join(s.People.Effect(tx, m), s.Book.Effect(tx, m))
	if err == nil && m.Kind == policy.ToErase && m.Ended.IsZero() {
		err = s.Desk.OrderErasure(tx, m)
	}
	if err == nil && m.Kind == policy.ToRatify {
		err = s.Desk.Settle(tx, m)
	}
	return err
}
