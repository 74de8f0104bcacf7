package recorder

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Find gives the folder of a session's recording. The error is fs.ErrNotExist
// if there is none. The session may come from outside: it is checked.
func Find(dir, session string) (string, error) {
	if err := checkID(session); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("find recording %s: %w", session, err)
	}
	defer func() { _ = root.Close() }() // read only
	months, err := monthsOf(root)
	if err != nil {
		return "", fmt.Errorf("find recording %s: %w", session, err)
	}
	for _, m := range months {
		if fi, err := root.Lstat(path.Join(m, session)); err == nil && fi.IsDir() {
			return filepath.Join(dir, filepath.FromSlash(m), session), nil
		}
	}
	return "", fmt.Errorf("find recording %s: %w", session, fs.ErrNotExist)
}

// monthsOf lists the folders yyyy/mm.
func monthsOf(root *os.Root) (months []string, err error) {
	years, err := folders(root, ".", func(name string) bool { return len(name) == 4 && strings.Trim(name, "0123456789") == "" })
	for _, y := range years {
		ms, err := folders(root, y, func(name string) bool { n, err := time.Parse("01", name); return err == nil && n.Format("01") == name })
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			months = append(months, path.Join(y, m))
		}
	}
	return months, err
}

// folders lists the folders in a folder whose names are of a form.
func folders(root *os.Root, in string, form func(string) bool) (names []string, err error) {
	es, err := fs.ReadDir(root.FS(), in)
	for _, e := range es {
		if form(e.Name()) && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func folderName(folder string) (string, error) {
	abs, err := filepath.Abs(folder)
	return filepath.Base(abs), err
}
