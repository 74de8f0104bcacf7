package recorder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"
)

// A Shelf is where recordings stand, and what is needed to make one. It cannot
// read what it has closed. It must not be copied.
type Shelf struct {
	Dir            string
	Recipients     []age.Recipient  // who can open what is recorded
	AtRest         [32]byte         // seals journals
	Signer         note.Signer      // signs manifests
	Verifier       note.Verifier    // of Signer
	Now            func() time.Time // nil: time.Now
	MinFree        int64            // bytes free for a new recording; 0: 1 GiB; negative: any
	MinFreePercent int              // percent free, too; 0: 10; negative: any
	Patience       time.Duration    // how long one step of the disk may take; 0: 5 s

	before func(op, name string, n int) error // of every disk; nil but in tests
	mu     sync.Mutex                         // guards what follows
	enc    *zstd.Encoder                      // shared: an encoder is large
	live   map[string]bool                    // sessions being recorded
}

// String hides the keys.
func (s *Shelf) String() string { return "shelf " + s.Dir }

// GoString hides the keys.
func (s *Shelf) GoString() string { return s.String() }

// Ready says why no new recording can be opened; nil if one can.
func (s *Shelf) Ready() error {
	d, err := s.disk()
	if err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	defer func() { _ = d.root.Close() }() // only a way in
	if err := s.room(); err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	probe := ".ready-" + rand.Text()
	f, err := d.create(probe)
	if err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	if err := errors.Join(f.Close(), d.remove(probe)); err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	return nil
}

// disk opens the shelf's folder, if there is what seals and signs.
func (s *Shelf) disk() (*disk, error) {
	switch {
	case len(s.Recipients) == 0:
		return nil, errors.New("nobody to seal them to")
	case s.Signer == nil || s.Verifier == nil:
		return nil, errors.New("no key to sign them with")
	case s.AtRest == [32]byte{}:
		return nil, errors.New("no key for journals")
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, err
	}
	return &disk{root: root, before: s.before}, nil
}

// room checks the limits of free space.
func (s *Shelf) room() error {
	var st unix.Statfs_t
	if err := unix.Statfs(s.Dir, &st); err != nil {
		return fmt.Errorf("free space of %s: %w", s.Dir, err)
	}
	min, percent := s.MinFree, s.MinFreePercent
	if min == 0 {
		min = 1 << 30
	}
	if percent == 0 {
		percent = 10
	}
	free := float64(st.Bavail) * float64(st.Bsize)
	all := float64(st.Blocks) * float64(st.Bsize)
	if free < float64(min) || free*100 < all*float64(percent) {
		return fmt.Errorf("%.0f MiB of %.0f free: new recordings need %d MiB and %d %%",
			free/(1<<20), all/(1<<20), min>>20, percent)
	}
	return nil
}

func (s *Shelf) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// take marks a session as being recorded here, and lends the shared encoder.
func (s *Shelf) take(session string) (*zstd.Encoder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[session] {
		return nil, errors.New("it is being recorded")
	}
	if s.enc == nil {
		enc, err := newEncoder()
		if err != nil {
			return nil, err
		}
		s.enc, s.live = enc, map[string]bool{}
	}
	s.live[session] = true
	return s.enc, nil
}

func (s *Shelf) give(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, session)
}
