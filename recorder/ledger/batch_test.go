package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/recorder/ledger"
)

// A gate is an engine whose commits begin when they are let in, and fail when
// they are told to.
type gate struct {
	ledger.Engine
	in      chan struct{}
	fail    bool
	commits int
}

func (g *gate) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	if g.in != nil {
		<-g.in
	}
	err := g.Engine.Update(ctx, func(w ledger.Writer) error {
		if err := fn(w); err != nil || !g.fail {
			return err
		}
		return errDisk
	})
	if err == nil {
		g.commits++
	}
	return err
}

// together runs the functions in one commit, in this order, and gives what each
// Update returned. It is called in a bubble of synctest, as all that uses a gate.
func together(t *testing.T, l *ledger.Ledger, g *gate, do ...func(tx *ledger.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(do))
	g.in = make(chan struct{})
	var wg sync.WaitGroup
	for i, fn := range do {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			errs[i] = errors.New("its goroutine ended")
			errs[i] = l.Update(t.Context(), fn)
		})
		synctest.Wait() // until it stands in the queue
	}
	close(g.in)
	wg.Wait()
	g.in = nil
	return errs
}

// gated is a ledger behind a gate.
func gated(t *testing.T) (*book, *ledger.Ledger, *gate) {
	t.Helper()
	b := newBook(t)
	g := &gate{Engine: b.engine}
	l, err := ledger.Open(t.Context(), g, b.o)
	if err != nil {
		t.Fatal(err)
	}
	g.commits = 0
	return b, l, g
}

type do = func(tx *ledger.Tx) error

func putting(key string, v any) do {
	return func(tx *ledger.Tx) error {
		_, err := tx.Append(did("put." + key))
		return errors.Join(err, tx.Put(key, v))
	}
}

func TestOneThatFailsTakesNothingWithItAndLeavesNoTrace(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  do
		want string
	}{
		{"its own error", func(tx *ledger.Tx) error {
			return errors.Join(putting("bad/1", 1)(tx), errOwn)
		}, "fn's own error"},
		{"a panic", func(tx *ledger.Tx) error { _ = putting("bad/1", 1)(tx); panic("boom") }, "panic: boom"},
		{"the end of its goroutine", func(tx *ledger.Tx) error {
			_ = putting("bad/1", 1)(tx)
			runtime.Goexit()
			return nil
		}, "its goroutine ended"},
		{"state without an event", func(tx *ledger.Tx) error { return tx.Put("bad/1", 1) }, "no state without an event"},
		{"too much for one leaf", func(tx *ledger.Tx) error {
			for i := range 700 {
				if err := tx.Put(fmt.Sprintf("bad/%d", i), i); err != nil {
					return err
				}
			}
			return putting("bad/1", 1)(tx)
		}, "fewer rows in one transaction"},
		{"much in the first event of two, and rows", func(tx *ledger.Tx) error {
			e := did("x")
			e.Detail = map[string]string{"x": strings.Repeat("x", 1<<16)}
			_, err := tx.Append(e)
			return errors.Join(err, putting("bad/1", 1)(tx))
		}, "use less detail"},
		{"an erasure of what is not there", func(tx *ledger.Tx) error {
			return errors.Join(putting("bad/1", 1)(tx), tx.Erase(1<<40))
		}, "there is no event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l, g := gated(t)
				errs := together(t, l, g, putting("a/1", "before"), c.bad, func(tx *ledger.Tx) error {
					var v string
					ok, err := tx.Verified("a/1", &v)
					if !ok || v != "before" || err != nil {
						t.Errorf("a/1 in the same commit: got %q, %v, %v", v, ok, err)
					}
					if ok, err := tx.Get("bad/1", new(any)); ok || err != nil {
						t.Errorf("the one that failed left a row: %v", err)
					}
					return putting("a/1", "after")(tx)
				})
				if errs[0] != nil || errs[2] != nil || !says(errs[1], c.want) {
					t.Errorf("got %v, want only the second to say %q", errs, c.want)
				}
				es := b.events()
				if err := l.Check(t.Context()); err != nil || len(es) != 2 || g.commits != 1 || es[1].Seq != 1 {
					t.Errorf("got %v, %d events in %d commits, want two in one", err, len(es), g.commits)
				}
				if got := b.get("a/1"); got != "after" {
					t.Errorf("got %q, want after", got)
				}
			})
		})
	}
}

func TestARowThatWasChangedOnTheDiskFailsOnlyWhoOverwritesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, g := gated(t)
		b.put("a/1", "true")
		b.put("a/2", "true")
		b.edit(func(w ledger.Writer) error {
			v, err := w.Get(ledger.RowAt("a/1"))
			return errors.Join(err, w.Put(ledger.RowAt("a/1"), append(slices.Clone(v), ' ')))
		})
		errs := together(t, l, g, putting("a/2", 1), putting("a/1", 1), putting("a/2", 2), putting("a/3", 3))
		if errs[0] != nil || errs[2] != nil || errs[3] != nil || !errors.Is(errs[1], ledger.ErrTampered) {
			t.Errorf("got %v, want ErrTampered of the second alone", errs)
		}
		if l.Last() != 4 {
			t.Errorf("got last event %d, want 4", l.Last())
		}
	})
}

func TestACommitThatFailsFailsEveryOneInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, g := gated(t)
		putting := func(i int) do { return putting(fmt.Sprint("a/", i), i) }
		for _, fail := range []bool{true, false} {
			g.fail = fail
			before := l.Checkpoint()
			errs := together(t, l, g, putting(0), func(tx *ledger.Tx) error {
				var n int
				if ok, err := tx.Verified("a/0", &n); !ok || err != nil {
					t.Errorf("got %v, %v, want the neighbour's row", ok, err)
				}
				return nil // it read what is not durable yet, and wrote nothing
			}, putting(2), func(*ledger.Tx) error { return errOwn })
			for i, err := range errs {
				if errors.Is(err, errDisk) != fail || errors.Is(err, errOwn) != (i == 3) {
					t.Errorf("fail %v: member %d got %v", fail, i, err)
				}
			}
			if same := string(before) == string(l.Checkpoint()); same != fail {
				t.Errorf("fail %v: the checkpoint is the same: %v", fail, same)
			}
			if err := l.Check(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := len(b.events()); got != 2 {
			t.Errorf("got %d events, want 2", got)
		}
	})
}

func TestWhatACommitThatFailedWroteIsNotHeldAgainstLaterRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Newest = []string{"a/"}
		b := bookOf(t, o)
		b.put("a/1", "old")
		g := &gate{Engine: b.engine}
		l, err := ledger.Open(t.Context(), g, o)
		if err != nil {
			t.Fatal(err)
		}
		g.fail = true
		errs := together(t, l, g, putting("a/1", "lost"), putting("a/2", "lost"), putting("a/1", "lost too"))
		if errors.Join(errs...) == nil {
			t.Fatal("got no error of a commit that failed")
		}
		g.fail = false
		errs = together(t, l, g, putting("b/1", 1), putting("b/2", 1), putting("b/3", 1), putting("b/4", 1))
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		err = l.View(t.Context(), func(tx *ledger.Tx) error {
			var v string
			ok, err := tx.Verified("a/1", &v)
			gone, err2 := tx.Verified("a/2", &v)
			if !ok || gone || v != "old" {
				t.Errorf("got %q, %v, %v", v, ok, gone)
			}
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestAFunctionWhoseContextEndedDoesNotRunOrDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, g := gated(t)
		{
			in := make(chan struct{})
			g.in = in
			var wg sync.WaitGroup
			update := func(ctx context.Context, want error, fn func(tx *ledger.Tx) error) {
				wg.Go(func() {
					if err := l.Update(ctx, fn); !errors.Is(err, want) {
						t.Errorf("got %v, want %v", err, want)
					}
				})
				synctest.Wait()
			}
			never := func(*ledger.Tx) error { t.Error("it ran"); return nil }
			early, leave := context.WithCancel(t.Context())
			late, stop := context.WithCancel(t.Context())
			update(t.Context(), nil, func(tx *ledger.Tx) error {
				stop() // of one that stands behind it
				return putting("a/1", 1)(tx)
			})
			update(early, context.Canceled, never)
			update(late, context.Canceled, never)
			inside, quit := context.WithCancel(t.Context())
			update(inside, context.Canceled, func(tx *ledger.Tx) error { quit(); return putting("a/2", 1)(tx) })
			leave()
			synctest.Wait()
			close(in)
			wg.Wait()
			if err := l.Update(early, never); err != context.Canceled {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		}
		g.in = nil
		if got := len(b.events()); got != 1 || b.get("a/2") != "" {
			t.Errorf("got %d events, want one", got)
		}
	})
}

func TestASlowFunctionDoesNotHoldACommitOpenForWhoComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, g := gated(t)
		slow := func(tx *ledger.Tx) error {
			time.Sleep(time.Second) // of synctest
			return putting("a/1", 1)(tx)
		}
		errs := together(t, l, g, slow, putting("a/2", 1), slow, putting("a/3", 1))
		if err := errors.Join(errs...); err != nil || g.commits != 3 {
			t.Errorf("got %v in %d commits, want 3: slow | fast, slow | fast", err, g.commits)
		}
	})
}

func TestABatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, g := gated(t)
		all := make([]do, 600)
		for i := range all {
			all[i] = putting(fmt.Sprint("a/", i), i)
		}
		if err := errors.Join(together(t, l, g, all...)...); err != nil {
			t.Fatal(err)
		}
		if g.commits != 3 || l.Last() != 599 {
			t.Errorf("got %d commits and last event %d, want 3 and 599", g.commits, l.Last())
		}
		if err := l.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatOnlyReadsIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, g := gated(t)
		large := func(tx *ledger.Tx) error {
			_, err := tx.Append(ledger.Event{Kind: "x", Actor: "a", Detail: map[string]string{"x": strings.Repeat("x", 1<<16)}})
			return err
		}
		errs := together(t, l, g, func(*ledger.Tx) error { return nil }, func(*ledger.Tx) error { return errOwn }, large)
		if errs[0] != nil || errs[1] != errOwn || !says(errs[2], "use less detail") || g.commits != 0 {
			t.Errorf("got %v in %d commits, want none", errs, g.commits)
		}
	})
}

func TestABatchHasTimesThatNeverDecrease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
		h := &hands{wall: start}
		b := bookOf(t, h.options(t))
		g := &gate{Engine: b.engine}
		o := b.o
		o.Elapsed = func() time.Duration { return h.mono }
		l, err := ledger.Open(t.Context(), g, o)
		if err != nil {
			t.Fatal(err)
		}
		var nows []time.Duration
		after := func(wall, mono time.Duration) do {
			return func(tx *ledger.Tx) error {
				nows = append(nows, tx.Now().Sub(start))
				h.wall, h.mono = start.Add(wall), mono // for the next one
				if !tx.Now().Equal(start.Add(nows[len(nows)-1])) {
					t.Error("the time of a transaction changed")
				}
				return putting("a/1", 1)(tx)
			}
		}
		const s = time.Second
		errs := together(t, l, g, after(3*s, 3*s), after(-s, 3*s), after(3600*s, 4*s), after(0, 0), after(5*s, 5*s), after(-9*s, 6*s), after(7*s, 7*s))
		for i, err := range errs {
			if got := errors.Is(err, ledger.ErrClock); got != (i == 3 || i == 4 || i == 5 || i == 6) {
				t.Errorf("member %d: got %v", i, err)
			}
		}
		if want := []time.Duration{0, 3 * s, 3 * s}; !slices.Equal(nows, want) {
			t.Errorf("got %v, want %v", nows, want)
		}
		h.wall, h.mono = start.Add(10*s), 10*s // set right
		if err := l.Update(t.Context(), step(1)); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseWaitsForTheCommitThatRunsAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, g := gated(t)
		{
			in := make(chan struct{})
			g.in = in
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					if err := l.Update(t.Context(), func(tx *ledger.Tx) error { return putting(fmt.Sprint("a/", i), i)(tx) }); err != nil {
						t.Errorf("who stood in the queue: %v", err)
					}
				})
			}
			synctest.Wait()
			wg.Go(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			if err := l.Update(t.Context(), step(1)); err != ledger.ErrClosed {
				t.Errorf("got %v, want %v", err, ledger.ErrClosed)
			}
			close(in)
			wg.Wait()
		}
		if err := b.reopen(); err != nil || b.Last() != 2 {
			t.Errorf("got %v and last event %d, want 2", err, b.Last())
		}
	})
}
