package boltengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"syscall"

	"go.etcd.io/bbolt"

	"lockbox/recorder/ledger"
)

// An Engine is one open file. It is a ledger.Engine.
type Engine struct {
	path   string
	file   *os.File              // db's own
	flush  func(*bbolt.Tx) error // bbolt's Commit
	db     *bbolt.DB
	writer chan struct{} // holds one token: who has it begins and ends bbolt's transactions

	mu      sync.Mutex // held for moments, never while the disk works
	shown   *snapshot
	earlier []*snapshot // which Views may still read
	broken  error       // after it nothing is read or written
	stuck   bool        // bbolt panicked and holds its locks for ever
	views   sync.WaitGroup
}

var errClosed = errors.New("the ledger's file is closed")

// View runs fn over the newest durable state. It waits for nobody.
func (e *Engine) View(ctx context.Context, fn func(ledger.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := e.hold()
	if err != nil {
		return err
	}
	defer e.letGo(s)
	return e.guard(func() error { return fn(&reader{s.bucket}) })
}

// Update runs fn when it is its turn, and writes and syncs what it did.
//
// When there is no room for it, nothing is written and the engine goes on. When
// writing fails otherwise, whether it is on the disk is not known, and the
// engine refuses everything from then on: only a restart reads what is there.
// When ctx ends while the disk works, Update returns and the disk goes on: the
// next Update waits for it.
func (e *Engine) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case e.writer <- struct{}{}:
	}
	done := make(chan error, 1)
	tx, err := e.prepared(ctx, fn)
	if err != nil {
		return err
	}
	commit := func() error {
		defer func() { <-e.writer }()
		return e.commit(tx)
	}
	if ctx.Done() == nil { // nobody leaves before it is done
		return commit()
	}
	go func() { done <- commit() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("write %s: %w while the disk was at work: whether it is written is not known yet", e.path, ctx.Err())
	}
}

// prepared is a transaction in which fn has run; else the turn is over.
func (e *Engine) prepared(ctx context.Context, fn func(ledger.Writer) error) (tx *bbolt.Tx, err error) {
	ready := false
	defer func() { // also when fn panics or ends its goroutine
		if !ready {
			e.end(tx)
			<-e.writer
		}
	}()
	if tx, err = e.begin(true); err != nil {
		return nil, err
	}
	w := &writer{}
	if err = whole(func() error { w.b = tx.Bucket(bucket()); return nil }); err == nil {
		err = fn(w)
	}
	if err == nil {
		err = ctx.Err()
	}
	ready = err == nil
	return tx, err
}

// Close waits for the transactions that run. Whoever comes later is refused.
func (e *Engine) Close() error {
	e.writer <- struct{}{}
	defer func() { <-e.writer }()
	e.mu.Lock()
	closed := errors.Is(e.broken, errClosed)
	e.broken = errors.Join(e.broken, errClosed)
	e.mu.Unlock()
	if closed {
		return nil
	}
	e.views.Wait()
	for _, s := range append(e.earlier, e.shown) {
		e.end(s.tx)
	}
	e.shown, e.earlier = nil, nil
	err := e.release()
	if err != nil {
		return fmt.Errorf("close %s: %w", e.path, err)
	}
	return nil
}

func (e *Engine) release() error {
	if !e.stuck {
		return e.db.Close()
	}
	_ = syscall.Flock(int(e.file.Fd()), syscall.LOCK_UN) // it stays mapped until the process ends
	return e.file.Close()
}

// guard turns a fault in the mapped file, where fn reads what a View handed
// out, into an error: it would end the process. Other panics are fn's.
func (e *Engine) guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // of runtime.Error: see debug.SetPanicOnFault
			err = fmt.Errorf("read %s: %w", e.path, errFault)
		default:
			panic(p)
		}
	}()
	return fn()
}
