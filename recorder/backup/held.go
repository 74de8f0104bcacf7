package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

// A Held is a checkpoint of the ledger that somebody holds.
type Held struct {
	By string // in words: "the auditor's witness", "held/ceo.txt"
	proof.Checkpoint
	At time.Time // when they got it, as far as is known; zero where it is not
}

// A Reader opens checkpoints of one ledger.
type Reader struct {
	Origin   string
	Verifier note.Verifier
}

const maxNote = 64 << 10 // bytes of a checkpoint with its signatures

// File reads a checkpoint that a file holds.
func (r Reader) File(by, path string) (Held, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Held{}, err
	}
	if !info.Mode().IsRegular() { // a pipe would keep the start waiting
		return Held{}, fmt.Errorf("%s is no file: if it does not belong here, take it away", path)
	}
	if info.Size() > maxNote {
		return Held{}, fmt.Errorf("%s is no checkpoint: it has %d bytes", path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Held{}, err
	}
	c, err := r.Open(b)
	if err != nil {
		return Held{}, fmt.Errorf("%s: %w: if it does not belong here, take it away", path, err)
	}
	return Held{by, c, info.ModTime()}, nil
}

// Open opens a checkpoint of the main log, or of a customer's.
func (r Reader) Open(b []byte) (proof.Checkpoint, error) {
	origin := r.Origin
	if c, err := proof.Peek(b); err == nil && strings.HasPrefix(c.Origin, origin+"/c/") {
		origin = c.Origin // signed with the same key
	}
	return proof.Open(b, origin, r.Verifier)
}

// Folder reads every checkpoint in a folder; a folder that is not there holds none.
func (r Reader) Folder(dir string) (all []Held, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		h, bad := r.File("the file "+path, path)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		all = append(all, h)
	}
	return all, err
}

// A Head keeps the newest checkpoint that a ledger signed in a small file beside
// it. An older ledger that is put in its place does not lead to that.
type Head struct {
	Ledger *ledger.Ledger
	Path   string // HeadPath

	mu   sync.Mutex
	last []byte // as written; guarded by mu
}

// HeadPath is where the head of a ledger is kept.
func HeadPath(store string) string { return store + ".head" }

// Write writes the newest checkpoint, unless it is there.
func (h *Head) Write() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Ledger.Checkpoint()
	if bytes.Equal(now, h.last) {
		return nil
	}
	if err := replace(h.Path, now); err != nil {
		return fmt.Errorf("keep the head of the ledger: %w", err)
	}
	h.last = now
	return nil
}

// Run writes it every so often until ctx ends, and then once more.
func (h *Head) Run(ctx context.Context, every time.Duration, report func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for more := true; more; {
		select {
		case <-ctx.Done():
			more = false
		case <-tick.C:
		}
		if err := h.Write(); err != nil {
			report(err)
		}
	}
}

// A Rewound error says that the ledger does not lead to what others hold.
type Rewound struct {
	Held []Held
	Has  proof.Checkpoint
}

func (r *Rewound) Error() string {
	var who []string
	forked := false
	for _, h := range r.Held {
		when := ""
		if !h.At.IsZero() {
			when = " of " + h.At.UTC().Format("2006-01-02 15:04 MST")
		}
		of := ""
		if h.Origin != r.Has.Origin {
			of = " of " + h.Origin
		}
		who = append(who, fmt.Sprintf("%s holds a checkpoint%s%s with %d events", h.By, of, when, h.N))
		forked = forked || h.N <= r.Has.N
	}
	means := "it is older: what was written after it is missing here, revocations too"
	if forked {
		means = "it went another way: what they saw is not in it"
	}
	return fmt.Sprintf("%s, and this ledger, with %d events, does not lead to it: %s; "+
		"put the newest ledger back or restore the newest backup, or, when what is missing is lost for good, stop Lockbox and run "+
		"`lockbox restore --accept-loss --why \"…\"`, which ends everything that was open and writes the loss down for everybody",
		strings.Join(who, "; "), r.Has.N, means)
}

// Unwrap is ledger.ErrRewound.
func (r *Rewound) Unwrap() error { return ledger.ErrRewound }

// Compare finds which of those held the ledger does not lead to. Losses that
// were accepted are none any more.
func Compare(ctx context.Context, l *ledger.Ledger, r Reader, held []Held) (*Rewound, error) {
	has, err := proof.Open(l.Checkpoint(), r.Origin, r.Verifier)
	if err != nil {
		return nil, err
	}
	var accepted map[string]bool
	bad := &Rewound{Has: has}
	for _, h := range held {
		err := l.Extends(ctx, h.Checkpoint)
		if err == nil {
			continue
		}
		if !errors.Is(err, ledger.ErrRewound) {
			return nil, fmt.Errorf("compare with what %s holds: %w", h.By, err)
		}
		if accepted == nil {
			if accepted, err = losses(ctx, l); err != nil {
				return nil, err
			}
		}
		if !accepted[point(h.Checkpoint)] {
			bad.Held = append(bad.Held, h)
		}
	}
	if len(bad.Held) == 0 {
		return nil, nil
	}
	return bad, nil
}

// point names a checkpoint in an event.
func point(c proof.Checkpoint) string { return fmt.Sprintf("%s:%d:%s", c.Origin, c.N, c.Hash) }
