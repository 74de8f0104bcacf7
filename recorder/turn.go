package recorder

import "fmt"

// run is the writer. It ends after Close.
func (r *Recording) run(w *scribe) {
	defer close(r.done)
	for {
		rest := false
		select {
		case <-r.wake:
		case <-r.soon.C:
		case <-w.rest.C:
			rest = true
		}
		if r.turn(w, rest) {
			return
		}
	}
}

// turn writes what is queued; at the end of the recording, the end too.
func (r *Recording) turn(w *scribe, rest bool) (over bool) {
	b, closing := r.take()
	err := r.guard(func() error { return w.write(&b, rest) })
	r.settle(&b, w, err)
	if !closing {
		return false
	}
	var seal Seal
	err = r.guard(func() (err error) { seal, err = w.finish(r.cause, r.now(), false); return err })
	if err != nil {
		r.fail(err)
		seal = r.salvage(w)
	}
	w.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seal = seal
	return true
}

// salvage signs for what was closed before the recording failed. The journal
// stays: Recover gets the rest out of it.
func (r *Recording) salvage(w *scribe) (seal Seal) {
	err := r.try(func() (err error) { seal, err = w.finish(CauseFailed, r.now(), true); return err })
	if err != nil {
		return Seal{} // Recover does it
	}
	return seal
}

// take swaps the queue for an empty one.
func (r *Recording) take() (b batch, closing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, r.queue, r.spare = r.queue, r.spare, batch{}
	r.soon.Stop()
	return b, r.closing
}

// guard does a step of the writer unless the recording has failed.
func (r *Recording) guard(step func() error) error {
	if err := r.Err(); err != nil {
		return err
	}
	return r.try(step)
}

// alive says that the disk has just answered: it has until patience ends again.
func (r *Recording) alive() { r.dog.Reset(r.patience) }

// try does a step under the watch of dog, and turns a panic in it into an error.
func (r *Recording) try(step func() error) (err error) {
	r.alive()
	defer r.dog.Stop()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return step()
}

// settle tells everybody what became of a batch.
func (r *Recording) settle(b *batch, w *scribe, err error) {
	if err != nil {
		r.fail(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range w.segments[len(r.leaves):] {
		r.leaves = append(r.leaves, s.leaf())
	}
	for _, p := range b.pieces {
		if p.ask != nil {
			p.ask.done <- r.err // a step that took too long failed as well
		}
	}
	r.pending -= len(b.data)
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
