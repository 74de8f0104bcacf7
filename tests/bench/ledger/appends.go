package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
)

// vote is an Update as the desk makes them: one row of 600 bytes, one event.
func vote(i int64, customers ...string) func(*ledger.Tx) error {
	return func(tx *ledger.Tx) error {
		if err := tx.Put(fmt.Sprintf("row/%d", i%50_000), fmt.Sprintf("%0512d", i)); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{
			Kind: "vote.approve", Actor: "board@example.eu", Subjects: append([]string{"7KQM", "db1.prod"}, customers...), Customers: customers,
			Detail:  map[string]string{"statement": "4fHrQXh0M0w1Zz8ySm5Xc0lqV2NVUTJqb3lHbWZ3ZTA", "stage": "0", "for": "1h0m0s"},
			Private: map[string]string{"comment": "Looks right to me.", "from": "192.0.2.1"},
		})
		return err
	}
}

// A put is one write that the ledger made.
type put struct{ key, value []byte } // no value: it was deleted

// A taper keeps what a ledger writes, commit by commit.
type taper struct {
	ledger.Engine
	on    bool
	tapes [][]put
}

type tapeWriter struct {
	ledger.Writer
	tape *[]put
}

func (w tapeWriter) Put(k, v []byte) error {
	*w.tape = append(*w.tape, put{bytes.Clone(k), bytes.Clone(v)})
	return w.Writer.Put(k, v)
}

func (w tapeWriter) Delete(k []byte) error {
	*w.tape = append(*w.tape, put{bytes.Clone(k), nil})
	return w.Writer.Delete(k)
}

func (t *taper) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	if !t.on {
		return t.Engine.Update(ctx, fn)
	}
	var tape []put
	err := t.Engine.Update(ctx, func(w ledger.Writer) error { return fn(tapeWriter{w, &tape}) })
	t.tapes = append(t.tapes, tape)
	return err
}

// options are those of the program: signed, and opened fast.
func options() (ledger.Options, error) {
	s, v, err := note.GenerateKey(rand.Reader, "bench.example")
	if err != nil {
		return ledger.Options{}, err
	}
	signer, err := note.NewSigner(s)
	if err != nil {
		return ledger.Options{}, err
	}
	verifier, err := note.NewVerifier(v)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return ledger.Options{Origin: "bench.example", Signer: signer, Verifier: verifier, Secret: secret, Newest: []string{"request/", "grant/"}}, err
}

// ledgerAt opens a ledger in a file.
func (b *bench) ledgerAt(path string, o ledger.Options) (*ledger.Ledger, error) {
	e, err := boltengine.Open(path)
	if err != nil {
		return nil, err
	}
	return ledger.Open(b.ctx, e, o)
}

const appendsEach = 3000 // of one writer, a round; 64 writers do four times as many

// spread has writers do n things, and gives how many a second.
func spread(writers, n int, do func(i int64) error) (rate float64, err error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, writers)
	began := time.Now()
	for w := range writers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n) && errs[w] == nil; i = next.Add(1) {
				errs[w] = do(i)
			}
		})
	}
	wg.Wait()
	for _, e := range errs {
		if e != nil {
			return 0, e
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// tapes are the writes of real Updates, one by one.
func (b *bench) tapes(n int) ([][]put, error) {
	o, err := options()
	if err != nil {
		return nil, err
	}
	e, err := boltengine.Open(b.file("tape.db"))
	if err != nil {
		return nil, err
	}
	t := &taper{Engine: e}
	l, err := ledger.Open(b.ctx, t, o)
	if err != nil {
		return nil, err
	}
	t.on = true
	for i := range int64(n) {
		if err := l.Update(b.ctx, vote(i)); err != nil {
			return nil, err
		}
	}
	return t.tapes, l.Close()
}

// appends compares, round by round, with bbolt doing the same writes.
func (b *bench) appends() error {
	tapes, err := b.tapes(4 * appendsEach)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		writers int
		batch   bool
	}{{1, false}, {64, false}, {64, true}} {
		name := fmt.Sprintf("%d writers", c.writers)
		how, must := "bbolt Update", "must be 0.8 or more"
		if c.batch {
			how, must = "bbolt Batch", ""
		}
		ours := b.result("appends, ledger, "+name, "1/s", "")
		theirs := b.result("the same writes, "+how+", "+name, "1/s", "")
		ratio := b.result("ratio to "+how+", "+name, "", must)
		for range b.rounds {
			n := appendsEach
			if c.writers > 1 {
				n *= 4
			}
			x, err := b.ledgerRate(c.writers, n)
			if err != nil {
				return err
			}
			y, err := b.bboltRate(c.writers, n, c.batch, tapes)
			if err != nil {
				return err
			}
			ours.add(x)
			theirs.add(y)
			ratio.add(x / y)
		}
	}
	return b.appendsOfCustomers()
}

func (b *bench) ledgerRate(writers, n int, customers ...string) (rate float64, err error) {
	o, err := options()
	if err != nil {
		return 0, err
	}
	path := b.file("appends.db")
	l, err := b.ledgerAt(path, o)
	if err != nil {
		return 0, err
	}
	rate, err = spread(writers, n, func(i int64) error { return l.Update(b.ctx, vote(i, customers...)) })
	if err != nil {
		return 0, err
	}
	if err := l.Close(); err != nil {
		return 0, err
	}
	return rate, os.Remove(path)
}

func (b *bench) bboltRate(writers, n int, batch bool, tapes [][]put) (rate float64, err error) {
	path := b.file("bbolt.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return 0, err
	}
	db.MaxBatchDelay = time.Millisecond // the default of 10 would only wait
	bucket := []byte("ledger")
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err })
	if err != nil {
		return 0, err
	}
	do := db.Update
	if batch {
		do = db.Batch
	}
	rate, err = spread(writers, n, func(i int64) error {
		return do(func(tx *bbolt.Tx) error {
			for _, p := range tapes[i-1] {
				var err error
				if b := tx.Bucket(bucket); p.value == nil {
					err = b.Delete(p.key)
				} else {
					err = b.Put(p.key, p.value)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	if err := db.Close(); err != nil {
		return 0, err
	}
	return rate, os.Remove(path)
}

// appendsOfCustomers are those that stand in a customer's log as well.
func (b *bench) appendsOfCustomers() error {
	for _, writers := range []int{1, 64} {
		r := b.result(fmt.Sprintf("appends, ledger, %d writers, into a customer's log too", writers), "1/s", "")
		for range b.rounds {
			x, err := b.ledgerRate(writers, appendsEach, "nord")
			if err != nil {
				return err
			}
			r.add(x)
		}
	}
	return nil
}
