package ledger

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxPage      = 1000    // events
	maxPageBytes = 4 << 20 // of leaves and personal fields
	watchPage    = 256
)

// After gives the events that follow seq, proven, in order, at most limit and
// at most 1,000. Before the first event is -1. None means that there is none
// yet: a page is short only for its size.
func (l *Ledger) After(ctx context.Context, seq int64, limit int) ([]Event, error) {
	var page []Event
	err := l.read(ctx, func(t *tree) error {
		size := 0
		for n := max(seq, -1); n < t.N-1 && len(page) < min(limit, maxPage) && size < maxPageBytes; n++ {
			e, bytes, err := t.event(n + 1)
			if err != nil {
				return err
			}
			size += bytes
			page = append(page, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

func (t *tree) event(seq int64) (e Event, size int, err error) {
	f, err := t.leaf(seq)
	if err != nil {
		return Event{}, 0, err
	}
	b, err := t.Get(at(inBeside, seq))
	if err != nil {
		return Event{}, 0, err
	}
	e, err = f.join(b)
	return e, maxLeaf/64 + len(b), err
}

// Watch gives every event after the given one, once, in order, as they come;
// from the first on after -1. It ends with ctx.Err(), or ErrClosed, or what
// kept it from reading. Whoever takes the events may take as long as they like:
// nothing is held meanwhile.
func (l *Ledger) Watch(ctx context.Context, after int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			woken := l.woken() // before reading, so that no event is missed
			page, err := l.After(ctx, after, watchPage)
			for _, e := range page {
				if ctx.Err() != nil {
					break
				}
				if !yield(e, nil) {
					return
				}
				after = e.Seq
			}
			if len(page) == 0 && err == nil {
				err = l.wait(ctx, woken)
			}
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

func (l *Ledger) wait(ctx context.Context, woken <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return ErrClosed
	case <-woken:
		return nil
	}
}

// An Inclusion proves, to whoever trusts the log's key, that a leaf is in the
// log.
type Inclusion struct {
	Index      int64    `json:"index"`
	Size       int64    `json:"size"`
	Leaf       []byte   `json:"leaf"`
	Hashes     [][]byte `json:"hashes"` // RFC 6962 audit path, from the leaf up
	Checkpoint []byte   `json:"checkpoint"`
}

// Proof proves event seq under the latest checkpoint.
func (l *Ledger) Proof(ctx context.Context, seq int64) (Inclusion, error) {
	var in Inclusion
	err := l.read(ctx, func(t *tree) error {
		leaf, path, err := t.prove(seq)
		if err != nil {
			return err
		}
		in = Inclusion{Index: seq, Size: t.N, Leaf: bytes.Clone(leaf), Checkpoint: bytes.Clone(t.note)}
		for _, n := range path {
			in.Hashes = append(in.Hashes, n[:])
		}
		return nil
	})
	return in, err
}

// Verify checks the proof with the log's key and name alone.
func (in Inclusion) Verify(v note.Verifier, origin string) error {
	t, err := openCheckpoint(in.Checkpoint, v, origin)
	if err != nil {
		return err
	}
	if t.N != in.Size {
		return fmt.Errorf("the checkpoint is of %d events, the proof of %d", t.N, in.Size)
	}
	path := make(tlog.RecordProof, len(in.Hashes))
	for i, b := range in.Hashes {
		if len(b) != tlog.HashSize {
			return fmt.Errorf("hash %d of the proof has %d bytes, not %d", i, len(b), tlog.HashSize)
		}
		path[i] = tlog.Hash(b)
	}
	if err := tlog.CheckRecord(path, t.N, t.Hash, in.Index, tlog.RecordHash(in.Leaf)); err != nil {
		return fmt.Errorf("event %d is not in the log of the checkpoint: %w", in.Index, err)
	}
	f, err := ParseLeaf(in.Leaf)
	switch {
	case err != nil:
		return err
	case f.Seq != in.Index:
		return fmt.Errorf("the leaf at %d calls itself event %d", in.Index, f.Seq)
	}
	return nil
}
