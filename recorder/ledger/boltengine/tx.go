package boltengine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

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

// writer is a ledger.Writer. It hands out copies: the goroutine that reads them
// may be one that guard does not guard.
type writer struct{ reader }

func (w *writer) Get(key []byte) (v []byte, err error) {
	err = whole(func() error { v = clone(w.b.Get(key)); return nil })
	return v, err
}

func (w *writer) Scan(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	c := w.b.Cursor()
	var k, v []byte
	next := func(step func() (k, v []byte)) error {
		return whole(func() error { k, v = step(); k, v = clone(k), clone(v); return nil })
	}
	err := next(func() ([]byte, []byte) { return c.Seek(prefix) })
	for err == nil && k != nil && bytes.HasPrefix(k, prefix) {
		if more, err := fn(k, v); err != nil || !more {
			return err
		}
		err = next(c.Next)
	}
	return err
}

// clone keeps nil apart from empty.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

func (w *writer) Put(key, value []byte) error {
	if value == nil {
		value = []byte{} // for nil is what Get says of a key that is not there
	}
	return whole(func() error { return w.b.Put(key, clone(value)) })
}

func (w *writer) Delete(key []byte) error {
	return whole(func() error { return w.b.Delete(key) })
}

// panicked is a page that bbolt found to be nonsense: it says so by panicking.
type panicked struct{ why any }

func (p panicked) Error() string { return fmt.Sprintf("a page of the file is not valid (%v)", p.why) }

// whole turns a panic of bbolt's, or a fault in the mapped file, into an error,
// on whichever goroutine.
func whole(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // of runtime.Error: see debug.SetPanicOnFault
			err = errFault
		default:
			err = panicked{p}
		}
	}()
	return fn()
}

// errFault is of the mapped file.
var errFault = errors.New("it cannot be read: it was cut short, or the disk is failing")

// errOther says that bbolt can read the file, and that it is not ours.
var errOther = errors.New("it is a bbolt file of something else")

// sound reads every page once, and holds the pages in use against those free.
func (e *Engine) sound() error {
	return e.db.View(func(tx *bbolt.Tx) error {
		info, err := e.file.Stat()
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("it was cut short: %d bytes of %d are left", info.Size(), tx.Size())
		}
		if err := e.warm(tx.Size()); err != nil {
			return err
		}
		return whole(func() error { return check(tx) })
	})
}

// warm reads the file in the order of the disk. What is mapped is read in the
// order of the keys, which takes many times as long when the disk must move.
func (e *Engine) warm(size int64) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.NewSectionReader(e.file, 0, size), make([]byte, 1<<20))
	return err
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

func check(tx *bbolt.Tx) error {
	b := tx.Bucket(bucket())
	if b == nil {
		return errOther
	}
	if err := bounded(tx); err != nil {
		return err
	}
	// Every page is read here first: tx.Check reads in a goroutine of its own, where a fault ends the process.
	sum := byte(0)
	touch := func(b []byte) {
		for i := 0; i < len(b); i += 512 { // no page is smaller
			sum += b[i]
		}
		if len(b) > 0 {
			sum += b[len(b)-1]
		}
	}
	err := (&reader{b}).Scan(nil, func(k, v []byte) (bool, error) { touch(k); touch(v); return true, nil })
	if err != nil {
		return err
	}
	for found := range tx.Check() { // read to its end, for it runs in a goroutine; it can find millions
		if err == nil {
			err = found
		}
	}
	return err
}
