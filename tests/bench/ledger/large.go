package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"lockbox/recorder/ledger"
)

// fill has many writers do n Updates.
func (b *bench) fill(path string, n int64, o ledger.Options, do func(i int64) func(*ledger.Tx) error) error {
	l, err := b.ledgerAt(path, o)
	if err != nil {
		return err
	}
	if _, err := spread(256, int(n), func(i int64) error { return l.Update(b.ctx, do(i)) }); err != nil {
		return err
	}
	return l.Close()
}

// open measures the start with a million events.
func (b *bench) open() error {
	o, err := options()
	if err != nil {
		return err
	}
	path := b.file("open.db")
	if err := b.fill(path, b.million, o, func(i int64) func(*ledger.Tx) error { return vote(i) }); err != nil {
		return err
	}
	took := b.result(fmt.Sprintf("open with %d events", b.million), "s", "must be 5 or less")
	check := b.result("whole check, in the background", "events/s", "")
	size := b.result("file", "MiB", "")
	for range min(3, b.rounds) {
		began := time.Now()
		l, err := b.ledgerAt(path, o)
		if err != nil {
			return err
		}
		took.add(time.Since(began).Seconds())
		began = time.Now()
		if err := l.Check(b.ctx); err != nil {
			return err
		}
		check.add(float64(b.million) / time.Since(began).Seconds())
		if err := l.Close(); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	size.add(float64(info.Size()) / (1 << 20))
	return os.Remove(path)
}

// past is a request that is over, with its grant, as large as the desk's.
func past(i int64) func(*ledger.Tx) error {
	return func(tx *ledger.Tx) error {
		code := fmt.Sprintf("%08d", i)
		for key, v := range map[string]any{
			"request/" + code: map[string]string{"body": fmt.Sprintf("%01500d", i)}, "grant/" + code: fmt.Sprintf("%0600d", i), "made/" + code: code,
		} {
			if err := tx.Put(key, v); err != nil {
				return err
			}
		}
		_, err := tx.Append(ledger.Event{Kind: "grant.ended", Actor: "lockbox", Subjects: []string{code}})
		return err
	}
}

// requests measures what a million past requests cost in memory.
func (b *bench) requests() error {
	o, err := options()
	if err != nil {
		return err
	}
	path := b.file("requests.db")
	if err := b.fill(path, b.million, o, past); err != nil {
		return err
	}
	before := heap()
	began := time.Now()
	l, err := b.ledgerAt(path, o)
	if err != nil {
		return err
	}
	b.result(fmt.Sprintf("open with %d past requests", b.million), "s", "").add(time.Since(began).Seconds())
	b.result(fmt.Sprintf("heap with %d past requests", b.million), "MiB", "must be 200 or less").add(heap() - before)
	if err := l.Check(b.ctx); err != nil {
		return err
	}
	b.result("heap after a whole check of them", "MiB", "must be 200 or less").add(heap() - before)
	if err := l.Close(); err != nil {
		return err
	}
	return os.Remove(path)
}

const perUpdate = 500 // small events

// proof measures one leaf of ten million.
func (b *bench) proof() error {
	o, err := options()
	if err != nil {
		return err
	}
	path, n := b.file("proof.db"), 10*b.million
	err = b.fill(path, n/perUpdate, o, func(int64) func(*ledger.Tx) error {
		return func(tx *ledger.Tx) error {
			for range perUpdate {
				if _, err := tx.Append(ledger.Event{Kind: "x", Actor: "a"}); err != nil {
					return err
				}
			}
			return nil
		}
	})
	if err != nil {
		return err
	}
	l, err := b.ledgerAt(path, o)
	if err != nil {
		return err
	}
	r := b.result(fmt.Sprintf("proof of 1 of %d leaves", n), "ms", "must be 1 or less")
	for range 1000 {
		began := time.Now()
		if _, err := l.Main().Prove(b.ctx, rand.Int64N(n)); err != nil {
			return err
		}
		r.add(float64(time.Since(began)) / float64(time.Millisecond))
	}
	if err := l.Close(); err != nil {
		return err
	}
	return os.Remove(path)
}
