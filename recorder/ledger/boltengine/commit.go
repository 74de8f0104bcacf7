package boltengine

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// commit writes and syncs, and shows it to Views when it is durable.
func (e *Engine) commit(tx *bbolt.Tx) error {
	err := whole(func() error { return e.flush(tx) })
	e.end(tx) // nothing after a Commit that ended
	if err == nil {
		err = e.show()
	} else if hint := noRoom(err); hint != "" && e.unchanged() {
		return fmt.Errorf("write %s: %w: nothing was written: %s", e.path, bare(err), hint)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write %s: %w: whether it is on the disk is not known; nothing more is read or written: see to the disk, then restart Lockbox", e.path, bare(err))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken == nil {
		e.broken = err
	}
	return err
}

// unchanged says that the file leads to what Views see, and to nothing newer.
func (e *Engine) unchanged() bool {
	tx, err := e.begin(false)
	if err != nil {
		return false
	}
	defer e.end(tx)
	return tx.ID() == e.shown.tx.ID() // shown is the writer's to change
}

// noRoom says what to do about an error of writing, not of syncing, that means
// that there is no room; "" of others. bbolt keeps only the text of some.
func noRoom(err error) string {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return "restart Lockbox, which then opens the file with room to grow"
	}
	var at *fs.PathError
	text := err.Error()
	if !(errors.As(err, &at) && at.Op == "write") && !strings.HasPrefix(text, "file resize error: ") {
		return ""
	}
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, no) || strings.HasSuffix(text, no.Error()) {
			return advice(no)
		}
	}
	return ""
}

// bare is err without the path, which the sentence about it names.
func bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// advice is what a person can do about an error of the system's.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "make space on the disk"
	case errors.Is(err, syscall.EDQUOT):
		return "the quota of Lockbox's user is used up: raise it, or make space"
	case errors.Is(err, syscall.EFBIG):
		return "the file may not grow further: raise the limit on the size of files (ulimit -f), then restart Lockbox"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read only, as one becomes when its disk fails: see to the disk, then mount it for writing"
	case errors.Is(err, syscall.EIO):
		return "the disk is failing: see to it; what it has lost, the last good backup has"
	case errors.Is(err, fs.ErrPermission):
		return "run Lockbox as the user who owns it"
	case errors.Is(err, syscall.ELOOP):
		return "its links lead in a circle: give the path of the file itself"
	case errors.Is(err, fs.ErrNotExist):
		return "make its directory first, or mount the disk that holds it"
	case errors.Is(err, syscall.ENOMEM):
		return "the limit on addresses (ulimit -v) is too low for a file of its size: raise it"
	}
	return "if it is a ledger, restore the last good backup"
}
