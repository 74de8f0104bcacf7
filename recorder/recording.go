package recorder

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Bounds of what is not durable yet.
const (
	undurable  = 64 << 10               // bytes: Output waits beyond
	eager      = undurable - pieceMost  // bytes: written at once
	flushAfter = 200 * time.Millisecond // else written so late
	lead       = time.Second            // no byte is taken while one waits longer than this
	pieceMost  = 16 << 10               // bytes of one event
)

// Errors that callers tell apart.
var (
	ErrClosed  = errors.New("the recording is closed")
	errStalled = errors.New("the disk does not answer")
)

// A Recording writes one session down. Its methods may be called from any
// goroutine. All disk work is done by one writer, which Close ends.
type Recording struct {
	now      func() time.Time
	patience time.Duration
	failed   chan struct{}
	done     chan struct{} // closed when the writer has ended
	wake     chan struct{} // holds one: the writer is needed now
	soon     *time.Timer   // the writer is needed then
	dog      *time.Timer   // the disk has not answered

	mu      sync.Mutex // guards what follows
	moved   *sync.Cond // something became durable, or never will
	queue   batch
	spare   batch     // the queue's other half, while not being written
	pending int       // bytes that are not durable: the queue's and the batch's under way
	oldest  time.Time // when the oldest of them came
	leaves  []tlog.Hash
	err     error
	closing bool
	cause   string
	seal    Seal
}

// Failed is closed when a write or a sync went wrong. The recording then takes
// nothing more: the door ends the session.
func (r *Recording) Failed() <-chan struct{} { return r.failed }

// Err is why the recording failed; nil while it has not.
func (r *Recording) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Progress is the root over the segments closed so far. Manifest.Grew tells
// later that the recording went through it.
func (r *Recording) Progress() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return treeRoot(r.leaves).String()
}

// Track begins a track. It is on disk when Track returns.
func (r *Recording) Track(h Header) (*Track, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	t := newTrackOf(r, h)
	if err := r.ask(nil, func(w *scribe) error { return w.begin(t) }); err != nil {
		return nil, fmt.Errorf("begin track %s: %w", h.Kind, err)
	}
	return t, nil
}

// Close ends the tracks, signs the manifest and removes the journal. The error
// is also set when the recording failed before; the Seal then holds what was
// saved. A further Close returns the same.
func (r *Recording) Close(cause string) (Seal, error) {
	r.mu.Lock()
	if !r.closing {
		r.closing, r.cause = true, string(clean(cause))
		r.moved.Broadcast()
		r.poke()
	}
	r.mu.Unlock()
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seal, r.err
}

// poke wakes the writer.
func (r *Recording) poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake
	}
}

// admit waits until n more bytes may be un-durable. Needs mu.
func (r *Recording) admit(n int) error {
	for r.err == nil && !r.closing && r.pending > 0 &&
		(r.pending+n > undurable || r.now().Sub(r.oldest) > lead) {
		r.poke()
		r.moved.Wait()
	}
	switch {
	case r.err != nil:
		return r.err
	case r.closing:
		return ErrClosed
	}
	return nil
}

// add queues a piece of at most pieceMost bytes.
func (r *Recording) add(t *Track, code string, p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admit(len(p)); err != nil {
		return err
	}
	if t.ended {
		return ErrClosed
	}
	r.arm()
	r.queue.add(t, code, t.elapsed(), p)
	r.pending += len(p)
	if len(r.queue.data) >= eager {
		r.poke()
	}
	return nil
}

// arm notes when the queue began to wait. Needs mu.
func (r *Recording) arm() {
	if !r.queue.empty() {
		return
	}
	r.queue.since = r.now()
	if r.pending == 0 {
		r.oldest = r.queue.since
	}
	r.soon.Reset(flushAfter)
}

// ask has the writer do something, and waits until it is durable. A track
// given ends with it.
func (r *Recording) ask(ends *Track, do func(*scribe) error) error {
	a := &ask{do: do, done: make(chan error, 1)}
	r.mu.Lock()
	if err := r.admit(0); err != nil {
		r.mu.Unlock()
		return err
	}
	if ends != nil {
		if ends.ended {
			r.mu.Unlock()
			return nil
		}
		ends.ended = true
	}
	r.arm()
	r.queue.pieces = append(r.queue.pieces, piece{ask: a})
	r.poke()
	r.mu.Unlock()
	return <-a.done
}

// fail makes the recording refuse everything from now on.
func (r *Recording) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		close(r.failed)
		r.moved.Broadcast()
	}
}
