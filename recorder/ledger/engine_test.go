package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"lockbox/recorder/ledger"
)

var errDisk = errors.New("the disk is gone")

// failing fails a commit, before it or after it.
type failing struct {
	ledger.Engine
	before, after bool
}

func (e *failing) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	err := e.Engine.Update(ctx, func(w ledger.Writer) error {
		if err := fn(w); err != nil || !e.before {
			return err
		}
		return errDisk
	})
	if err == nil && e.after {
		return errDisk
	}
	return err
}

func TestAFailedCommitIsNotAcknowledged(t *testing.T) {
	for _, c := range []struct {
		name   string
		fail   failing
		events int64 // in the log when all is done
	}{
		{"it was not written", failing{before: true}, 2},
		{"it was written, and nobody knows", failing{after: true}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			b.put("a/1", "old")
			e := &failing{Engine: b.engine}
			l, err := ledger.Open(t.Context(), e, b.o)
			if err != nil {
				t.Fatal(err)
			}
			before := l.Checkpoint()
			e.before, e.after = c.fail.before, c.fail.after
			if err := l.Update(t.Context(), step(1)); !errors.Is(err, errDisk) {
				t.Errorf("got %v, want the engine's error", err)
			}
			if !bytes.Equal(before, l.Checkpoint()) || l.Last() != 0 {
				t.Error("there is a new checkpoint")
			}
			e.before, e.after = false, false
			if err := l.Update(t.Context(), step(2)); err != nil {
				t.Errorf("the next one: %v", err)
			}
			if got := l.Last() + 1; got != c.events {
				t.Errorf("got %d events, want %d", got, c.events)
			}
			if err := errors.Join(l.Check(t.Context()), b.reopen()); err != nil {
				t.Error(err)
			}
		})
	}
}

// crashing writes to a copy of the keys only, as if the machine stopped before
// the commit reached the disk.
type crashing struct{ ledger.Engine }

func (e crashing) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	return errors.Join(errDisk, e.Engine.View(ctx, func(r ledger.Reader) error { return fn(lost{r}) }))
}

type lost struct{ ledger.Reader }

func (lost) Put(_, _ []byte) error { return nil }
func (lost) Delete(_ []byte) error { return nil }

func TestWhatWasSignedAndNeverWrittenDoesNotCount(t *testing.T) {
	b := newBook(t)
	b.put("a/1", "old")
	l, err := ledger.Open(t.Context(), b.engine, b.o)
	if err != nil {
		t.Fatal(err)
	}
	mean := crash(t, b)
	if err := mean.Update(t.Context(), step(1)); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the engine's error", err)
	}
	if mean.Last() != 0 || l.Last() != 0 {
		t.Error("there is an event")
	}
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
}

func crash(t *testing.T, b *book) *ledger.Ledger {
	t.Helper()
	e := &switching{Engine: b.engine}
	l, err := ledger.Open(t.Context(), e, b.o)
	if err != nil {
		t.Fatal(err)
	}
	e.Engine = crashing{b.engine}
	return l
}

type switching struct{ ledger.Engine }

func TestTwoLedgersOnOneEngineFollowEachOther(t *testing.T) { // as two gateways on one PostgreSQL
	b := newBook(t)
	story(b)
	other, err := ledger.Open(t.Context(), b.engine, b.o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		l := []*ledger.Ledger{b.Ledger, other}[i%2]
		if err := l.Update(t.Context(), step(int64(i))); err != nil {
			t.Fatal(err)
		}
		if i == 4 {
			err := other.View(t.Context(), func(tx *ledger.Tx) error {
				var v any
				_, err := tx.Verified("row/4", &v)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	if err := other.Check(t.Context()); err != nil || other.Last() != 13 {
		t.Errorf("got %v and last event %d, want 13", err, other.Last())
	}
	if got := len(b.events()); got != 14 || b.Last() != 13 {
		t.Errorf("got %d events, want 14", got)
	}
}
