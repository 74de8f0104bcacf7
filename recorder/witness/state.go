package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// A shelf is the folder of what a witness has cosigned. One process has it at a
// time. What it holds of a log is one file: a line that names the log, and the
// last checkpoint with the cosignature on it, which is checked when it is read;
// or that there was none.
type shelf struct {
	root *os.Root
	dir  *os.File // locked
}

func openShelf(dir string) (*shelf, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the state of the witness: %w", err)
	}
	f, err := root.Open(".")
	if err == nil {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = f.Close() // read only
			err = fmt.Errorf("%s is in use: another witness runs on this state; two would cosign what does not go together (%w)", dir, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &shelf{root, f}, nil
}

func (s *shelf) close() error { return errors.Join(s.dir.Close(), s.root.Close()) }

func header(origin string) string { return "lockbox witness of " + origin + "\n" }

const nothing = "nothing was cosigned\n"

// fileOf is a name that every origin can have.
func fileOf(origin string) string {
	return "log-" + base64.RawURLEncoding.EncodeToString([]byte(origin))
}

// begin writes down that nothing was cosigned of a log, unless something stands there.
func (s *shelf) begin(origin string) error {
	if _, err := s.root.Stat(fileOf(origin)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.put(fileOf(origin), []byte(header(origin)+nothing))
}

// load gives what was cosigned last; a Checkpoint of nothing has no Note.
func (s *shelf) load(origin string, log, own note.Verifier) (proof.Checkpoint, error) {
	b, err := s.root.ReadFile(fileOf(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return proof.Checkpoint{}, fmt.Errorf("what this witness cosigned of %s is missing (%s): bring the file back; "+
			"if it is lost, make a new witness with a new key, for this one could cosign a second history; "+
			"only where this key never cosigned anything of it, `lockbox witness --init` begins anew", origin, fileOf(origin))
	}
	if err != nil {
		return proof.Checkpoint{}, fmt.Errorf("read what was cosigned of %s: %w", origin, err)
	}
	damaged := func(why error) error {
		return fmt.Errorf("what this witness cosigned of %s is damaged (%s): %w; bring the file back, or make a new witness with a new key",
			origin, fileOf(origin), why)
	}
	rest, ok := bytes.CutPrefix(b, []byte(header(origin)))
	switch {
	case !ok:
		return proof.Checkpoint{}, damaged(errors.New("it is not about this log"))
	case string(rest) == nothing:
		return empty(origin)
	}
	c, err := proof.Open(rest, origin, log, own)
	if err == nil && len(c.Cosigned) != 1 {
		err = errors.New("it does not carry this witness's own signature")
	}
	if err != nil {
		return proof.Checkpoint{}, damaged(err)
	}
	return c, nil
}

// empty is what a log begins with.
func empty(origin string) (proof.Checkpoint, error) {
	h, err := tlog.TreeHash(0, nil)
	return proof.Checkpoint{Origin: origin, Tree: tlog.Tree{Hash: h}}, err
}

// save writes what is about to be cosigned; it is durable when save returns.
func (s *shelf) save(origin string, cosigned []byte) error {
	return s.put(fileOf(origin), append([]byte(header(origin)), cosigned...))
}

// put writes a whole file: after an error, or a crash, it is as it was before or as it is given.
func (s *shelf) put(name string, data []byte) error {
	f, err := s.root.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.root.Rename(name+".tmp", name); err != nil {
		return err
	}
	return s.dir.Sync()
}
