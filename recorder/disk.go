package recorder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
)

// A disk is one folder that is written durably. Names are inside the folder;
// no link leads out of it.
type disk struct {
	root   *os.Root
	alive  func()                             // told before every step; nil for none
	before func(op, name string, n int) error // nil, but in tests: stalls or breaks a step
	late   map[string]bool                    // folders that settle syncs; nil: each at once
}

// defers has folders synced by settle, once for all that was done in them: while
// a journal holds what they hold, or nothing may rest on them yet. One sync of a
// file mostly takes the others along, so that theirs have nothing to wait for.
func (d *disk) defers() {
	if d.late == nil {
		d.late = map[string]bool{}
	}
}

// settle syncs what was deferred. After an error all of it is still to be done.
func (d *disk) settle() error {
	late := d.late
	d.late = nil
	for _, name := range slices.Sorted(maps.Keys(late)) {
		if err := d.syncDir(name); err != nil {
			d.late = late
			return err
		}
	}
	return nil
}

func (d *disk) step(op, name string, n int) error {
	if d.alive != nil {
		d.alive()
	}
	if d.before == nil {
		return nil
	}
	return d.before(op, name, n)
}

// mkdir makes a folder and syncs its parent; whether it was made.
func (d *disk) mkdir(name string) (bool, error) {
	if err := d.step("mkdir", name, 0); err != nil {
		return false, err
	}
	err := d.root.Mkdir(name, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	return err == nil, d.syncDir(path.Dir(name)) // also when another made it: it may not have come to this
}

// put writes a whole file: after an error, or a crash, name is as it was before.
func (d *disk) put(name string, data []byte) error {
	return d.putAfter(name, data, func() error { return nil })
}

// putLast is put; what was deferred is durable before name is there.
func (d *disk) putLast(name string, data []byte) error { return d.putAfter(name, data, d.settle) }

func (d *disk) putAfter(name string, data []byte, ready func() error) error {
	tmp := name + ".tmp"
	err := d.write(tmp, data)
	if err == nil {
		err = ready()
	}
	if err == nil {
		err = d.rename(tmp, name)
	}
	if err != nil {
		_ = d.root.Remove(tmp) // it takes room
	}
	return err
}

// write makes a file and syncs it; its folder is the caller's to sync.
func (d *disk) write(name string, data []byte) error {
	f, err := d.draft(name, data)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// draft makes a file that is not synced.
func (d *disk) draft(name string, data []byte) (*file, error) {
	f, err := d.anew(name)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(data); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (d *disk) rename(from, to string) error {
	if err := d.step("rename", to, 0); err != nil {
		return err
	}
	if err := d.root.Rename(from, to); err != nil {
		return err
	}
	return d.syncDir(path.Dir(to))
}

// remove is durable after the next syncDir. What is not there is fine.
func (d *disk) remove(name string) error {
	if err := d.step("remove", name, 0); err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// fill makes a file that takes room, or has one take more.
func (d *disk) fill(name string, from, size int64) error {
	if err := d.step("fill", name, int(size-from)); err != nil {
		return err
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(allocate(f, from, size), f.Close())
}

func (d *disk) syncDir(name string) error {
	if d.late != nil {
		d.late[name] = true
		return nil
	}
	if err := d.step("sync", name, 0); err != nil {
		return err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

// create makes a file that is not there yet.
func (d *disk) create(name string) (*file, error) {
	if err := d.step("create", name, 0); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{disk: d, name: name, File: f}, nil
}

// anew makes a file that is not there, or that was left by a try that failed.
func (d *disk) anew(name string) (*file, error) {
	f, err := d.create(name)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	if err := d.remove(name); err != nil {
		return nil, err
	}
	return d.create(name)
}

// A file is open for writing.
type file struct {
	*os.File
	disk *disk
	name string
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.disk.step("write", f.name, len(p)); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *file) Sync() error {
	if err := f.disk.step("sync", f.name, 0); err != nil {
		return err
	}
	return f.File.Sync()
}

// read takes a plain file of at most limit bytes.
func read(root *os.Root, name string, limit int64) ([]byte, error) {
	fi, err := root.Lstat(name)
	switch {
	case err != nil:
		return nil, err
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a plain file", name)
	case fi.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, fi.Size(), limit)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	return io.ReadAll(io.LimitReader(f, limit))
}
