package boltengine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"lockbox/recorder/ledger"
)

// BenchmarkView reads one key, while nobody writes and while somebody always does.
func BenchmarkView(b *testing.B) {
	for _, c := range []struct {
		name   string
		writes bool
	}{{"alone", false}, {"while another writes", true}} {
		b.Run(c.name, func(b *testing.B) {
			e, _ := open1(b)
			put(b, e, "k", "v")
			ctx, stop := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				for c.writes && ctx.Err() == nil {
					_ = e.Update(ctx, func(w ledger.Writer) error { return w.Put([]byte("n"), make([]byte, 500)) }) // the end of ctx
				}
			})
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				err := e.View(b.Context(), func(r ledger.Reader) error { _, err := r.Get([]byte("k")); return err })
				took = append(took, time.Since(began))
				if err != nil {
					b.Fatal(err)
				}
			}
			stop()
			wg.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
			b.ReportMetric(float64(took[len(took)-1].Nanoseconds()), "max-ns")
		})
	}
}

// BenchmarkUpdate is one writer, who waits for the disk each time.
func BenchmarkUpdate(b *testing.B) {
	e, _ := open1(b)
	for b.Loop() {
		put(b, e, "n", "some value")
	}
}
