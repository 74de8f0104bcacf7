package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// graveName is the object that says, to whoever uses the same Store, that a key
// was destroyed. It is signed: who can only write there destroys nothing by it.
func graveName(session string) string { return path.Join("destroyed", session) }

// Destroy destroys the key of a recording in every copy, versions of objects
// too, and looks that it is gone. It gives the places where there was one.
// After an error it is to be asked again.
func (k *Keeper) Destroy(ctx context.Context, session string) (copies []string, err error) {
	if err := checkSession(session); err != nil {
		return nil, err
	}
	defer k.alone(session)()
	root, err := k.root()
	if err != nil {
		return nil, fmt.Errorf("destroy the key of %s: %w", session, err)
	}
	defer func() { _ = root.Close() }() // only a way in
	if copies, err = k.destroy(ctx, root, session); err != nil {
		return copies, fmt.Errorf("destroy the key of %s: %w", session, err)
	}
	return copies, nil
}

func (k *Keeper) destroy(ctx context.Context, root *os.Root, session string) (copies []string, err error) {
	here, err := k.copiesHere(root, session)
	if err != nil {
		return nil, err
	}
	if err := k.entomb(root, session); err != nil {
		return nil, err
	}
	for _, name := range here {
		if err := shred(root, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return copies, err
		}
		copies = append(copies, "this disk: "+path.Dir(name))
	}
	if k.Store != nil {
		n, err := k.destroyStored(ctx, session)
		if n > 0 {
			copies = append(copies, fmt.Sprintf("%s: %d of the object and its versions", k.Store, n))
		}
		if err != nil {
			return copies, fmt.Errorf("%s: %w", k.Store, err)
		}
	}
	if left, err := k.copiesHere(root, session); err != nil || len(left) > 0 {
		return copies, errors.Join(err, fmt.Errorf("there is %s again", strings.Join(left, ", ")))
	}
	return copies, nil
}

// entomb remembers for good that a key is to be had by nobody, before it is destroyed.
func (k *Keeper) entomb(root *os.Root, session string) error {
	dead, err := gone(root, session)
	if err == nil && !dead {
		err = remember(root, graveOf(session), destroyed, session)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.recent == nil {
		k.recent = map[string]time.Time{}
	}
	k.recent[session] = time.Now()
	return err
}

// copiesHere finds what on this disk opens a recording: keys, in quarantine and
// in copies under way too, and journals in quarantine, which hold the secrets
// of what was open. One that goes on, or waits for Recover, is refused.
func (k *Keeper) copiesHere(root *os.Root, session string) (names []string, err error) {
	ms, err := months(root)
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		folder := path.Join(m, session)
		if !there(root, folder) {
			continue
		}
		if !closed(root, folder) {
			return nil, errors.New("it is still being recorded, or waits to be recovered: ask again when it is closed")
		}
		if name := path.Join(folder, keyName); there(root, name) {
			names = append(names, name)
		}
	}
	for _, in := range []string{quarantine, notesDir} {
		err := fs.WalkDir(root.FS(), in, func(name string, e fs.DirEntry, err error) error {
			switch base := path.Base(name); {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case e.IsDir() && in == quarantine && name != in && !strings.HasPrefix(base, session):
				return fs.SkipDir
			case !e.IsDir() && strings.Contains(name, session) && (base == keyName || strings.HasPrefix(base, journalName)):
				names = append(names, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// destroyStored destroys a key in the Store, in every version, and leaves a
// word that it was.
func (k *Keeper) destroyStored(ctx context.Context, session string) (n int, err error) {
	if k.Store == nil {
		return 0, nil
	}
	inTheWay := k.engrave(ctx, session)
	if inTheWay != nil && !errors.As(inTheWay, new(*ConflictError)) {
		return 0, inTheWay
	}
	ms, err := k.likely(ctx, session)
	if err != nil {
		return 0, err
	}
	for _, m := range ms {
		some, err := k.Store.in.destroy(ctx, k.Store.prefix+path.Join(m, session, keyName))
		n += some
		if err != nil {
			return n, err
		}
	}
	return n, inTheWay
}

// engrave leaves the word in the Store that a key was destroyed.
func (k *Keeper) engrave(ctx context.Context, session string) error {
	word, err := k.Shelf.SignDestroyed(session)
	if err != nil {
		return err
	}
	if err = k.Store.put(ctx, graveName(session), word); !errors.As(err, new(*ConflictError)) {
		return err
	}
	if is, _ := k.buried(ctx, session); is { // by another key of ours
		return nil
	}
	return err
}

// buried says whether the Store has the word that a key was destroyed. Other
// bytes in its place are a *ConflictError.
func (k *Keeper) buried(ctx context.Context, session string) (bool, error) {
	if k.Store == nil {
		return false, nil
	}
	word, err := k.Store.get(ctx, graveName(session), graveMost)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err == nil && k.Shelf.Destroyed(session, word):
		return true, nil
	case err == nil || errors.As(err, new(tooLarge)):
		err = &ConflictError{Key: k.Store.prefix + graveName(session), Store: k.Store.name}
	}
	return false, err
}
