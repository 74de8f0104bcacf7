package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"lockbox/recorder/ledger"
)

// mixed does something of any kind, under keys and customers that others use too.
func mixed(r *rand.Rand, b *book) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if r.IntN(6) == 0 {
		time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, stop)
	}
	if r.IntN(20) == 0 {
		_ = b.Beat(ctx)
		return
	}
	defer func() { _ = recover() }()
	_ = b.Update(ctx, func(tx *ledger.Tx) error {
		var err error
		for range r.IntN(3) {
			_, e := tx.Append(of("x", []string{"nord", "ost", "syd"}[:r.IntN(4)]...))
			err = errors.Join(err, e)
		}
		for range r.IntN(4) {
			key := fmt.Sprintf("%s/%d", []string{"grant", "other"}[r.IntN(2)], r.IntN(5))
			switch _, e := tx.Verified(key, new(any)); {
			case e != nil:
				err = errors.Join(err, e)
			case r.IntN(3) == 0:
				err = errors.Join(err, tx.Delete(key))
			default:
				err = errors.Join(err, tx.Put(key, r.Uint64()))
			}
		}
		if last := b.Last(); r.IntN(4) == 0 && last > 0 {
			err = errors.Join(err, tx.Erase(r.Int64N(last)))
		}
		switch r.IntN(12) {
		case 0:
			return errors.New("not this time")
		case 1:
			panic("on purpose")
		case 2:
			stop()
		}
		if errors.Is(err, ledger.ErrTampered) {
			b.t.Errorf("while others write: %v", err)
		}
		return err
	})
}

func TestAnyMixOfUpdatesLeavesALedgerThatHolds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range uint64(4) {
		o := options(t)
		o.Secret, o.Newest = bytes.Repeat([]byte{7}, 32), []string{"grant/"}
		b := bookOf(t, o)
		var wg sync.WaitGroup
		for i := range uint64(8) {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(seed, round<<32|i))
				for range 25 {
					mixed(r, b)
				}
				if i%4 == 0 {
					wg.Add(1)
					go func() {
						defer wg.Done()
						_ = b.Update(context.Background(), func(*ledger.Tx) error { runtime.Goexit(); return nil })
					}()
				}
			})
		}
		for range 5 {
			if err := b.Check(t.Context()); err != nil {
				t.Errorf("while others write: %v", err)
			}
			for _, id := range []string{"nord", "ost", "syd"} {
				if _, err := b.Of(id).After(t.Context(), -1, 1000); err != nil {
					t.Errorf("the log of %s, while others write: %v", id, err)
				}
			}
		}
		wg.Wait()
		if err := b.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		sealed := b.all()[string(ledger.StateAt())]
		if err := b.reopen(); err != nil {
			t.Fatal(err)
		}
		if b.Last() >= 0 && (sealed == "" || b.all()[string(ledger.StateAt())] != sealed) {
			t.Error("it was not opened by its seal")
		}
		if err := b.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
