package boltengine

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// A snapshot is one durable state. All Views of it read in one transaction of
// bbolt's: reading changes nothing in it but counters, which are atomic. They
// begin and end none of their own, for bbolt's locks wait for the disk, and a
// new transaction may see what is not synced yet.
type snapshot struct {
	tx     *bbolt.Tx
	bucket *bbolt.Bucket
	views  int // guarded by Engine.mu
}

// hold keeps the newest snapshot until letGo.
func (e *Engine) hold() (*snapshot, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken != nil {
		return nil, e.broken
	}
	e.shown.views++
	e.views.Add(1)
	return e.shown, nil
}

func (e *Engine) letGo(s *snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.views--
	e.views.Done()
}

// show makes what is in the file what Views see. All of it is durable, and the
// caller has the writer's turn.
func (e *Engine) show() error {
	tx, err := e.begin(false)
	if err != nil {
		return err
	}
	s := &snapshot{tx: tx}
	err = whole(func() error { s.bucket = tx.Bucket(bucket()); return nil })
	if err != nil {
		e.end(tx)
		return err
	}
	e.mu.Lock()
	if e.shown != nil {
		e.earlier = append(e.earlier, e.shown)
	}
	e.shown = s
	e.mu.Unlock()
	e.sweep()
	return nil
}

// sweep ends the earlier snapshots that nobody reads, so that their pages can
// be written again.
func (e *Engine) sweep() {
	var over, used []*snapshot
	e.mu.Lock()
	for _, s := range e.earlier {
		if s.views == 0 {
			over = append(over, s)
		} else {
			used = append(used, s)
		}
	}
	e.earlier = used
	e.mu.Unlock()
	for _, s := range over {
		e.end(s.tx)
	}
}

// begin is bbolt's Begin. What panics in it leaves bbolt locked.
func (e *Engine) begin(writable bool) (tx *bbolt.Tx, err error) {
	if err := e.refusal(); err != nil {
		return nil, err
	}
	e.sweep()
	began := false
	err = whole(func() (err error) {
		tx, err = e.db.Begin(writable)
		began = true
		return err
	})
	if err == nil {
		return tx, nil
	}
	err = fmt.Errorf("open a transaction on %s: %w", e.path, err)
	if !began {
		e.abandon(err)
	}
	return nil, err
}

// end is bbolt's Rollback; of a transaction that is over it does nothing.
func (e *Engine) end(tx *bbolt.Tx) {
	if tx == nil || e.isStuck() {
		return
	}
	ended := false
	err := whole(func() error { _ = tx.Rollback(); ended = true; return nil })
	if !ended {
		e.abandon(fmt.Errorf("end a transaction on %s: %w", e.path, err))
	}
}

// abandon gives bbolt up: it panicked with its locks held.
func (e *Engine) abandon(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stuck = true
	if e.broken == nil {
		e.broken = fmt.Errorf("%w: nothing more is read or written: see to the disk, then restart Lockbox", err)
	}
}

func (e *Engine) isStuck() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stuck
}

func (e *Engine) refusal() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.broken
}
