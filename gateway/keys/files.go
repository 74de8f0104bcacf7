package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxFile is more than any key file needs.
const maxFile = 16 << 10

// A box is the directory of a ring, open.
type box struct {
	dir  string
	root *os.Root
}

func openBox(dir string) (box, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return box{}, fmt.Errorf("keys: %s is missing: restore it from a backup, or run `lockbox init` for new keys", dir)
	}
	if err != nil {
		return box{}, fmt.Errorf("keys: open %s: %w", dir, err)
	}
	info, err := root.Stat(".")
	if err == nil {
		err = private(dir, info, 0o700)
	}
	if err != nil {
		_ = root.Close() // read only
		return box{}, err
	}
	return box{dir, root}, nil
}

func (b box) path(name string) string { return filepath.Join(b.dir, name) }

// has says whether there is such a file, or anything of that name.
func (b box) has(name string) bool {
	_, err := b.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// read gives the content of one key file, if nobody else can change it, or read it if it is secret.
func (b box) read(name string) ([]byte, error) {
	path := b.path(name)
	// Without O_NONBLOCK a named pipe would hold the start for ever.
	f, err := b.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: restore it from a backup; a new one is made only with a whole new ring, by `lockbox init`", path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%s cannot be read: give it to the user that lockbox runs as: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: put the key itself there", path)
	}
	mode := fs.FileMode(0o600)
	if name == vaultPubFile {
		mode = 0o644
	}
	if err := private(path, info, mode); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read key %s: %w", path, err)
	case len(text) == 0:
		return nil, fmt.Errorf("%s is empty: restore it from a backup", path)
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s is larger than any key: restore it from a backup", path)
	}
	return text, nil
}

// private refuses what another user owns, or may do more with than mode says.
func private(path string, info fs.FileInfo, mode fs.FileMode) error {
	if perm := info.Mode().Perm(); perm&0o077&^mode != 0 {
		return fmt.Errorf("%s is open to other users (mode %04o): make sure nobody copied or changed it, then chmod %o %s", path, perm, mode, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return fmt.Errorf("%s belongs to user %d: chown it to the user that lockbox runs as", path, st.Uid)
	}
	return nil
}
