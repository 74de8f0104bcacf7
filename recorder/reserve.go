package recorder

import (
	"errors"
	"io/fs"
	"os"
)

// What is kept of the disk for breaking the glass: a file in the shelf's folder
// that is given up when an emergency needs the room.
const (
	spareName    = ".reserve"
	spareDefault = 256 << 20
)

// spare is how many bytes are kept. A shelf that minds no limits keeps none.
func (s *Shelf) spare() int64 {
	switch {
	case s.Reserve < 0 || s.Reserve == 0 && s.MinFree < 0:
		return 0
	case s.Reserve == 0:
		return spareDefault
	}
	return s.Reserve
}

// stock keeps room for emergencies if there is more than enough of it now.
func (s *Shelf) stock() error {
	want := s.spare()
	if want == 0 {
		return nil
	}
	d, err := s.disk()
	if err != nil {
		return err
	}
	defer func() { _ = d.root.Close() }() // only a way in
	if fi, err := d.root.Lstat(spareName); err == nil && fi.Size() == want || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	free, all, err := s.space()
	if err == nil {
		err = s.enough(free-want, all)
	}
	if err != nil {
		return err
	}
	const tmp = spareName + ".tmp" // what is half taken is not the reserve
	err = d.fill(tmp, 0, want)
	if err == nil {
		err = d.rename(tmp, spareName)
	}
	if err != nil {
		_ = d.root.Remove(tmp) // it takes room
	}
	return err
}

// squeeze finds room for an emergency.
func (s *Shelf) squeeze(d *disk) error {
	if s.room() == nil {
		return nil
	}
	err := s.spend(d)
	if errors.Is(err, fs.ErrNotExist) { // it is spent already; what is left will do, or will not
		return nil
	}
	return err
}

// spend gives the room kept for emergencies up; the error is why it cannot.
func (s *Shelf) spend(d *disk) error {
	if _, err := d.root.Lstat(spareName); err != nil {
		return err
	}
	return errors.Join(d.remove(spareName), d.syncDir("."))
}

// writeZeros writes what allocate cannot take otherwise.
func writeZeros(f *os.File, from, size int64) error {
	b := make([]byte, 64<<10)
	for from < size {
		n, err := f.WriteAt(b[:min(int64(len(b)), size-from)], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return f.Sync()
}
