package proof

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

const (
	tarBlock = 512
	maxFiles = 1 << 20 // of a tar: a log of 130 million entries
)

// Tar gives the files in a tar without unpacking it: r is read when they are.
// It takes plain files and folders, each name once, none of which leads out,
// and nothing between or behind them. It holds the names in memory.
func Tar(r io.ReaderAt, size int64) (fs.FS, error) {
	a := &archive{r: r, files: map[string]*member{".": {name: ".", dir: true}}}
	in := io.NewSectionReader(r, 0, size)
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return a, a.rest(in, size)
		}
		if err != nil {
			return nil, fmt.Errorf("read the tar: %w", err)
		}
		at, err := in.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("read the tar: %w", err)
		}
		if err := a.take(h, at, size); err != nil {
			return nil, fmt.Errorf("read the tar: %w", err)
		}
	}
}

// An archive is the index of a tar.
type archive struct {
	r     io.ReaderAt
	files map[string]*member
}

// A member is a file in it, or a folder.
type member struct {
	name     string
	dir      bool
	at, size int64
	below    []fs.DirEntry // of a folder
}

func (a *archive) take(h *tar.Header, at, size int64) error {
	dir := h.Typeflag == tar.TypeDir
	name := strings.TrimPrefix(h.Name, "./")
	if dir {
		name = strings.TrimSuffix(name, "/")
	}
	switch {
	case dir && name == "":
		return nil
	case !dir && h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%.80q is neither a plain file nor a folder", h.Name)
	case !fs.ValidPath(name) || len(name) > 255:
		return fmt.Errorf("%.80q is no name inside the log", h.Name)
	case h.Size < 0 || h.Size > size-at || dir && h.Size > 0:
		return fmt.Errorf("%.80q has %d bytes", h.Name, h.Size)
	case sparse(h):
		return fmt.Errorf("%.80q has holes", h.Name)
	case len(a.files) >= maxFiles:
		return fmt.Errorf("there are more than %d files", maxFiles)
	}
	if !dir {
		if err := a.zeros(at+h.Size, -h.Size&(tarBlock-1)); err != nil {
			return fmt.Errorf("behind %.80q: %w", h.Name, err)
		}
	}
	return a.put(&member{name: name, dir: dir, at: at, size: h.Size})
}

func sparse(h *tar.Header) bool {
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// put adds a member, and the folders that it is in.
func (a *archive) put(m *member) error {
	if was, ok := a.files[m.name]; ok {
		if m.dir && was.dir {
			return nil
		}
		return fmt.Errorf("%.80q stands there twice", m.name)
	}
	up := path.Dir(m.name)
	if err := a.put(&member{name: up, dir: true}); m.name != "." && err != nil {
		return err
	}
	a.files[m.name] = m
	a.files[up].below = append(a.files[up].below, fs.FileInfoToDirEntry(m))
	return nil
}

// rest is what follows the end of the last file: zeros.
func (a *archive) rest(in *io.SectionReader, size int64) error {
	at, err := in.Seek(0, io.SeekCurrent)
	if err == nil {
		err = a.zeros(at, size-at)
	}
	if err != nil {
		return fmt.Errorf("read the tar: behind its end: %w", err)
	}
	for _, m := range a.files {
		slices.SortFunc(m.below, func(x, y fs.DirEntry) int { return strings.Compare(x.Name(), y.Name()) })
	}
	return nil
}

const maxRest = 1 << 20 // bytes: of the last record

func (a *archive) zeros(at, n int64) error {
	if n > maxRest {
		return fmt.Errorf("there are %d bytes more", n)
	}
	b := make([]byte, n)
	if _, err := a.r.ReadAt(b, at); n > 0 && err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return errors.New("there is something where nothing should be")
	}
	return nil
}

// Open gives a file or a folder.
func (a *archive) Open(name string) (fs.File, error) {
	m, ok := a.files[name]
	switch {
	case !fs.ValidPath(name):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case m.dir:
		return &folder{member: m}, nil
	}
	return &file{io.NewSectionReader(a.r, m.at, m.size), m}, nil
}

func (m *member) Name() string       { return path.Base(m.name) }
func (m *member) Size() int64        { return m.size }
func (m *member) ModTime() time.Time { return time.Time{} } // nobody signed for it
func (m *member) IsDir() bool        { return m.dir }
func (m *member) Sys() any           { return nil }

func (m *member) Mode() fs.FileMode {
	if m.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

type file struct {
	*io.SectionReader
	m *member
}

func (f *file) Stat() (fs.FileInfo, error) { return f.m, nil }
func (f *file) Close() error               { return nil }

type folder struct {
	*member
	read int
}

func (f *folder) Stat() (fs.FileInfo, error) { return f.member, nil }
func (f *folder) Close() error               { return nil }

func (f *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("it is a folder")}
}

// ReadDir is that of fs.ReadDirFile.
func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	left := f.below[f.read:]
	if n > 0 {
		if len(left) == 0 {
			return nil, io.EOF
		}
		left = left[:min(n, len(left))]
	}
	f.read += len(left)
	return slices.Clone(left), nil
}
