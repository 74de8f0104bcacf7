package recorder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// eightHours records a terminal that is busy all day: a line or some every
// second, a full screen redrawn now and then.
func eightHours(b *testing.B, r rig) string {
	b.Helper()
	dice := rand.New(rand.NewPCG(8, 8))
	words := make([]string, 2000)
	for i := range words {
		words[i] = fmt.Sprintf("%x", dice.Uint32N(1<<(4+dice.Uint32N(28))))
	}
	word := func() string { return words[dice.IntN(len(words))] }
	now := &atomic.Int64{} // the clock, in seconds
	r.Now, r.Patience = func() time.Time { return time.Unix(1e9+now.Load(), 0) }, 24*time.Hour
	w, rec, tr := r.begin(b, Header{Kind: "pty", Cols: 120, Rows: 40})
	for n := range 8 * 3600 {
		var p []byte
		for range 1 + dice.IntN(40) {
			p = fmt.Appendf(p, "\x1b[3%dm%s\x1b[0m %s %s %s %s: %s %s\r\n", dice.IntN(8), word(), word(), word(), word(), word(), word(), word())
		}
		if n%20 == 0 {
			p = fmt.Appendf(p, "\x1b[?1049h\x1b[2J\x1b[H%s\x1b[?1049l", p)
		}
		must(b, tr.Output(p))
		now.Add(1)
	}
	closed(b, rec)
	return r.folder(b, w.ID)
}

// BenchmarkSeek makes a busy recording of 8 hours, and goes to 200 moments in it.
func BenchmarkSeek(b *testing.B) {
	r := newRig(b)
	folder := eightHours(b, r)
	p, err := Open(folder, r.id)
	must(b, err)
	size := int64(0)
	for _, s := range p.Manifest.Segments {
		size += s.Size
	}
	dice := rand.New(rand.NewPCG(9, 9))
	var took []time.Duration
	most := uint64(0)
	for range 200 {
		at := time.Duration(dice.Int64N(int64(8 * time.Hour)))
		began := time.Now()
		for _, err := range p.From("pty0", at) {
			must(b, err)
			break
		}
		took = append(took, time.Since(began))
		most = max(most, heap())
	}
	slices.Sort(took)
	b.ReportMetric(float64(size)/(1<<20), "MB")
	b.ReportMetric(float64(len(p.Manifest.Segments)), "segments")
	b.ReportMetric(float64(took[100].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(took[198].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[199].Microseconds())/1000, "worst-ms")
	most = max(most, whole(b, p))
	b.ReportMetric(float64(most)/(1<<20), "heap-MiB")
}

// whole reads all of a recording in every way, and gives the most memory held.
func whole(b *testing.B, p *Playback) (most uint64) {
	b.Helper()
	timed := func(name string, do func() int) {
		began := time.Now()
		n := do()
		most = max(most, heap())
		b.ReportMetric(time.Since(began).Seconds(), name+"-s")
		b.ReportMetric(float64(n), name)
	}
	timed("events", func() (n int) {
		for _, err := range p.Events("pty0") {
			must(b, err)
			if n++; n%1000 == 0 {
				most = max(most, heap())
			}
		}
		return n
	})
	timed("marks", func() int { ms, err := p.Timeline(context.Background(), "pty0"); must(b, err); return len(ms) })
	timed("lines", func() (n int) {
		for _, err := range p.Lines("pty0") {
			must(b, err)
			if n++; n%20000 == 0 {
				most = max(most, heap())
			}
		}
		return n
	})
	timed("found", func() int {
		ls, err := p.Find(context.Background(), "pty0", "no such words", 100)
		must(b, err)
		return len(ls)
	})
	return most
}

// heap is how much memory is held and not yet given back.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
