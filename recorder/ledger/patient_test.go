package ledger_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/recorder/ledger"
)

// TestWhoIsPatientSharesACommit with who comes, and has one of their own when nobody does.
func TestWhoIsPatientSharesACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, g := gated(t)
		took := func(do func()) time.Duration { began := time.Now(); do(); return time.Since(began) }
		soon := func(key string) (took time.Duration, err error) {
			began := time.Now()
			err = l.UpdateSoon(t.Context(), putting(key, 1))
			return time.Since(began), err
		}
		alone, err := soon("x/alone")
		if alone <= 0 || alone > time.Second || err != nil {
			t.Fatalf("alone it took %v, %v", alone, err)
		}
		var wg sync.WaitGroup
		var first, late time.Duration
		before, commits := l.Checkpoint(), g.commits
		wg.Go(func() { first, err = soon("x/first") })
		synctest.Wait()
		if string(l.Checkpoint()) != string(before) {
			t.Fatal("it did not wait")
		}
		quick := took(func() {
			if err := l.Update(t.Context(), putting("x/quick", 1)); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if quick != 0 || first != 0 || g.commits != commits+1 || err != nil {
			t.Errorf("with company they took %v and %v, in %d commits, %v", quick, first, g.commits-commits, err)
		}
		wg.Go(func() { late, err = soon("x/late") })
		synctest.Wait()
		if err := l.Close(); err != nil { // which leaves nobody behind
			t.Error(err)
		}
		wg.Wait()
		if late != 0 || err != nil {
			t.Errorf("at the end it took %v, %v", late, err)
		}
		if _, err := soon("x/after"); !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestWhoIsPatientMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, _ := gated(t)
		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		if err := l.UpdateSoon(ctx, putting("x/gone", 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if l.Last() >= 0 {
			t.Error("it was written")
		}
		if err := l.UpdateSoon(t.Context(), putting("x/next", 1)); err != nil {
			t.Error(err)
		}
	})
}
