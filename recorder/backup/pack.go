package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// A backup is a tar inside one age file: the signed manifest, then the files in
// its order.

const manifestName = "manifest"

// pack writes the archive. at gives the path of each file.
func pack(w io.Writer, m Manifest, signed []byte, at func(File) string) error {
	t := tar.NewWriter(w)
	entry := func(name string, size int64) error {
		return t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: m.Made, Typeflag: tar.TypeReg, Format: tar.FormatPAX})
	}
	if err := entry(manifestName, int64(len(signed))); err != nil {
		return err
	}
	if _, err := t.Write(signed); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := entry(f.Name, f.Size); err != nil {
			return err
		}
		if err := put(t, at(f)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return t.Close() // which says so when a file is shorter than listed
}

func put(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	_, err = io.Copy(w, f)
	return err
}

// An Unpacked is a backup that was opened into a folder. Its files are those
// that its manifest lists; who signed that is still to be asked.
type Unpacked struct {
	Manifest
	Signed []byte
	Dir    string
}

// Path is where a file is now.
func (u Unpacked) Path(f File) string { return filepath.Join(u.Dir, filepath.FromSlash(f.Name)) }

// Unpack opens a sealed backup into dir, which must be empty. It believes
// nothing: anybody can seal something to a public key. The error is a sentence
// for the person who restores.
func Unpack(sealed io.Reader, dir string, ids ...age.Identity) (u Unpacked, err error) {
	plain, err := age.Decrypt(sealed, ids...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return u, errors.New("this backup is not sealed to that identity: use the key of one of backup.recipients or, when there were none, the gateway's own vault key")
	case err != nil:
		return u, damaged(fmt.Errorf("it is no backup, or its beginning was changed: %w", err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return u, fmt.Errorf("restore into %s: %w", dir, err)
	}
	defer func() { _ = root.Close() }() // read only
	u.Dir = dir
	t := tar.NewReader(plain)
	if u.Signed, err = first(t); err != nil {
		return u, damaged(err)
	}
	if u.Manifest, err = parseManifest(u.Signed); err != nil {
		return u, damaged(err)
	}
	for _, f := range u.Files {
		if err := take(t, root, f); err != nil {
			return u, err
		}
	}
	if _, err := t.Next(); err != io.EOF {
		return u, damaged(errors.Join(errors.New("it goes on after its last file"), err))
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(plain, 1<<20)); err != nil || n == 1<<20 { // the seal holds to the end
		return u, damaged(errors.Join(errors.New("its end is not whole"), err))
	}
	return u, nil
}

func damaged(err error) error {
	return fmt.Errorf("this backup is damaged or was changed, and nothing was restored: %w: use another one", err)
}

func first(t *tar.Reader) ([]byte, error) {
	h, err := t.Next()
	switch {
	case err != nil:
		return nil, err
	case h.Name != manifestName || h.Typeflag != tar.TypeReg || h.Size > maxManifest:
		return nil, errors.New("it does not begin with its manifest")
	}
	return io.ReadAll(t)
}

// take writes the next file, which must be the one that is listed.
func take(t *tar.Reader, root *os.Root, f File) error {
	h, err := t.Next()
	switch {
	case err != nil:
		return damaged(fmt.Errorf("%s is missing: %w", f.Name, err))
	case h.Name != f.Name || h.Typeflag != tar.TypeReg || h.Size != f.Size || holes(h):
		return damaged(fmt.Errorf("%q stands where %s is listed", h.Name, f.Name))
	}
	if err := root.MkdirAll(path.Dir(f.Name), 0o700); err != nil {
		return fmt.Errorf("restore %s: %w", f.Name, err)
	}
	to, err := root.OpenFile(f.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore %s: %w", f.Name, err)
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(fileErrors{to}, sum), t)
	var full *writeError
	if errors.As(err, &full) {
		return errors.Join(fmt.Errorf("restore %s: %w", f.Name, full.error), to.Close())
	}
	if err != nil {
		return errors.Join(damaged(fmt.Errorf("%s ends too early: %w", f.Name, err)), to.Close())
	}
	if err := errors.Join(to.Sync(), to.Close()); err != nil {
		return fmt.Errorf("restore %s: %w", f.Name, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return damaged(fmt.Errorf("%s is not the file that is listed", f.Name))
	}
	return nil
}

// holes says whether an entry is larger than what it takes in the archive: no
// backup of ours is, and such a one fills a disk at no cost.
func holes(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// fileErrors marks what the disk did wrong, so that the backup is not blamed.
type fileErrors struct{ w io.Writer }

type writeError struct{ error }

func (f fileErrors) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}
