package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"lockbox/gateway/portal"
	"lockbox/recorder/archive"
	"lockbox/recorder/ledger"
)

const (
	tryEvery  = time.Hour // a recording chosen by chance is verified and played so often
	trimEvery = time.Hour
)

// keeper makes what looks after the recordings: in object storage too, where one is named.
func (s *Server) keeper(ctx context.Context) error {
	k := &archive.Keeper{Shelf: s.Shelf, Vault: s.vault(), Now: time.Now, Report: s.failed}
	if url := s.Config.Recordings.Store; url != "" {
		store, err := archive.OpenStore(ctx, url)
		switch {
		case errors.Is(err, archive.ErrUnreachable): // it is tried again; no session is opened once it has lasted too long
			s.failed(fmt.Errorf("recordings.store: %w", err))
		case err != nil:
			return unavailable("recordings.store: %w", err)
		}
		k.Store = store
	}
	s.keeps = k
	s.Gateway.Archive = k
	s.Shelf.Closed, s.Shelf.Waits = k.Closed, k.Wait
	s.seen.recordings(s.Shelf.Health, s.tried.read)
	return nil
}

// closeStore gives the object storage back.
func (s *Server) closeStore() error {
	if s.keeps == nil || s.keeps.Store == nil {
		return nil
	}
	return s.keeps.Store.Close()
}

// vault is who opens recordings here; none where the vault's key is kept elsewhere.
func (s *Server) vault() []age.Identity {
	if s.Keys.Vault == nil {
		return nil
	}
	return []age.Identity{s.Keys.Vault}
}

// keep runs what the recordings need until ctx ends.
func (s *Server) keep(ctx context.Context, report func(error)) {
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.keeps.Run(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	})
	wg.Go(func() { every(ctx, time.Minute, func() error { return s.Gateway.Retain(ctx) }, report) })
	wg.Go(func() {
		s.try(ctx, report)
		every(ctx, tryEvery, func() error { s.try(ctx, report); return nil }, report)
	})
	if local := s.Config.Recordings.local; local > 0 && s.keeps.Store != nil {
		wg.Go(func() {
			every(ctx, trimEvery, func() error { return s.keeps.Trim(ctx, time.Now().Add(-local)) }, report)
		})
	}
	wg.Wait()
}

// trials counts what came of trying recordings since the start.
type trials struct {
	mu  sync.Mutex // guards sum
	sum portal.Tried
}

func (t *trials) read() portal.Tried {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum
}

func (t *trials) count(one archive.Trial, now time.Time) portal.Tried {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case one.Err != nil:
		t.sum.Failed++
		t.sum.Why = one.Err.Error()
	case one.Verified:
		t.sum.Verified++
	}
	if one.Played {
		t.sum.Played++
	}
	t.sum.Last = now
	return t.sum
}

// try verifies and plays one recording chosen by chance, and publishes what came of it.
func (s *Server) try(ctx context.Context, report func(error)) {
	one := s.keeps.Try(ctx, func(session string) (string, error) { return s.Gateway.Root(ctx, session) })
	if ctx.Err() != nil || one.Session == "" && one.Err == nil {
		return // there is none yet
	}
	sum := s.tried.count(one, time.Now())
	if one.Err != nil {
		report(fmt.Errorf("try recording %s: %w", one.Session, one.Err))
	}
	detail := map[string]string{"verified": fmt.Sprint(sum.Verified), "played": fmt.Sprint(sum.Played), "failed": fmt.Sprint(sum.Failed)}
	subjects := []string{one.Session}
	if one.Session == "" {
		subjects = nil
	}
	err := s.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "recordings.tried", Actor: "lockbox", Subjects: subjects, Detail: detail})
		return err
	})
	if err != nil && ctx.Err() == nil {
		report(err)
	}
}

// span reads "7d" or what time.ParseDuration takes.
func span(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days+" ", "%d ", &n); err != nil || n <= 0 || n > 36500 || fmt.Sprint(n) != days {
			return 0, fmt.Errorf("%q is no length of time; write 7d or 12h", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no length of time; write 7d or 12h", text)
	}
	return d, nil
}

// checkRecordings reads how recordings are kept.
func (c *Config) checkRecordings() (err error) {
	r := &c.Recordings
	if r.Local != "" {
		if r.local, err = span(r.Local); err != nil {
			return fmt.Errorf("recordings.local: %w", err)
		}
		if r.Store == "" {
			return errors.New("recordings.local: without recordings.store the copies here are the only ones; take it out")
		}
	}
	if r.Patience != "" {
		if r.patience, err = span(r.Patience); err != nil || r.patience > 5*time.Second {
			return fmt.Errorf("recordings.patience: %q is not between 1ms and 5s", r.Patience)
		}
	}
	return nil
}
