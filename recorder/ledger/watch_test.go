package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/recorder/ledger"
)

func TestWatchersMissNothingWhile64Write(t *testing.T) {
	const writers, each, watchers = 64, 5, 4
	b := newBook(t)
	ctx := background(t, time.Minute)
	b.put("count/n", 0)
	var wg sync.WaitGroup
	seen := make([][]int64, watchers)
	for i := range watchers {
		wg.Go(func() {
			for e, err := range b.Watch(ctx, -1) {
				if err != nil {
					t.Errorf("watcher %d: %v", i, err)
					return
				}
				seen[i] = append(seen[i], e.Seq)
				if e.Seq == 2*writers*each {
					return
				}
			}
		})
	}
	writeAll(t, ctx, b, writers, each, &wg)
	wg.Wait()
	var want []int64
	for n := range int64(2*writers*each + 1) {
		want = append(want, n)
	}
	for i, got := range seen {
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("watcher %d (-want +got):\n%s", i, d)
		}
	}
	if err := b.View(ctx, func(tx *ledger.Tx) error {
		var n int
		_, err := tx.Get("count/n", &n)
		if n != writers*each {
			t.Errorf("got count %d, want %d", n, writers*each)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
}

// writeAll lets writers count one row up, each times, with two events each.
func writeAll(t *testing.T, ctx context.Context, b *book, writers, each int, wg *sync.WaitGroup) {
	t.Helper()
	for i := range writers {
		wg.Go(func() {
			for range each {
				err := b.Update(ctx, func(tx *ledger.Tx) error {
					var n int
					_, err := tx.Verified("count/n", &n)
					_, err1 := tx.Append(did(fmt.Sprint("first.", i)))
					_, err2 := tx.Append(did(fmt.Sprint("second.", i)))
					return errors.Join(err, err1, err2, tx.Put("count/n", n+1))
				})
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			}
		})
	}
}

// counting counts the Views that are open.
type counting struct {
	ledger.Engine
	open atomic.Int64
}

func (c *counting) View(ctx context.Context, fn func(ledger.Reader) error) error {
	c.open.Add(1)
	defer c.open.Add(-1)
	return c.Engine.View(ctx, fn)
}

func TestWatchHoldsNothingWhileItYields(t *testing.T) {
	b := newBook(t)
	e := &counting{Engine: b.engine}
	l, err := ledger.Open(t.Context(), e, b.o)
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		if err := l.Update(t.Context(), step(1)); err != nil {
			t.Fatal(err)
		}
	}
	write()
	n := 0
	for ev, err := range l.Watch(background(t, time.Minute), -1) {
		if err != nil || ev.Seq != int64(n) {
			t.Fatalf("got event %d, %v, want %d", ev.Seq, err, n)
		}
		if got := e.open.Load(); got != 0 {
			t.Errorf("%d Views are open", got)
		}
		if n++; n == 300 {
			break
		}
		write() // from inside
	}
}

func TestWatchEnds(t *testing.T) {
	b := newBook(t)
	b.put("a/1", 1)
	collect := func(ctx context.Context, after int64, then func()) (n int, last error) {
		for _, err := range b.Watch(ctx, after) {
			if last = err; err == nil {
				n++
				then()
			}
		}
		return n, last
	}
	ctx, stop := context.WithCancel(t.Context())
	if n, err := collect(ctx, -1, stop); n != 1 || err != context.Canceled {
		t.Errorf("cancelled inside: got %d events, %v", n, err)
	}
	if n, err := collect(ctx, -1, stop); n != 0 || err != context.Canceled {
		t.Errorf("cancelled before: got %d events, %v", n, err)
	}
	ctx, stop = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if n, err := collect(ctx, 0, nil); n != 0 || err != context.DeadlineExceeded {
		t.Errorf("nothing comes: got %d events, %v", n, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if n, err := collect(t.Context(), -5, func() {
			wg.Go(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
		}); n != 1 || err != ledger.ErrClosed {
			t.Errorf("closed: got %d events, %v", n, err)
		}
	})
	wg.Wait()
}

func TestWatchEndsAtWhatWasChanged(t *testing.T) {
	b := newBook(t)
	story(b)
	b.edit(func(w ledger.Writer) error { return w.Put(ledger.LogAt(2), []byte("{}")) })
	n, last := 0, error(nil)
	for _, err := range b.Watch(t.Context(), -1) {
		if last = err; err == nil {
			n++
		}
	}
	if !errors.Is(last, ledger.ErrTampered) || n != 0 {
		t.Errorf("got %d events and %v, want ErrTampered", n, last)
	}
}

func TestPagesAreBounded(t *testing.T) {
	b := newBook(t)
	large := strings.Repeat("x", 200_000)
	b.must(func(tx *ledger.Tx) error {
		for i := range 1100 {
			e := did("x")
			if i > 1050 {
				e.Private = map[string]string{"text": large}
			}
			if _, err := tx.Append(e); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		after int64
		limit int
		want  int
	}{
		{-1, 2000, 1000}, {-9, 3, 3}, {-1, 0, 0}, {-1, -1, 0}, {1098, 9, 1}, {1099, 9, 0}, {1 << 60, 9, 0}, {1<<63 - 1, 9, 0}, {1050, 49, 21},
	} {
		page, err := b.After(t.Context(), c.after, c.limit)
		if err != nil || len(page) != c.want {
			t.Errorf("After(%d, %d): got %d events, %v, want %d", c.after, c.limit, len(page), err, c.want)
		}
		for i, e := range page {
			if want := max(c.after, -1) + 1 + int64(i); e.Seq != want {
				t.Fatalf("After(%d, %d): got event %d, want %d", c.after, c.limit, e.Seq, want)
			}
		}
	}
	n := int64(0)
	for e, err := range b.Watch(background(t, time.Minute), -1) {
		if err != nil || e.Seq != n {
			t.Fatalf("got event %d, %v, want %d", e.Seq, err, n)
		}
		if n++; n == 1100 {
			break
		}
	}
}
