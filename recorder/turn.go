package recorder

import (
	"errors"
	"fmt"
)

// run is the writer. It ends when it is not needed, and for good after Close:
// thousands of recordings rest most of the time.
func (r *Recording) run() {
	w := r.scribe
	for {
		rest, wanted := r.need()
		if !wanted {
			return
		}
		if r.turn(w, rest && w.busy) { // not, when all was closed meanwhile
			close(r.done)
			return // nobody runs any more
		}
	}
}

// need says what the writer is needed for; if for nothing, it is gone.
func (r *Recording) need() (rest, wanted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest, wanted = r.rests, r.wanted
	r.rests, r.wanted, r.writing = false, false, wanted
	return rest, wanted
}

// turn writes what is queued; at the end of the recording, the end too.
func (r *Recording) turn(w *scribe, rest bool) (over bool) {
	b, closing := r.take()
	err := r.try(func() error { return w.write(&b, rest, closing, r.Err()) })
	r.settle(&b, w, err)
	if !closing {
		return false
	}
	var seal Seal
	if err = r.Err(); err == nil {
		err = r.try(func() (err error) { seal, err = w.finish(r.cause, r.now(), false); return err })
	}
	if err != nil {
		r.fail(err)
		seal = r.salvage(w)
	}
	w.publish(r.ended(true))
	w.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seal = seal
	return true
}

// salvage ends a recording that failed, in the room that was kept for it: with
// all that was taken, or else with what was closed. The journal then stays, and
// Recover gets the rest out of it.
func (r *Recording) salvage(w *scribe) (seal Seal) {
	for _, part := range []bool{false, true} {
		if !part && errors.As(r.Err(), new(panicked)) {
			continue // who knows what it left
		}
		err := r.try(func() (err error) {
			if !part {
				err = w.clear()
			} else if !errors.As(r.Err(), new(panicked)) {
				_ = w.persist() // for Recover, as far as it goes
			}
			if err == nil {
				seal, err = w.finish(CauseFailed, r.now(), part)
			}
			return err
		})
		if err == nil {
			return seal
		}
	}
	return Seal{} // Recover does it
}

// take swaps the queue for an empty one.
func (r *Recording) take() (b batch, closing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, r.queue, r.spare = r.queue, r.spare, batch{}
	r.soon.Stop()
	return b, r.closing
}

// try does a step under the watch of dog, and turns a panic in it into an error.
func (r *Recording) try(step func() error) (err error) {
	r.alive()
	defer r.idle()
	defer func() {
		if p := recover(); p != nil {
			err = panicked{fmt.Errorf("panic: %v", p)}
		}
	}()
	return step()
}

// panicked: a step of the writer did not come to its end.
type panicked struct{ error }

// settle tells everybody what became of a batch.
func (r *Recording) settle(b *batch, w *scribe, err error) {
	if err != nil {
		r.fail(err)
	}
	w.publish(r.ended(false))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.thaw()
	for _, s := range w.segments[len(r.leaves):] {
		r.leaves = append(r.leaves, s.leaf())
	}
	for _, p := range b.pieces {
		if p.ask != nil {
			p.ask.done <- r.err // a step that took too long failed as well
		}
	}
	r.settled = r.now()
	r.pending -= len(b.data)
	r.durable += int64(len(b.data)) // or r.err tells
	r.oldest = r.queue.since
	r.moved.Broadcast()
	b.reset()
	r.spare = *b
	if !r.queue.empty() {
		return
	}
	if !w.busy { // a session at rest holds no memory
		r.spare, r.queue = batch{}, batch{}
	}
	if w.waits {
		r.soon.Reset(flushAfter)
	}
}

// ended is why no follower gets more; nil while they do.
func (r *Recording) ended(over bool) error {
	if err := r.Err(); err != nil || !over {
		return err
	}
	return ErrClosed
}
