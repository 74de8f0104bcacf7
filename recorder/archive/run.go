package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"

	"lockbox/recorder"
)

const (
	workers   = 4
	putMost   = time.Minute // one try
	scanEvery = time.Minute
	fullEvery = time.Hour // even where nothing seems to have changed
	sweepFor  = time.Hour // an upload that was under way can come to its end so late
)

// Run takes closed segments to the Store until ctx ends, what a stop left too.
// It destroys keys again that come back after they were destroyed.
func (k *Keeper) Run(ctx context.Context) error {
	if err := os.MkdirAll(k.Shelf.Dir, 0o700); err != nil {
		return fmt.Errorf("keep recordings: %w", err)
	}
	k.report(k.tidy())
	k.mu.Lock()
	k.began = k.now()
	k.mu.Unlock()
	var all sync.WaitGroup
	defer all.Wait()
	if k.Store != nil {
		for range workers {
			all.Go(func() { k.work(ctx) })
		}
	}
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for full := (time.Time{}); ; {
		whole := time.Since(full) >= fullEvery
		if whole {
			full = time.Now()
		}
		if err := k.scan(ctx, whole); err != nil && ctx.Err() == nil {
			k.report(fmt.Errorf("look for recordings to store: %w", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// work sends one file after the other.
func (k *Keeper) work(ctx context.Context) {
	for ctx.Err() == nil {
		f, wait, changed := k.take()
		if f != nil {
			err := guard(func() error { return k.send(ctx, f) })
			if errors.Is(err, errDead) {
				if err = k.bury(ctx, f.session); err == nil {
					err = errDrop
				}
			}
			if ctx.Err() != nil {
				return // what is not done, the next Run finds
			}
			if err = k.settle(f, err); err != nil {
				k.report(fmt.Errorf("store %s of recording %s: %w", f.name, f.session, err))
			}
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.C:
		}
		t.Stop()
	}
}

// send takes one file to the Store.
func (k *Keeper) send(ctx context.Context, f *file) error {
	defer k.beside(f.session)()
	ctx, cancel := context.WithTimeout(ctx, putMost)
	defer cancel()
	root, err := k.root()
	if err != nil {
		return localError{err}
	}
	defer func() { _ = root.Close() }() // only a way in
	if err := k.place(f); err != nil {
		return err
	}
	if f.name == manifestName {
		return k.sendLast(ctx, root, f)
	}
	if f.name == keyName {
		if dead, err := k.dead(ctx, root, f.session); err != nil {
			return err
		} else if dead {
			return errDead
		}
	}
	return k.sendBytes(ctx, root, f)
}

// place finds the month of a file's recording.
func (k *Keeper) place(f *file) error {
	if f.month != "" {
		return nil
	}
	folder, err := recorder.Find(k.Shelf.Dir, f.session)
	if errors.Is(err, fs.ErrNotExist) {
		return errDrop // in quarantine, or trimmed
	}
	if err != nil {
		return localError{err}
	}
	month := path.Dir(folder)
	f.month = path.Base(path.Dir(month)) + "/" + path.Base(month)
	return nil
}

func (k *Keeper) sendBytes(ctx context.Context, root *os.Root, f *file) error {
	data, err := read(root, path.Join(f.folder(), f.name), most(f.name))
	if errors.Is(err, fs.ErrNotExist) {
		return errDrop
	}
	if err != nil {
		return localError{err}
	}
	k.mu.Lock()
	f.size = int64(len(data))
	k.mu.Unlock()
	return k.Store.put(ctx, path.Join(f.folder(), f.name), data)
}

// sendLast sends the manifest, if all else is there, and notes that the
// recording is stored whole.
func (k *Keeper) sendLast(ctx context.Context, root *os.Root, f *file) error {
	if !there(root, f.folder()) {
		return errDrop
	}
	if !closed(root, f.folder()) {
		return errDrop // it failed, and Recover makes another; the scan finds that
	}
	more, err := k.addAll(root, f.month, f.session)
	switch {
	case err != nil:
		return localError{err}
	case more:
		return errDefer
	}
	if err := k.allSent(root, f); err != nil {
		return localError{err}
	}
	if err := k.sendBytes(ctx, root, f); err != nil {
		return err
	}
	if err := remember(root, f.month, stored, f.session); err != nil {
		return localError{err}
	}
	return nil
}

// allSent looks that what a manifest names has been sent: it may be missing here.
func (k *Keeper) allSent(root *os.Root, f *file) error {
	signed, err := read(root, path.Join(f.folder(), manifestName), manifestMost)
	if err != nil {
		return err
	}
	m, err := recorder.Signed(signed, k.Shelf.Verifier)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range m.Segments {
		if !k.queue.sent[f.session][s.Name()] {
			return fmt.Errorf("%s, which the manifest names, is not there or not a plain file", s.Name())
		}
	}
	return nil
}

// addAll queues what a recording has, and says whether there was something new
// besides the manifest.
func (k *Keeper) addAll(root *os.Root, month, session string) (more bool, err error) {
	folder := path.Join(month, session)
	sub, err := root.OpenRoot(folder)
	if err != nil {
		return false, err
	}
	defer func() { _ = sub.Close() }() // read only
	err = fs.WalkDir(sub.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !isFile(name) {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		f := &file{session: session, name: name, month: month, size: fi.Size(), closed: fi.ModTime()}
		k.mu.Lock()
		defer k.mu.Unlock()
		if f.name != manifestName && !k.queue.sent[session][name] {
			more = true
		}
		k.queue.add(f)
		return nil
	})
	return more, err
}
