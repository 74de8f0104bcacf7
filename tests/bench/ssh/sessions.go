package main

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const clients = 8 // at a time

// sessions measures new connections, each with one short command: how many a
// second, what they cost, and whether every status arrives.
func (b *bench) sessions() error {
	all, err := b.ways()
	if err != nil {
		return err
	}
	defer func() { _ = stop(all) }() // their folders go with the bench
	n := cmp.Or(b.n, 160)
	rounds := b.rounds
	if n > 1000 { // it is about what gets lost
		rounds = 1
	}
	if err := b.profiled(all[1]); err != nil {
		return err
	}
	for round := range rounds {
		err := turns(all, round, func(w *way) error {
			if n > 1000 && w.name != gate {
				return nil
			}
			before, err := w.cpu()
			if err != nil {
				return err
			}
			began := time.Now()
			failed, err := short(w, n)
			if failed > 0 && w.process != nil && w.name != "naive" { // a naive relay loses some
				return fmt.Errorf("%d of %d sessions failed: %w", failed, n, err)
			}
			b.Add("sessions, 8 clients", w.name, "1/s", float64(n)/time.Since(began).Seconds())
			b.Add("sessions that failed", w.name, "", float64(failed))
			after, err := w.cpu()
			if err != nil || w.process == nil {
				return err
			}
			b.Add("gateway CPU per session", w.name, "ms", ms(after-before)/float64(n))
			return w.sweep()
		})
		if err != nil {
			return err
		}
	}
	return b.unprofiled(all[1])
}

// short runs n sessions whose output and status are known.
func short(w *way, n int) (failed int, err error) {
	var next, bad atomic.Int64
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := known(w, int(i)); err != nil {
					bad.Add(1)
					errs[c] = err
				}
			}
		})
	}
	wg.Wait()
	return int(bad.Load()), errors.Join(errs...)
}

func known(w *way, i int) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it may be closed already
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	status := i % 200
	out, err := s.Output(fmt.Sprintf("echo out %d; exit %d", i, status))
	var exit interface{ ExitStatus() int }
	switch {
	case string(out) != fmt.Sprintf("out %d\n", i):
		return fmt.Errorf("session %d wrote %q: %w", i, out, err)
	case err == nil && status == 0:
		return nil
	case errors.As(err, &exit) && exit.ExitStatus() == status:
		return nil
	}
	return fmt.Errorf("session %d, which was to exit with %d: %w", i, status, err)
}
