package boltengine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	wait = time.Second // for another process to let go of the file
	// room is mapped at once: addresses, not memory. To map anew, bbolt would
	// wait for every View, so that a file does not outgrow it while it is open.
	room = 64 << 30
)

func bucket() []byte { return []byte("ledger") }

// A machine is what a test makes fail.
type machine struct {
	openFile func(string, int, fs.FileMode) (*os.File, error)
	flush    func(*bbolt.Tx) error
	room     int
}

// Open opens the file, or makes it, for this process alone and for its user
// alone, and refuses a file that is damaged.
func Open(path string) (*Engine, error) {
	return open(path, machine{os.OpenFile, (*bbolt.Tx).Commit, room})
}

func open(path string, m machine) (*Engine, error) {
	size, err := inspect(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			size, err = inspect(path)
		}
	}
	if err != nil {
		return nil, err
	}
	e := &Engine{path: path, flush: m.flush, writer: make(chan struct{}, 1)}
	if err := e.mapped(m, size); err != nil {
		return nil, unopened(path, err)
	}
	err = e.guard(e.sound)
	switch {
	case errors.Is(err, errOther):
		err = fmt.Errorf("open %s: %w: give the path of the ledger's file, or of a new one", path, err)
	case err != nil:
		err = fmt.Errorf("open %s: it is damaged: %w: restore the last good backup", path, err)
	default:
		if err = e.settle(); err == nil {
			err = e.show()
		}
	}
	if err != nil {
		_ = e.release() // nothing was changed
		return nil, err
	}
	return e, nil
}

// inspect gives the size of the file, and refuses one that others can use or
// that is no file. Lockbox never leaves an empty one.
func inspect(path string) (int, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if to, err := os.Readlink(path); err == nil {
			return 0, fmt.Errorf("open %s: it leads to %s, which is not there: mount the disk that holds it, or remove the link", path, to)
		}
		return 0, err
	case err != nil:
		return 0, unopened(path, err)
	case info.IsDir():
		return 0, fmt.Errorf("open %s: it is not a file but a directory: give the path of the ledger's file", path)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("open %s: it is not a file: give the path of the ledger's file", path)
	case info.Mode().Perm()&0o077 != 0:
		return 0, fmt.Errorf("open %s: others may use it (%s): chmod 600 it, and find out why", path, info.Mode().Perm())
	case info.Size() == 0:
		return 0, fmt.Errorf("open %s: it is empty, as a ledger never is: restore the last good backup; only where there never was a ledger, remove it", path)
	}
	return int(info.Size()), nil
}

// create makes the file as a whole or not at all, so that what is cut to
// nothing is not taken for new.
func create(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".lockbox-new-*")
	if err != nil {
		return unmade(path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return unmade(path, err)
	}
	db, err := bbolt.Open(f.Name(), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return unmade(path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket()); return err })
	if err = errors.Join(err, db.Close()); err != nil {
		return unmade(path, err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // another may be first
		return unmade(path, err)
	}
	if err := syncDir(dir); err != nil { // it has its name only then
		return unmade(path, err)
	}
	return nil
}

func unmade(path string, err error) error {
	return fmt.Errorf("make %s: %w: %s", path, bare(err), advice(err))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // read only
	return d.Sync()
}

// addresses says how many to map for a file of that size: twice as many as it
// has bytes, and want if they can be had; none when the system has not even as
// many again for all else.
func addresses(size, want int) int {
	for want < 2*size {
		want *= 2
	}
	for ; want > size; want /= 2 {
		b, err := syscall.Mmap(-1, 0, 2*want, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err == nil {
			_ = syscall.Munmap(b)
			return want
		}
	}
	return 0
}

// mapped opens and maps a file.
func (e *Engine) mapped(m machine, size int) error {
	room := addresses(size, m.room)
	if room == 0 {
		return syscall.ENOMEM
	}
	err := whole(func() (err error) {
		e.db, err = bbolt.Open(e.path, 0o600, &bbolt.Options{
			Timeout:         wait,
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: room,
			MaxSize:         room, // so that bbolt never maps anew
			NoStatistics:    true,
			OpenFile: func(name string, flag int, mode fs.FileMode) (f *os.File, err error) {
				e.file, err = m.openFile(name, flag&^os.O_CREATE, mode)
				return e.file, err
			},
		})
		return err
	})
	if err != nil && e.file != nil {
		_ = syscall.Flock(int(e.file.Fd()), syscall.LOCK_UN) // after a panic bbolt has left it locked, mapped and open
		_ = e.file.Close()
	}
	return err
}

// settle puts on the disk what can be read in the file. A Lockbox that was
// killed, or whose disk failed, may have left its last commit in the machine's
// memory only; written again, the same bytes change nothing.
func (e *Engine) settle() error {
	heads := make([]byte, 2*e.db.Info().PageSize) // what leads to all else, which was synced before
	_, err := e.file.ReadAt(heads, 0)
	if err == nil {
		_, err = e.file.WriteAt(heads, 0)
	}
	if err == nil {
		err = e.file.Sync()
	}
	if err != nil {
		return unopened(e.path, err)
	}
	return nil
}

// unopened says why the file cannot be opened, and what to do.
func unopened(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("another Lockbox has %s open: stop it first, or give this one a file of its own", path)
	case errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("open %s: it has a form that this Lockbox does not know: use the Lockbox that wrote it", path)
	case errors.Is(err, berrors.ErrInvalid):
		return fmt.Errorf("open %s: it is no ledger, or its beginning is lost: give the path of the ledger's file; if this is it, restore the last good backup", path)
	}
	return fmt.Errorf("open %s: %w: %s", path, bare(err), advice(err))
}
