package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"
)

// tidy removes what a crash left of recordings on their way.
func (k *Keeper) tidy() error {
	root, err := k.root()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only a way in
	names, err := list(root, notesDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, n := range names { // folders only: the lists are files
		err = errors.Join(err, root.RemoveAll(path.Join(notesDir, n)))
	}
	return err
}

// scan finds closed recordings that are not stored, and keys that came back.
// Months in which nothing has changed it looks at only if it is to be whole.
func (k *Keeper) scan(ctx context.Context, whole bool) error {
	root, err := k.root()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only a way in
	k.sweep(ctx)
	ms, err := months(root)
	for _, m := range ms {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e := k.scanMonth(ctx, root, m, whole); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", m, e))
		}
	}
	return err
}

func (k *Keeper) scanMonth(ctx context.Context, root *os.Root, month string, whole bool) error {
	fi, err := root.Lstat(month)
	if err != nil {
		return err
	}
	k.mu.Lock()
	idle := k.still[month].Equal(fi.ModTime()) && !whole
	k.mu.Unlock()
	if idle {
		return nil
	}
	ids, err := sessions(root, month)
	if err != nil {
		return err
	}
	done, err := noted(root, month, stored)
	if err != nil {
		return err
	}
	left, dead := false, graves{}
	for _, id := range ids {
		if whole && there(root, path.Join(month, id, keyName)) {
			is, e := dead.has(root, id)
			if is {
				e = k.bury(ctx, id)
			}
			err = errors.Join(err, e)
		}
		if k.Store == nil || done[id] {
			continue
		}
		left = true
		if closed(root, path.Join(month, id)) {
			_, e := k.addAll(root, month, id)
			err = errors.Join(err, e)
		}
	}
	if !left && err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.still == nil {
			k.still = map[string]time.Time{}
		}
		k.still[month] = fi.ModTime()
	}
	return err
}

// graves remembers what was read of keys that were destroyed, by month.
type graves map[string]map[string]bool

func (g graves) has(root *os.Root, session string) (bool, error) {
	month := graveOf(session)
	if g[month] == nil {
		ids, err := noted(root, month, destroyed)
		if err != nil {
			return false, err
		}
		g[month] = ids
	}
	return g[month][session], nil
}

// bury destroys a key again that was destroyed before, and reports it.
func (k *Keeper) bury(ctx context.Context, session string) error {
	places, err := k.Destroy(ctx, session)
	if len(places) > 0 { // else it only waited to be sent
		k.report(fmt.Errorf("the key of recording %s was destroyed and has come back: it is destroyed again in %v; "+
			"look where it came from", session, places))
	}
	return err
}

// dead says whether a key was destroyed: here, or by another that used the same Store.
func (k *Keeper) dead(ctx context.Context, root *os.Root, session string) (bool, error) {
	if dead, err := gone(root, session); dead || err != nil {
		return dead, err
	}
	return k.buried(ctx, session)
}

// sweep looks once more in the Store for keys that were destroyed lately.
func (k *Keeper) sweep(ctx context.Context) {
	k.mu.Lock()
	var ids []string
	for id, at := range k.recent {
		if time.Since(at) > sweepFor {
			delete(k.recent, id)
		} else {
			ids = append(ids, id)
		}
	}
	k.mu.Unlock()
	for _, id := range ids {
		n, err := k.destroyStored(ctx, id)
		if n > 0 {
			err = errors.Join(err, fmt.Errorf("the key of recording %s came to the store after it was destroyed, and is destroyed again", id))
		}
		if ctx.Err() == nil {
			k.report(err)
		}
	}
}
