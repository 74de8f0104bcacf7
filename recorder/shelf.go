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
	Patience       time.Duration    // how long a recording may be frozen by a step of the disk; 0: 1 s; at most 5 s
	Reserve        int64            // bytes kept for emergencies; 0: 256 MiB; negative: none
	Waits          func() Wait      // what is not in the object storage; nil where there is none

	// Closed is told of every file that is complete on disk: key.age, each
	// segment, the manifest. It must not block. Nil: nobody.
	Closed func(session, name string)

	before func(op, name string, n int) error // of every disk; nil but in tests
	notes  sync.Pool                          // *[]byte, empty: what objects are written to, before they are queued
	looks  sync.Mutex                         // guards seen
	seen   vitals
	mu     sync.Mutex            // guards what follows
	enc    *zstd.Encoder         // shared: an encoder is large
	home   os.FileInfo           // of Dir, as it was at first
	month  string                // the newest whose folder is durable
	live   map[string]*Recording // sessions being recorded; nil while it begins, or is recovered
	bad    error                 // the newest error of a recording's disk
	badAt  time.Time
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
	if err := s.make(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, err
	}
	if err := s.same(root); err != nil {
		_ = root.Close() // only a way in
		return nil, err
	}
	return &disk{root: root, before: s.before}, nil
}

// make makes the folder, if none was there yet.
func (s *Shelf) make() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.home != nil {
		return nil
	}
	return os.MkdirAll(s.Dir, 0o700)
}

// same says whether the folder is still the one that was there at first: one
// that stands where another was unmounted or taken away is no place to record.
func (s *Shelf) same(root *os.Root) error {
	fi, err := root.Stat(".")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.home == nil {
		s.home = fi
	}
	if !os.SameFile(s.home, fi) {
		return fmt.Errorf("%s is not the folder that was there when this gateway started: mount it again, or start the gateway anew", s.Dir)
	}
	return nil
}

// room checks the limits of free space.
func (s *Shelf) room() error {
	free, all, err := s.space()
	if err != nil {
		return err
	}
	return s.enough(free, all)
}

// space is the room on the disk, in bytes.
func (s *Shelf) space() (free, all int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.Dir, &st); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", s.Dir, err)
	}
	return int64(float64(st.Bavail) * float64(st.Bsize)), int64(float64(st.Blocks) * float64(st.Bsize)), nil
}

// limits are the bytes and the percent that are free for a new recording.
func (s *Shelf) limits() (bytes int64, percent int) {
	bytes, percent = s.MinFree, s.MinFreePercent
	if bytes == 0 {
		bytes = 1 << 30
	}
	if percent == 0 {
		percent = 10
	}
	return bytes, percent
}

// enough says whether so much room will do for a new recording.
func (s *Shelf) enough(free, all int64) error {
	bytes, percent := s.limits()
	if free < bytes || float64(free)*100 < float64(all)*float64(percent) {
		return fmt.Errorf("%d MiB of %d free: new recordings need %d MiB and %d %%", free>>20, all>>20, bytes>>20, percent)
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
	if _, ok := s.live[session]; ok {
		return nil, errors.New("it is being recorded")
	}
	if s.enc == nil {
		enc, err := newEncoder()
		if err != nil {
			return nil, err
		}
		s.enc, s.live = enc, map[string]*Recording{}
	}
	s.live[session] = nil
	return s.enc, nil
}

// goesOn lets a recording be followed.
func (s *Shelf) goesOn(session string, r *Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[session] = r
}

func (s *Shelf) give(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, session)
}
