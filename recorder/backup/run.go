package backup

import (
	"context"
	"errors"
	"os"
	"time"
)

const (
	look  = time.Minute // how often it is asked whether a backup is due
	again = time.Hour   // after one failed
)

// Have lists the backups in a folder.
func Have(dir string) (all []Name, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if n, ok := ParseName(e.Name()); ok && e.Type().IsRegular() {
			all = append(all, n)
		}
	}
	return all, err
}

// Catch makes what is due now, and deletes what the schedule does not keep.
func (m *Maker) Catch(ctx context.Context, s Schedule) error {
	have, err := Have(m.Dir)
	if err != nil {
		return err
	}
	for _, kind := range s.Plan(have, m.now()).Due {
		if _, err := m.scheduled(ctx, s, kind); err != nil {
			return err
		}
	}
	return nil
}

// scheduled makes one, and lets go what it makes superfluous: of its own kind,
// and as it is when its turn has come.
func (m *Maker) scheduled(ctx context.Context, s Schedule, kind Kind) (Made, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	have, err := Have(m.Dir)
	if err != nil {
		return Made{}, err
	}
	now := m.now()
	next := Name{now.UTC().Truncate(time.Second), kind}
	return m.keep(ctx, kind, s.Plan(append(of(have, kind), next), now).Drop...)
}

// Now makes one more of this night, outside of the schedule, in the place of an
// earlier one.
func (m *Maker) Now(ctx context.Context, s Schedule) (Made, error) {
	return m.scheduled(ctx, s, Nightly)
}

// Run makes backups by the schedule until ctx ends. One that was missed, because
// nothing ran, is made at once; one that failed is tried again an hour later.
func (m *Maker) Run(ctx context.Context, s Schedule, report func(error)) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		next := look
		if err := m.Catch(ctx, s); err != nil && ctx.Err() == nil {
			report(err)
			next = again
		}
		wait.Reset(next)
	}
}
