package ledger_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lockbox/recorder/ledger"
)

// A bulk engine puts many Updates into one commit, each above the last.
type bulk struct {
	ledger.Engine
	w ledger.Writer // while a commit is open
}

func (e *bulk) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	if e.w != nil {
		return fn(e.w)
	}
	return e.Engine.Update(ctx, fn)
}

// filled has n events, each with one row, in a thousand commits less.
func filled(t testing.TB, n int64) *book {
	t.Helper()
	b := newBook(t)
	e := &bulk{Engine: b.engine}
	l, err := ledger.Open(t.Context(), e, b.o)
	if err != nil {
		t.Fatal(err)
	}
	for i := int64(0); i < n; i += 1000 {
		err := b.engine.Update(t.Context(), func(w ledger.Writer) (err error) {
			e.w = w
			defer func() { e.w = nil }()
			for j := i; j < min(i+1000, n) && err == nil; j++ {
				err = l.Update(t.Context(), step(j))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	return b
}

// cpu reports the processor time of each round too: a busy machine does not
// change it much.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func e512() string { return fmt.Sprintf("%0512d", 1) }

func step(i int64) func(tx *ledger.Tx) error {
	return func(tx *ledger.Tx) error {
		if err := tx.Put(fmt.Sprintf("row/%d", i%50_000), e512()); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{
			Kind: "vote.approve", Actor: "board@example.eu", Subjects: []string{"7KQM", "nord", "db1.prod"},
			Detail:  map[string]string{"statement": "4fHrQXh0M0w1Zz8ySm5Xc0lqV2NVUTJqb3lHbWZ3ZTA", "stage": "0", "for": "1h0m0s"},
			Private: map[string]string{"comment": "Looks right to me.", "from": "192.0.2.1"},
		})
		return err
	}
}

func BenchmarkUpdateWithSync(b *testing.B) {
	book := newBook(b)
	var i int64
	defer cpu(b)()
	for b.Loop() {
		book.must(step(i))
		i++
	}
}

func BenchmarkUpdateWithSync64Writers(b *testing.B) {
	book := newBook(b)
	var i atomic.Int64
	defer cpu(b)()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := book.Update(b.Context(), step(i.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkBboltAlone(b *testing.B) { // the same writes, without ledger
	book := newBook(b)
	for i := range 1000 {
		book.must(step(int64(i)))
	}
	v := make([]byte, 600)
	n := int64(1000)
	defer cpu(b)()
	for b.Loop() {
		book.edit(func(w ledger.Writer) error {
			for _, k := range [][]byte{ledger.LogAt(n), ledger.BesideAt(n), ledger.RowAt(fmt.Sprintf("row/%d", n%50_000))} {
				if err := w.Put(k, v); err != nil {
					return err
				}
			}
			if err := w.Put(ledger.HashAt(2*n), v[:32]); err != nil {
				return err
			}
			return w.Put(ledger.NoteAt(), v[:200])
		})
		n++
	}
}

func BenchmarkVerified(b *testing.B) {
	book := filled(b, 100_000)
	err := book.View(b.Context(), func(tx *ledger.Tx) error {
		i := 0
		var v string
		defer cpu(b)()
		for b.Loop() {
			if ok, err := tx.Verified(fmt.Sprintf("row/%d", i%50_000), &v); err != nil || !ok {
				return fmt.Errorf("got %v, %v", ok, err)
			}
			i++
		}
		return nil
	})
	if err != nil {
		b.Error(err)
	}
}

func BenchmarkOpenWith100000Events(b *testing.B) {
	book := filled(b, 100_000)
	info, err := os.Stat(book.path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
	defer cpu(b)()
	for b.Loop() {
		if err := book.reopen(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAfter(b *testing.B) {
	book := filled(b, 100_000)
	n := int64(0)
	defer cpu(b)()
	for b.Loop() {
		page, err := book.After(b.Context(), n%99_000, 1000)
		if err != nil || len(page) != 1000 {
			b.Fatal(len(page), err)
		}
		n += 1000
	}
}
