package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// files is a store that is a folder: of another disk, or of the network. Our
// own, for gocloud's does not sync: what was cut short by a crash would be in
// the way for ever.
type files struct{ root *os.Root }

// halfMade begins the name of what is being written.
const halfMade = ".new-"

func openFiles(folder string) (objects, error) {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make the folder: an unmounted disk would not be seen otherwise: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return &files{root}, nil
}

// put writes beside, and links into place: that fails if something is there.
func (f *files) put(_ context.Context, key string, data []byte) error {
	if err := makeFolders(f.root, path.Dir(key)); err != nil {
		return err
	}
	tmp := path.Join(path.Dir(key), halfMade+rand.Text())
	if err := write(f.root, tmp, data); err != nil {
		return errors.Join(err, f.root.Remove(tmp))
	}
	err := f.root.Link(tmp, key)
	if errors.Is(err, fs.ErrExist) {
		err = errTaken
	}
	return errors.Join(err, f.root.Remove(tmp), syncFolder(f.root, path.Dir(key)))
}

func (f *files) get(_ context.Context, key string, most int64) ([]byte, error) {
	fi, err := f.root.Lstat(key)
	if err == nil && fi.Size() > most {
		return nil, tooLarge{key, most}
	}
	return read(f.root, key, most)
}

func (f *files) folders(_ context.Context, prefix string, found func(string) error) error {
	names, err := list(f.root, path.Clean(prefix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, n := range names {
		if strings.HasPrefix(n, ".") {
			continue
		}
		if err := found(n); err != nil {
			return err
		}
	}
	return err
}

// destroy takes what a crash left half made beside, too: it can be the same.
func (f *files) destroy(_ context.Context, key string) (n int, err error) {
	es, err := fs.ReadDir(f.root.FS(), path.Dir(key))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range es {
		if e.Name() != path.Base(key) && !strings.HasPrefix(e.Name(), halfMade) {
			continue
		}
		if e := shred(f.root, path.Join(path.Dir(key), e.Name())); e != nil {
			return n, e
		}
		n++
	}
	return n, err
}

func (f *files) close() error { return f.root.Close() }
