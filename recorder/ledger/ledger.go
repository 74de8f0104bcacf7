package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrTampered says that what is stored is not what was written.
	ErrTampered = errors.New("something other than Lockbox changed the ledger: keep this file as evidence and restore the last good backup")
	// ErrNoEvent refuses a transaction that writes state and appends nothing.
	ErrNoEvent = errors.New("no state without an event")
	// ErrClosed says that the ledger is closed.
	ErrClosed = errors.New("the ledger is closed")
)

func tampered(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), ErrTampered)
}

// Options say whose log it is.
type Options struct {
	Origin   string // the log's name, first line of each checkpoint: "lockbox.example"
	Signer   note.Signer
	Verifier note.Verifier // of Signer's key

	// Now is the clock; nil: time.Now. Its times must carry their monotonic
	// reading, as time.Now's do and time.Now().UTC() do not, or a clock that is
	// set ahead while the process runs goes unseen.
	Now func() time.Time
	// Newest are the kinds of rows ("grant/") of which Verified also proves that
	// the version is the newest, or that there is none. Each takes some memory.
	Newest []string

	// Elapsed is a monotonic clock to hold Now against; nil: the monotonic
	// reading in what Now returns.
	Elapsed func() time.Duration

	// Secret is 32 bytes that whoever can write the engine's file does not know.
	// With them, what Open has to check is kept short: see Open. Nil: it is not.
	Secret []byte
}

func (o Options) check() error {
	switch {
	case o.Signer == nil || o.Verifier == nil:
		return errors.New("a ledger needs a signer and its verifier")
	case o.Origin == "":
		return errors.New("a ledger needs a name")
	case o.Secret != nil && len(o.Secret) != 32:
		return fmt.Errorf("the ledger's secret has %d bytes, not 32", len(o.Secret))
	case o.Signer.Name() != o.Verifier.Name() || o.Signer.KeyHash() != o.Verifier.KeyHash():
		return fmt.Errorf("signer %s+%08x and verifier %s+%08x are two keys", o.Signer.Name(), o.Signer.KeyHash(), o.Verifier.Name(), o.Verifier.KeyHash())
	}
	b, err := o.sign(tlog.Tree{})
	if err != nil {
		return err
	}
	_, err = openCheckpoint(b, o.Verifier, o.Origin) // an origin of two lines fails here
	return err
}

// A Ledger holds state and the log of events, changed together. Its methods
// may be called from many goroutines, but not from inside a function that was
// given a Tx.
type Ledger struct {
	o      Options
	engine Engine
	clock  clock
	seal   *seal // nil: nothing is kept that makes the next Open short
	queue  queue
	newest newest
	tips   tips
	memory memory
	signed atomic.Pointer[head] // the last one signed here, committed or not

	mu   sync.Mutex
	head head
	wake chan struct{} // closed and replaced when head moves
	done chan struct{} // closed by Close
}

// Open refuses what does not hold with ErrTampered. An engine that holds nothing
// gets an empty log. After an error the engine is still the caller's to close.
//
// It checks the whole log and all state against it, as Check does. Where
// Options.Secret seals what the rows were at the last checkpoint, it holds only
// the rows against that, and the end of the log against the checkpoint: no row
// can have been changed, and of the log each event is proven when it is read.
// What nobody has read yet, Check finds; it should follow, while all goes on.
func Open(ctx context.Context, e Engine, o Options) (*Ledger, error) {
	l, err := open(ctx, e, o)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return l, nil
}

func open(ctx context.Context, e Engine, o Options) (*Ledger, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s, err := newSeal(o.Secret)
	if err != nil {
		return nil, err
	}
	l := &Ledger{o: o, engine: e, seal: s, newest: newNewest(o.Newest), clock: newClock(o), wake: make(chan struct{}), done: make(chan struct{})}
	l.queue.idle.L = &l.queue.mu
	if err := l.found(ctx); err != nil {
		return nil, err
	}
	return l, l.trust(ctx)
}

// found writes the first checkpoint into an engine that holds nothing. It
// writes into no other: that may be evidence.
func (l *Ledger) found(ctx context.Context) error {
	empty := true
	err := l.engine.View(ctx, func(r Reader) error {
		err := r.Scan(nil, func(_, _ []byte) (bool, error) { empty = false; return false, nil })
		if err != nil || empty {
			return err
		}
		return checkForm(r)
	})
	if err != nil || !empty {
		return err
	}
	root, err := tlog.TreeHash(0, nil)
	if err != nil {
		return err
	}
	b, err := l.o.sign(tlog.Tree{Hash: root})
	if err != nil {
		return err
	}
	return l.engine.Update(ctx, func(w Writer) error {
		if was, err := w.Get([]byte{inForm}); err != nil || was != nil {
			return err // another process was first
		}
		return errors.Join(w.Put([]byte{inForm}, []byte(form)), w.Put([]byte{inNote}, b))
	})
}

func checkForm(r Reader) error {
	b, err := r.Get([]byte{inForm})
	switch {
	case err != nil:
		return err
	case b == nil:
		return errors.New("this is not a ledger: give the path of Lockbox's own file, or of a new one")
	case string(b) != form:
		return fmt.Errorf("this is %.40q, and this Lockbox reads %q: use the Lockbox that wrote it", b, form)
	}
	return nil
}

// Update runs fn and then writes what it did, signed, or nothing at all. What
// fn read or did counts only once Update has returned nil. Any error that is
// not fn's own may mean that the outcome is unknown; the log tells.
//
// Updates that come at the same time share a commit, one above the other, in
// the order in which they came. fn runs once, alone, on the caller's goroutine;
// all who come later wait for it, so it should wait for nobody. It does not run
// when ctx ends before its turn.
func (l *Ledger) Update(ctx context.Context, fn func(*Tx) error) error {
	return l.update(ctx, fn, l.queue.join)
}

// UpdateSoon is Update for what nobody waits for: it may take 50 ms more, so that
// it shares a commit with what comes meanwhile.
func (l *Ledger) UpdateSoon(ctx context.Context, fn func(*Tx) error) error {
	return l.update(ctx, fn, l.queue.linger)
}

func (l *Ledger) update(ctx context.Context, fn func(*Tx) error, join func(*member, func()) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := newMember()
	if err := join(m, l.serve); err != nil {
		return err
	}
	left := ctx.Done()
	for {
		select {
		case tx := <-m.turn:
			return m.run(ctx, tx, fn)
		case <-m.done: // without a turn
			return m.err
		case <-left:
			if l.queue.leave(m) {
				return ctx.Err()
			}
			left = nil
		}
	}
}

// View runs fn over one snapshot.
func (l *Ledger) View(ctx context.Context, fn func(*Tx) error) error {
	if l.closed() {
		return ErrClosed
	}
	known := l.known() // before the snapshot is taken: it is not older
	return l.engine.View(ctx, func(r Reader) error {
		h, err := l.snapshot(r, known)
		if err != nil {
			return err
		}
		l.advance(h) // what a View sees is durable, whoever wrote it
		tx, err := l.begin(newTree(r, h))
		if err != nil {
			return err
		}
		defer tx.end()
		return fn(tx)
	})
}

// read is View for what asks no clock.
func (l *Ledger) read(ctx context.Context, fn func(*tree) error) error {
	if l.closed() {
		return ErrClosed
	}
	known := l.known()
	return l.engine.View(ctx, func(r Reader) error {
		h, err := l.snapshot(r, known)
		if err != nil {
			return err
		}
		if known.note != nil { // else it is Open that reads
			l.advance(h)
		}
		return fn(newTree(r, h))
	})
}

// Checkpoint is the latest signed checkpoint, a C2SP tlog-checkpoint.
func (l *Ledger) Checkpoint() []byte { return slices.Clone(l.known().note) }

// Last is the Seq of the newest event; -1 while there is none.
func (l *Ledger) Last() int64 { return l.known().N - 1 }

func (l *Ledger) known() head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// advance makes h the head, unless a later one is, and wakes who watches.
func (l *Ledger) advance(h head) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.N < l.head.N {
		return
	}
	moved := h.N > l.head.N
	l.head = h
	if moved {
		close(l.wake)
		l.wake = make(chan struct{})
	}
}

// woken is closed when the head moves past where it is now.
func (l *Ledger) woken() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake
}

func (l *Ledger) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Close ends every Watch, waits for the transactions that run, and closes the
// engine.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed() {
		l.mu.Unlock()
		return nil
	}
	close(l.done)
	l.mu.Unlock()
	l.queue.close(l.serve)
	return l.engine.Close()
}
