package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	part  = ".part-"   // begins what a sealed file is called until it is verified
	work  = ".backup-" // folders beside the ledger, with what is open
	slice = 4 << 20    // bytes between two syncs: the ledger's own syncs never wait for more
)

// A paced file hashes what is written to it, takes it to the disk a little at a
// time, and ends with its context.
type paced struct {
	ctx  context.Context
	f    *os.File
	sum  hash.Hash
	n    int64
	owed int64 // not synced yet
}

// create makes a file that is its owner's alone and was not there before.
func create(ctx context.Context, path string) (*paced, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &paced{ctx: ctx, f: f, sum: sha256.New()}, nil
}

func (p *paced) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		if err = context.Cause(p.ctx); err != nil {
			break
		}
		var w int
		w, err = p.f.Write(b[:min(len(b), slice)])
		_, _ = p.sum.Write(b[:w]) // a hash does not fail
		n, b, p.n, p.owed = n+w, b[w:], p.n+int64(w), p.owed+int64(w)
		if p.owed >= slice && err == nil {
			p.owed, err = 0, p.f.Sync()
		}
	}
	return n, err
}

func (p *paced) digest() string { return hex.EncodeToString(p.sum.Sum(nil)) }

// close takes the rest to the disk, and out of memory where the system can.
func (p *paced) close() error {
	err := p.f.Sync()
	forget(p.f)
	return errors.Join(err, p.f.Close())
}

// fill writes a whole file.
func fill(ctx context.Context, path string, from func(io.Writer) error) (size int64, sum string, err error) {
	p, err := create(ctx, path)
	if err != nil {
		return 0, "", err
	}
	if err := errors.Join(from(p), p.close()); err != nil {
		return 0, "", err
	}
	return p.n, p.digest(), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// replace writes a small file at once: whoever reads it finds the old or the new.
// One at a time for each path.
func replace(path string, text []byte) error {
	next := path + ".new" // what a crash leaves there is overwritten
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// room refuses to begin what would not fit. Nothing is reserved.
func room(dir string, need int64) error {
	free, err := Free(dir)
	if err == nil && free < need {
		err = fmt.Errorf("%s has %d MiB free, and this needs %d: make room, or give backup.dir another disk", dir, free>>20, need>>20)
	}
	return err
}

// sweep removes what a run that was cut off left.
func sweep(dir, begins string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), begins) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
