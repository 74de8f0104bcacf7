package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// gather copies everything into the folder open, lists it, and says where each
// file is. What is listed cannot change any more.
func (m *Maker) gather(ctx context.Context, list *Manifest, open string) (at map[string]string, err error) {
	others, err := m.Files()
	if err != nil {
		return nil, err
	}
	at = map[string]string{ledgerName: filepath.Join(open, ledgerName)}
	size, sum, err := fill(ctx, at[ledgerName], func(w io.Writer) error { _, err := m.Copy(ctx, w); return err })
	if err != nil {
		return nil, fmt.Errorf("copy the ledger: %w", err)
	}
	list.Files = append(list.Files, File{ledgerName, IsLedger, size, sum})
	for i, name := range slices.Sorted(maps.Keys(others)) {
		from := others[name]
		at[name] = filepath.Join(open, fmt.Sprint(i))
		size, sum, err := fill(ctx, at[name], func(w io.Writer) error { return put(w, from.Path) })
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", from.Path, err)
		}
		list.Files = append(list.Files, File{name, from.Role, size, sum})
	}
	return at, nil
}

// Tree lists the files right below a folder, but hidden ones, under a name for it.
func Tree(role Role, name, dir string) (map[string]Source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	all := map[string]Source{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // of what a link names
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", dir, err)
		}
		if info.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			all[name+"/"+e.Name()] = Source{role, path}
		}
	}
	return all, nil
}

// sameDisk says whether two folders are on one disk.
func sameDisk(a, b string) (bool, error) {
	one, err := os.Stat(a)
	two, err2 := os.Stat(b)
	if err := errors.Join(err, err2); err != nil {
		return false, err
	}
	x, ok := one.Sys().(*syscall.Stat_t)
	y, ok2 := two.Sys().(*syscall.Stat_t)
	return !ok || !ok2 || x.Dev == y.Dev, nil // when it cannot be known, there must be room for both
}
