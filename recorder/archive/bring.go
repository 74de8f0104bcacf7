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
	"path/filepath"
	"slices"
	"sync"
	"time"

	"lockbox/recorder"
)

const (
	getMost    = time.Minute // one object
	roomEvery  = 64          // segments, after which there must still be room for new recordings
	bringTries = 3
)

// Bring makes sure that a recording is on the local disk, if the Store has it.
// The error is fs.ErrNotExist if nobody has it.
func (k *Keeper) Bring(ctx context.Context, session string) error {
	if _, err := recorder.Find(k.Shelf.Dir, session); !errors.Is(err, fs.ErrNotExist) || k.Store == nil {
		return err
	}
	defer k.alone(session)()
	if _, err := recorder.Find(k.Shelf.Dir, session); !errors.Is(err, fs.ErrNotExist) {
		return err // another call brought it
	}
	if err := k.bring(ctx, session); err != nil {
		return fmt.Errorf("bring recording %s from %s: %w", session, k.Store, err)
	}
	return nil
}

func (k *Keeper) bring(ctx context.Context, session string) error {
	root, err := k.root()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only a way in
	got, err := k.fetch(ctx, root, session)
	if err != nil {
		return err
	}
	defer func() { _ = root.RemoveAll(got.tmp) }() // tidy does it else
	if err := makeFolders(root, got.month); err != nil {
		return err
	}
	if err := root.Rename(got.folder, path.Join(got.month, session)); err != nil {
		return err
	}
	if err := syncFolder(root, got.month); err != nil {
		return err
	}
	done, err := noted(root, got.month, stored)
	if err == nil && !done[session] {
		err = remember(root, got.month, stored, session)
	}
	return err
}

// A fetched recording stands in a folder of its own, verified.
type fetched struct {
	tmp      string // to be removed
	folder   string // in tmp
	month    string
	manifest recorder.Manifest
}

// fetch gets a recording out of the Store. What is not as it was signed is an error.
func (k *Keeper) fetch(ctx context.Context, root *os.Root, session string) (got fetched, err error) {
	if err := k.Shelf.Ready(); err != nil {
		return got, fmt.Errorf("no room to bring it to: %w", err)
	}
	month, signed, err := k.locate(ctx, session)
	if err != nil {
		return got, err
	}
	m, err := recorder.Signed(signed, k.Shelf.Verifier)
	if err == nil && m.Session != session {
		err = fmt.Errorf("the manifest is of session %s", m.Session)
	}
	if err != nil {
		return got, err
	}
	got.month, got.tmp = month, path.Join(notesDir, "bring-"+rand.Text())
	got.folder = path.Join(got.tmp, session)
	defer func() {
		if err != nil {
			_ = root.RemoveAll(got.tmp) // tidy does it else
		}
	}()
	if err := makeFolders(root, got.folder); err != nil {
		return got, err
	}
	if err := k.fill(ctx, root, got, signed, &m); err != nil {
		return got, err
	}
	got.manifest, err = recorder.Verify(filepath.Join(k.Shelf.Dir, filepath.FromSlash(got.folder)), k.Shelf.Verifier)
	return got, err
}

// locate finds a recording's manifest: in the month of its id, beside it, or in any other.
func (k *Keeper) locate(ctx context.Context, session string) (month string, signed []byte, err error) {
	ms, err := k.likely(ctx, session)
	for _, m := range ms {
		signed, err = k.object(ctx, path.Join(m, session, manifestName), manifestMost)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return m, signed, err
		}
	}
	if err == nil {
		err = fs.ErrNotExist
	}
	return "", nil, err
}

// likely gives the months that the Store may have a recording in, the likely
// ones first: whether or not they are listed, for what is only a version of an
// object that was deleted is not.
func (k *Keeper) likely(ctx context.Context, session string) (ms []string, err error) {
	made := madeIn(session)
	for _, away := range []int{0, -1, 1} {
		ms = append(ms, made.AddDate(0, away, 0).Format("2006/01"))
	}
	all, err := k.Store.months(ctx)
	for _, m := range all {
		if !slices.Contains(ms[:3], m) {
			ms = append(ms, m)
		}
	}
	return ms, err
}

// object gets an object within its time, and tries again where there was trouble.
func (k *Keeper) object(ctx context.Context, name string, limit int64) (data []byte, err error) {
	for n := 1; ; n++ {
		data, err = k.getOnce(ctx, name, limit)
		if err == nil || n == bringTries || ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) || errors.As(err, new(tooLarge)) {
			return data, err
		}
		t := time.NewTimer(backoff(n))
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

func (k *Keeper) getOnce(ctx context.Context, name string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, getMost)
	defer cancel()
	return k.Store.get(ctx, name, limit)
}

// fill writes a recording's files: the key if there is one, what the manifest
// names, and the manifest.
func (k *Keeper) fill(ctx context.Context, root *os.Root, got fetched, signed []byte, m *recorder.Manifest) error {
	sub, err := root.OpenRoot(got.folder)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }() // only a way in
	if err := k.fillKey(ctx, root, sub, path.Join(got.month, m.Session), m); err != nil {
		return err
	}
	for i := 0; i < len(m.Segments); i += roomEvery {
		if err := k.Shelf.Ready(); err != nil {
			return fmt.Errorf("no room to bring it to: %w", err)
		}
		if err := k.fillSome(ctx, sub, path.Join(got.month, m.Session), m.Segments[i:min(i+roomEvery, len(m.Segments))]); err != nil {
			return err
		}
	}
	for _, t := range m.Tracks {
		if err := syncFolder(sub, t); err != nil && !errors.Is(err, fs.ErrNotExist) { // a track without a segment
			return err
		}
	}
	if err := write(sub, manifestName, signed); err != nil {
		return err
	}
	return syncFolder(sub, ".")
}

// fillKey gets the key, unless it was destroyed.
func (k *Keeper) fillKey(ctx context.Context, root, sub *os.Root, folder string, m *recorder.Manifest) error {
	dead, err := k.dead(ctx, root, m.Session)
	if dead || err != nil {
		return err
	}
	key, err := k.object(ctx, path.Join(folder, keyName), keyMost)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // Verify says that it is erased
	}
	if err == nil && sha256.Sum256(key) != m.Key {
		err = fmt.Errorf("%s is not the key that was signed for", keyName)
	}
	if err != nil {
		return err
	}
	return write(sub, keyName, key)
}

// fillSome gets some segments, a few at a time.
func (k *Keeper) fillSome(ctx context.Context, sub *os.Root, folder string, segs []recorder.Segment) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(segs) && ctx.Err() == nil; i += workers {
				if err := guard(func() error { return k.fillOne(ctx, sub, folder, segs[i]) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (k *Keeper) fillOne(ctx context.Context, sub *os.Root, folder string, s recorder.Segment) error {
	if !isFile(s.Name()) || s.Size < 0 || s.Size > segmentMost {
		return fmt.Errorf("the manifest names %s of %d bytes, which is no segment", s.Name(), s.Size)
	}
	data, err := k.object(ctx, path.Join(folder, s.Name()), s.Size)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); int64(len(data)) != s.Size || !bytes.Equal(sum[:], s.Hash[:]) {
		return fmt.Errorf("%s is not what was signed", s.Name())
	}
	if err := makeFolders(sub, s.Track); err != nil {
		return err
	}
	return write(sub, s.Name(), data)
}
