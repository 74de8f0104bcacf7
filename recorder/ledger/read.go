package ledger

import (
	"context"
	"iter"
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
	f, _, err := t.leaf(seq)
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
