package gateway_test

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// held opens n sessions under one grant.
func held(b *testing.B, w *world.World, n int) (all []*gateway.Visit) {
	b.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range 64 {
		wg.Go(func() {
			for range left {
				v, a, err := w.Gateway.Visit(b.Context(), knock(w.Eng))
				if err != nil || v == nil {
					b.Error(a.Decision, err)
					return
				}
				mu.Lock()
				all = append(all, v)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	b.Cleanup(func() {
		for range 64 {
			wg.Go(func() {
				for {
					mu.Lock()
					if len(all) == 0 {
						mu.Unlock()
						return
					}
					v := all[0]
					all = all[1:]
					mu.Unlock()
					v.Leave()
				}
			})
		}
		wg.Wait()
	})
	return all
}

func granted(b *testing.B) (*world.World, string) {
	b.Helper()
	w := world.New(b, "127.0.0.1:1", "SHA256:none")
	code := w.Grant(b, w.Eng, time.Hour)
	v, _, err := w.Visit(b, w.Eng, knock(w.Eng))
	if err != nil || v == nil {
		b.Fatal(err)
	}
	v.Leave()
	return w, code
}

// BenchmarkVisitAmongOthers opens and leaves a session, while 20 others go on under the grant.
func BenchmarkVisitAmongOthers(b *testing.B) {
	w, _ := granted(b)
	held(b, w, 20)
	b.ReportAllocs()
	before := used(b)
	for b.Loop() {
		v, a, err := w.Gateway.Visit(b.Context(), knock(w.Eng))
		if err != nil || v == nil {
			b.Fatal(a.Decision, err)
		}
		v.Leave()
	}
	b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkEnter is the deciding alone.
func BenchmarkEnter(b *testing.B) {
	w, _ := granted(b)
	b.ReportAllocs()
	before := used(b)
	for b.Loop() {
		if _, err := w.Gateway.Enter(b.Context(), knock(w.Eng)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkHeld2000 holds 2,000 sessions under one grant: what they cost at rest,
// and while sessions under it come and go (an op is ten seconds, with 500 events).
func BenchmarkHeld2000(b *testing.B) {
	const n = 2000
	w, code := granted(b)
	were := runtime.NumGoroutine()
	all := held(b, w, n)
	each := float64(runtime.NumGoroutine()-were) / n
	share := func(ctx context.Context) float64 {
		before, began := used(b), time.Now()
		<-ctx.Done()
		return 100 * float64(used(b)-before) / float64(time.Since(began))
	}
	for b.Loop() {
		ctx, stop := context.WithTimeout(b.Context(), 10*time.Second)
		rest := share(ctx)
		stop()
		ctx, stop = context.WithTimeout(b.Context(), 10*time.Second)
		var wg sync.WaitGroup
		wg.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ctx.Err() == nil; i++ {
				<-tick.C
				_ = w.Ledger.Update(ctx, func(tx *ledger.Tx) error {
					_, err := tx.Append(ledger.Event{Kind: "session.open", Actor: "test", Subjects: []string{all[i%n].Session.ID + "x", code, "db1.prod"}})
					return err
				})
			}
		})
		busy := share(ctx)
		stop()
		wg.Wait()
		b.ReportMetric(each, "goroutines/visit")
		b.ReportMetric(rest, "%cpu-at-rest")
		b.ReportMetric(busy, "%cpu-with-50-events/s")
	}
}
