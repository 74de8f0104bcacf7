package notify

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkNotice takes the time from an event to its delivery while 50 requests are made each second.
func BenchmarkNotice(b *testing.B) {
	var took []time.Duration
	h := &hook{name: "mail"}
	h.send = func(_ context.Context, n Notice) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if n.Topic == Waits {
			took = append(took, time.Since(n.At))
		}
		return nil
	}
	w := newWorld(b, h)
	o := w.outbox(b)
	f := &Follower{Ledger: w.Ledger, Planner: w.planner, Outbox: o, Report: func(err error) { b.Error(err) }}
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	for !f.running() {
		must(b, pause(ctx, time.Millisecond))
	}
	began, made := time.Now(), 0
	for b.Loop() {
		for range 250 { // 5 seconds of them
			must(b, pause(ctx, time.Until(began.Add(time.Duration(made)*20*time.Millisecond))))
			w.submit(b, fmt.Sprintf("eng%d@x.eu", made%engineers), []string{"support_nord", "support_syd"}[made/engineers%2])
			made++
		}
		for c := f.carriers["mail"]; c.count() > 0 || f.behind() > 0; {
			must(b, pause(ctx, time.Millisecond))
		}
	}
	stop()
	must(b, <-done)
	must(b, o.Close())
	must(b, w.Ledger.Close())
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Milliseconds()), "p95-ms")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
}

func (f *Follower) behind() int64 {
	_, n := f.Counts()
	return n
}
