package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"lockbox/recorder"
)

// Trim removes local copies, closed before a time, of what the Store was seen
// to have whole: it is asked for every byte of them first. One that was brought
// back stays until it has been here so long again.
func (k *Keeper) Trim(ctx context.Context, before time.Time) error {
	if k.Store == nil {
		return nil
	}
	root, err := k.root()
	if err != nil {
		return fmt.Errorf("trim recordings: %w", err)
	}
	defer func() { _ = root.Close() }() // only a way in
	if err := k.elsewhere(ctx, root); err != nil {
		return fmt.Errorf("trim recordings: %w", err)
	}
	ms, err := months(root)
	if err != nil {
		return fmt.Errorf("trim recordings: %w", err)
	}
	for _, m := range ms {
		done, e := noted(root, m, stored)
		ids, e2 := sessions(root, m)
		err = errors.Join(err, e, e2)
		for _, id := range ids {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !done[id] {
				continue
			}
			if e := k.trim(ctx, root, m, id, before); e != nil {
				err = errors.Join(err, fmt.Errorf("trim recording %s: %w", id, e))
			}
		}
	}
	return err
}

// trim removes one recording, if it is old enough and all of it is stored.
func (k *Keeper) trim(ctx context.Context, root *os.Root, month, session string, before time.Time) error {
	folder := path.Join(month, session)
	fi, err := root.Lstat(folder)
	if err != nil || !fi.ModTime().Before(before) || !closed(root, folder) {
		return err
	}
	defer k.alone(session)()
	signed, err := read(root, path.Join(folder, manifestName), manifestMost)
	if err != nil {
		return err
	}
	m, err := recorder.Signed(signed, k.Shelf.Verifier)
	if err != nil || m.Session != session || !m.Ended.Before(before) || !there(root, path.Join(folder, keyName)) {
		return err
	}
	if err := k.compare(ctx, root, folder, signed, &m); err != nil {
		return err
	}
	away := path.Join(notesDir, "trim-"+session+"-"+rand.Text())
	if err := makeFolders(root, notesDir); err != nil {
		return err
	}
	if err := root.Rename(folder, away); err != nil {
		return err
	}
	return errors.Join(syncFolder(root, month), root.RemoveAll(away))
}

// elsewhere looks that what the Store has is another copy: it can be the same
// folder, under whatever name.
func (k *Keeper) elsewhere(ctx context.Context, root *os.Root) error {
	if err := makeFolders(root, notesDir); err != nil {
		return err
	}
	probe := path.Join(notesDir, "probe-"+rand.Text())
	if err := write(root, probe, []byte("is this the store?\n")); err != nil {
		return err
	}
	defer func() { _ = root.Remove(probe) }() // it says nothing
	_, err := k.object(ctx, probe, keyMost)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		err = fmt.Errorf("%s is the folder of the recordings itself: nothing is removed here", k.Store)
	}
	return err
}

// compare looks that the Store has every file that was signed for.
func (k *Keeper) compare(ctx context.Context, root *os.Root, folder string, signed []byte, m *recorder.Manifest) error {
	if dead, err := k.dead(ctx, root, m.Session); dead || err != nil {
		return errors.Join(err, errors.New("its key was destroyed"))
	}
	got, err := k.object(ctx, path.Join(folder, manifestName), int64(len(signed)))
	if err != nil || !bytes.Equal(got, signed) {
		return fmt.Errorf("the store does not have the same %s: %w", manifestName, orOther(err))
	}
	key, err := k.object(ctx, path.Join(folder, keyName), keyMost)
	if err != nil || sha256.Sum256(key) != m.Key {
		return fmt.Errorf("the store does not have the same %s: %w", keyName, orOther(err))
	}
	for _, s := range m.Segments {
		data, err := k.object(ctx, path.Join(folder, s.Name()), s.Size)
		if err != nil || int64(len(data)) != s.Size || sha256.Sum256(data) != s.Hash {
			return fmt.Errorf("the store does not have the same %s: %w", s.Name(), orOther(err))
		}
	}
	return nil
}

func orOther(err error) error {
	if err == nil {
		return errors.New("it has other bytes")
	}
	return err
}
