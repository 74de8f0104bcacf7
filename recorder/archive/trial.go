package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"time"

	"filippo.io/age"

	"lockbox/recorder"
)

// A Trial is what came of trying one recording.
type Trial struct {
	Session  string // "" where there is none to try
	Root     string
	Verified bool
	Played   bool // by who holds a key
	Erased   bool // its key was destroyed: it verifies, and nobody plays it
	Err      error
}

// Try verifies and plays a closed recording chosen by chance; expect gives the
// root that the log holds of it. One that the log does not know (fs.ErrNotExist)
// is an error, unless it was never opened or ended just now: it is passed over.
func (k *Keeper) Try(ctx context.Context, expect func(session string) (root string, err error)) (t Trial) {
	root, err := k.root()
	if err != nil {
		return Trial{Err: fmt.Errorf("try a recording: %w", err)}
	}
	defer func() { _ = root.Close() }() // only a way in
	month, session, err := k.choose(ctx, root)
	if err != nil {
		return Trial{Err: fmt.Errorf("choose a recording to try: %w", err)}
	}
	if session == "" {
		return Trial{}
	}
	defer k.alone(session)()
	t.Session = session
	if err := k.try(ctx, root, month, &t, expect); err != nil {
		t.Err = fmt.Errorf("try recording %s: %w", session, err)
	}
	return t
}

// A lot gives each of those that come the same chance.
type lot struct {
	n              int
	month, session string
}

func (l *lot) offer(month, session string) {
	if l.n++; rand.N(l.n) == 0 {
		l.month, l.session = month, session
	}
}

// choose draws among all closed recordings, here and in the Store.
func (k *Keeper) choose(ctx context.Context, root *os.Root) (month, session string, err error) {
	var l lot
	ms, err := months(root)
	for _, m := range ms {
		ids, err := sessions(root, m)
		if err != nil {
			return "", "", err
		}
		for _, id := range ids {
			if closed(root, path.Join(m, id)) {
				l.offer(m, id)
			}
		}
	}
	if err != nil || k.Store == nil {
		return l.month, l.session, err
	}
	ms, err = k.Store.months(ctx)
	for _, m := range ms {
		err := k.Store.sessions(ctx, m, func(id string) error {
			if !there(root, path.Join(m, id)) && !there(root, path.Join(quarantine, id)) {
				l.offer(m, id)
			}
			return nil
		})
		if err != nil {
			return "", "", err
		}
	}
	return l.month, l.session, err
}

// try tries one: where it stands, or a copy out of the Store.
func (k *Keeper) try(ctx context.Context, root *os.Root, month string, t *Trial, expect func(string) (string, error)) error {
	folder := path.Join(month, t.Session)
	if !there(root, folder) {
		got, err := k.fetch(ctx, root, t.Session)
		if err != nil {
			return fmt.Errorf("get it from %s: %w", k.Store, err)
		}
		defer func() { _ = root.RemoveAll(got.tmp) }() // tidy does it else
		folder = got.folder
	}
	at := filepath.Join(k.Shelf.Dir, filepath.FromSlash(folder))
	m, err := recorder.Verify(at, k.Shelf.Verifier)
	if err != nil {
		return err
	}
	t.Root, t.Erased = m.Root, m.Erased
	want, err := expect(t.Session)
	if errors.Is(err, fs.ErrNotExist) && k.unknowable(&m) {
		*t = Trial{}
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("ask the log: %w", err)
	case want == "":
		return errors.New("the log knows no such recording")
	case want != m.Root && !(m.Recovered && m.Grew(want)): // the end of one that failed was recovered after it
		return fmt.Errorf("its root is %s, the log holds %s", m.Root, want)
	}
	if m.Erased {
		if dead, err := k.dead(ctx, root, t.Session); err != nil || !dead {
			return errors.Join(errors.New("its key is gone, and was not destroyed from here"), err)
		}
	}
	t.Verified = true
	if m.Erased || len(k.Vault) == 0 {
		return nil
	}
	t.Played, err = k.play(ctx, at)
	return err
}

// unknowable says of a recording whether the log may not know it: it was refused
// before anything was recorded, or its end is being written down.
func (k *Keeper) unknowable(m *recorder.Manifest) bool {
	return len(m.Tracks) == 0 && m.Cause == recorder.CauseNever || k.now().Sub(m.Ended) < time.Minute
}

// play reads every track to its end, if one of the keys here opens the recording.
func (k *Keeper) play(ctx context.Context, folder string) (bool, error) {
	p, err := recorder.Open(folder, k.Vault...)
	var closedToUs *age.NoIdentityMatchError
	if errors.As(err, &closedToUs) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, t := range p.Tracks() {
		if t.Err != nil {
			return false, fmt.Errorf("track %s: %w", t.Name, t.Err)
		}
		for _, err := range p.Events(t.Name) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return false, err
			}
		}
	}
	return true, nil
}
