package boltengine

import (
	"bytes"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// reader is a ledger.Reader.
type reader struct{ b *bbolt.Bucket }

func (r *reader) Get(key []byte) (v []byte, err error) {
	err = whole(func() error { v = r.b.Get(key); return nil })
	return v, err
}

func (r *reader) Scan(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	c := r.b.Cursor()
	var k, v []byte
	err := whole(func() error { k, v = c.Seek(prefix); return nil })
	for err == nil && k != nil && bytes.HasPrefix(k, prefix) {
		more, err := fn(k, v)
		if err != nil || !more {
			return err
		}
		if err := whole(func() error { k, v = c.Next(); return nil }); err != nil {
			return err
		}
	}
	return err
}

// writer is a ledger.Writer.
type writer struct{ reader }

func (w *writer) Put(key, value []byte) error {
	return whole(func() error { return w.b.Put(key, bytes.Clone(value)) })
}

func (w *writer) Delete(key []byte) error {
	return whole(func() error { return w.b.Delete(key) })
}

// panicked is a page that bbolt found to be nonsense: it says so by panicking.
type panicked struct{ why any }

func (p panicked) Error() string { return fmt.Sprintf("a page of the file is not valid (%v)", p.why) }

// whole turns a panic of bbolt's into an error. Faults go on to guard.
func whole(fn func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			panic(p)
		default:
			err = panicked{p}
		}
	}()
	return fn()
}

// sound reads every page once, and holds the pages in use against those free.
func (e *Engine) sound() (fresh bool, err error) {
	err = e.db.View(func(tx *bbolt.Tx) error {
		info, err := e.file.Stat()
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("it was cut short: %d bytes of %d are left", info.Size(), tx.Size())
		}
		return whole(func() error { fresh, err = check(tx); return err })
	})
	return fresh, err
}

// bounded says whether every page lies inside the file. A damaged page that
// claims to go on for billions would keep tx.Check busy for ever. Nobody else
// has the file yet, so that pages may be looked at in a reading transaction.
func bounded(tx *bbolt.Tx) error {
	pages := int(tx.Size()) / tx.DB().Info().PageSize
	for id := 0; id < pages; {
		p, err := tx.Page(id)
		if err != nil {
			return err
		}
		if p != nil && p.Type == "free" { // and holds whatever it held
			id++
			continue
		}
		if p == nil || p.OverflowCount < 0 || p.OverflowCount >= pages-id {
			return fmt.Errorf("page %d goes on past the end of the file", id)
		}
		id += 1 + p.OverflowCount
	}
	return nil
}

func check(tx *bbolt.Tx) (fresh bool, err error) {
	b := tx.Bucket(bucket())
	if b == nil {
		return true, nil
	}
	if err := bounded(tx); err != nil {
		return false, err
	}
	// Every page is read here first: tx.Check reads in a goroutine of its own, where a fault ends the process.
	sum := crc32.NewIEEE()
	err = (&reader{b}).Scan(nil, func(k, v []byte) (bool, error) {
		_, _ = sum.Write(k) // a hash does not fail
		_, _ = sum.Write(v)
		return true, nil
	})
	if err != nil {
		return false, err
	}
	for found := range tx.Check() { // read to its end, for it runs in a goroutine; it can find millions
		if err == nil {
			err = found
		}
	}
	return false, err
}
