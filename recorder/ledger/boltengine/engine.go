package boltengine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"lockbox/recorder/ledger"
)

// An Engine is one open file. It is a ledger.Engine.
type Engine struct {
	path   string
	file   *os.File // db's own
	db     *bbolt.DB
	writer chan struct{} // holds one token: whose turn it is to write

	mu     sync.RWMutex // commit holds it, so that no View sees what is not durable yet
	broken error        // guarded by mu; after it nothing is read or written
}

const wait = time.Second // for another process to let go of the file

func bucket() []byte { return []byte("ledger") }

// Open opens the file, or makes it, for this process alone and for its user
// alone, and refuses a file that is damaged.
func Open(path string) (*Engine, error) { return open(path, os.OpenFile) }

func open(path string, openFile func(string, int, fs.FileMode) (*os.File, error)) (*Engine, error) {
	if err := inspect(path); err != nil {
		return nil, err
	}
	e := &Engine{path: path, writer: make(chan struct{}, 1)}
	err := e.guard(func() error {
		return whole(func() (err error) {
			e.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
				Timeout:         wait,
				FreelistType:    bbolt.FreelistMapType,
				InitialMmapSize: 256 << 20, // of addresses, not of memory: a new mapping waits for every View
				OpenFile: func(name string, flag int, mode fs.FileMode) (f *os.File, err error) {
					e.file, err = openFile(name, flag, mode)
					return e.file, err
				},
			})
			return err
		})
	})
	if err != nil && e.file != nil {
		_ = syscall.Flock(int(e.file.Fd()), syscall.LOCK_UN) // after a panic bbolt has left it locked, mapped and open
		_ = e.file.Close()
	}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("another Lockbox has %s open: stop it first, or give this one a file of its own", path)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w: if it is a ledger, restore the last good backup", path, err)
	}
	if err := e.prepare(); err != nil {
		_ = e.db.Close() // nothing was written
		return nil, err
	}
	return e, nil
}

// inspect refuses a file that others can read or that is no file.
func inspect(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("open the ledger file: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("open %s: it is not a file", path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("open %s: others may use it (%s): chmod 600 it, and find out why", path, info.Mode().Perm())
	}
	return nil
}

// prepare finds that the file is whole, and makes its bucket when it is new.
func (e *Engine) prepare() error {
	var fresh bool
	err := e.guard(func() (err error) { fresh, err = e.sound(); return err })
	switch {
	case err != nil:
		return fmt.Errorf("open %s: it is damaged: %w: restore the last good backup", e.path, err)
	case !fresh:
		return nil
	}
	err = e.db.Update(func(tx *bbolt.Tx) error {
		if k, _ := tx.Cursor().First(); k != nil {
			return errors.New("it is a bbolt file of something else")
		}
		_, err := tx.CreateBucket(bucket())
		return err
	})
	if err != nil {
		return fmt.Errorf("open %s: %w", e.path, err)
	}
	return syncDir(filepath.Dir(e.path)) // a new file has a name only then
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer func() { _ = d.Close() }() // read only
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// View runs fn over one snapshot.
func (e *Engine) View(ctx context.Context, fn func(ledger.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := e.snapshot()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // read only
	return e.guard(func() error { return fn(&reader{tx.Bucket(bucket())}) })
}

func (e *Engine) snapshot() (*bbolt.Tx, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.broken != nil {
		return nil, e.broken
	}
	tx, err := e.db.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.path, err)
	}
	return tx, nil
}

// Update runs fn when it is its turn, and writes and syncs what it did. When
// that fails, whether it is on the disk is not known, and the engine refuses
// everything from then on: only a restart reads what is there.
func (e *Engine) Update(ctx context.Context, fn func(ledger.Writer) error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case e.writer <- struct{}{}:
	}
	defer func() { <-e.writer }()
	tx, err := e.begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	err = e.guard(func() error { return fn(&writer{reader{tx.Bucket(bucket())}}) })
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.commit(tx)
}

func (e *Engine) begin() (*bbolt.Tx, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.broken != nil {
		return nil, e.broken
	}
	tx, err := e.db.Begin(true)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", e.path, err)
	}
	return tx, nil
}

func (e *Engine) commit(tx *bbolt.Tx) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.guard(func() error { return whole(tx.Commit) })
	if err != nil {
		e.broken = fmt.Errorf("write %s: %w: whether it is on the disk is not known; nothing more is read or written: see to the disk, then restart Lockbox", e.path, err)
	}
	return e.broken
}

// Close waits for the transactions that run.
func (e *Engine) Close() error {
	if err := e.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", e.path, err)
	}
	return nil
}

// guard turns a fault in the mapped file (it was cut, or the disk cannot read
// it) into an error, where it would otherwise end the process.
func (e *Engine) guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // of runtime.Error: see debug.SetPanicOnFault
			err = fmt.Errorf("%s cannot be read: it was cut short, or the disk is failing", e.path)
		default:
			panic(p)
		}
	}()
	return fn()
}
