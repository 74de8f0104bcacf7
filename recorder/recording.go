package recorder

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Bounds of what is not durable yet.
const (
	undurable  = 64 << 10               // bytes: Output waits beyond
	eager      = undurable - pieceMost  // bytes: written at once
	flushAfter = 200 * time.Millisecond // else written so late
	strictGap  = 20 * time.Millisecond  // between two writes for a strict track
	lead       = time.Second            // no byte is taken while one waits longer than this
	pieceMost  = 16 << 10               // bytes of one event
	addMost    = 256 << 10              // bytes that are queued at once, though more than undurable
)

// ErrClosed: nothing is taken after the end.
var ErrClosed = errors.New("the recording is closed")

// A Recording writes one session down. Its methods may be called from any
// goroutine. All disk work is done by one writer, which is there while it is
// needed, and which Close ends.
type Recording struct {
	shelf    *Shelf
	strict   bool // how it was opened
	now      func() time.Time
	patience time.Duration
	failed   chan struct{}
	done     chan struct{} // closed when the writer has ended for good
	scribe   *scribe       // the writer's
	soon     *time.Timer   // the writer is needed then
	dog      *time.Timer   // the disk has not answered
	folder   string        // on the shelf
	home     os.FileInfo   // of folder, as it was made

	mu      sync.Mutex // guards what follows
	writing bool       // the writer is there
	wanted  bool       // it is needed, now or once more
	rests   bool       // the open segments are to be closed
	moved   *sync.Cond // something became durable, or never will
	queue   batch
	spare   batch     // the queue's other half, while not being written
	pending int       // bytes that are not durable: the queue's and the batch's under way
	oldest  time.Time // when the oldest of them came
	durable int64     // bytes
	due     time.Time // when soon comes
	settled time.Time // when the last batch became durable
	leaves  []tlog.Hash
	begun   int           // tracks
	tracks  []*Track      // that go on
	changed chan struct{} // closed, and made anew, when one begins or ends
	trouble trouble
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
	if h.Strict && !r.strict {
		if err := r.shelf.admits(How{Strict: true}); err != nil {
			return nil, fmt.Errorf("begin track %s: %w", h.Kind, err)
		}
	}
	if !r.another() {
		return nil, fmt.Errorf("begin track %s: there were %d", h.Kind, maxTracks)
	}
	t := newTrackOf(r, h)
	if err := r.ask(func(w *scribe) error { return w.begin(t) }); err != nil {
		return nil, fmt.Errorf("begin track %s: %w", h.Kind, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tracks = append(r.tracks, t)
	r.turnover()
	return t, nil
}

// another says whether there may be one more track; it is counted.
func (r *Recording) another() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	return r.begun <= maxTracks
}

// turnover tells of a track that begins or ends. Needs mu.
func (r *Recording) turnover() {
	close(r.changed)
	r.changed = make(chan struct{})
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

// poke has the writer come. Needs mu.
func (r *Recording) poke() {
	r.wanted = true
	if !r.writing {
		r.writing = true
		go r.run() // Close waits for the last
	}
}

// come is what soon does.
func (r *Recording) come() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.poke()
}

// rest is what the scribe's timer does.
func (r *Recording) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rests = true
	r.poke()
}

// admit waits until n more bytes may be un-durable; while the recording is in
// trouble, or the oldest of them is too old, none may, nor may what has no bytes.
// Needs mu.
func (r *Recording) admit(n int) error {
	for r.err == nil && !r.closing && (r.trouble.why != nil || r.pending > 0 &&
		(n > 0 && r.pending+n > undurable || r.now().Sub(r.oldest) > lead)) {
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

// add queues at most addMost bytes, and waits until no more than undurable
// are not durable; of a strict track until all are. What comes at once is
// written at once: syncs cost more than bytes.
func (r *Recording) add(t *Track, code string, p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admit(min(len(p), pieceMost)); err != nil {
		return err
	}
	if t.ended {
		return ErrClosed
	}
	wait, ahead := flushAfter, int64(undurable)
	if t.head.Strict {
		wait, ahead = max(0, strictGap-r.now().Sub(r.settled)), 0
	}
	r.arm(wait)
	r.queue.add(t, code, t.elapsed(), p)
	r.pending += len(p)
	if len(r.queue.data) >= eager {
		r.poke()
	}
	mine := r.durable + int64(r.pending)
	if mine-r.durable <= ahead {
		return nil
	}
	for mine-r.durable > ahead && r.err == nil {
		r.moved.Wait()
	}
	return r.err
}

// arm has the writer come so late, or sooner; it notes when the queue began to
// wait. Needs mu.
func (r *Recording) arm(wait time.Duration) {
	now := r.now()
	first := r.queue.empty()
	if first {
		r.queue.since = now
		if r.pending == 0 {
			r.oldest = now
		}
	}
	if due := now.Add(wait); first || due.Before(r.due) {
		r.due = due
		r.soon.Reset(wait)
	}
}

// over queues the end of a track, for which nobody waits.
func (r *Recording) over(t *Track) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admit(0); err != nil || t.ended {
		return err
	}
	t.ended = true
	r.tracks = slices.DeleteFunc(r.tracks, func(o *Track) bool { return o == t })
	r.turnover()
	r.arm(flushAfter)
	r.queue.pieces = append(r.queue.pieces, piece{ask: &ask{do: func(w *scribe) error { return w.end(t.tape) }, done: make(chan error, 1)}})
	return nil
}

// ask has the writer do something, and waits until it is durable.
func (r *Recording) ask(do func(*scribe) error) error {
	a := &ask{do: do, done: make(chan error, 1)}
	r.mu.Lock()
	if err := r.admit(0); err != nil {
		r.mu.Unlock()
		return err
	}
	r.arm(0)
	r.queue.pieces = append(r.queue.pieces, piece{ask: a})
	r.mu.Unlock()
	select {
	case err := <-a.done:
		return err
	case <-r.failed: // the disk may never answer
		return r.Err()
	}
}
