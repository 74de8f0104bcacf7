package recorder

import (
	"errors"
	"time"
)

const (
	healMost  = 900 * time.Millisecond // what failed is tried again for so long
	healPause = 50 * time.Millisecond  // between two tries

	patienceDefault = time.Second
	patienceMost    = 5 * time.Second
)

var errStalled = errors.New("the disk does not answer")

// A trouble is why nothing is taken.
type trouble struct {
	since   time.Time
	why     error
	until   time.Time     // what failed is tried again till then; zero while the disk does not answer
	watched bool          // a step is under way
	due     time.Time     // when dog is to bark, by the machine's own clock: an older bark that had to wait says nothing
	changed chan struct{} // closed, and made anew, at each change
}

// Trouble says since when, and why, a recording has not been able to write:
// nothing is taken meanwhile. Zero where it can. The channel is closed at the
// next change. Failed is closed when it is given up.
func (r *Recording) Trouble() (since time.Time, changed <-chan struct{}, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble.since, r.trouble.changed, r.trouble.why
}

// freeze has the recording take nothing. Needs mu.
func (r *Recording) freeze(why error) {
	if r.trouble.why != nil {
		return
	}
	r.trouble.since, r.trouble.why = r.now(), why
	r.shift()
}

// thaw ends a freeze. Needs mu.
func (r *Recording) thaw() {
	if r.trouble.why == nil || r.err != nil {
		return
	}
	r.trouble.since, r.trouble.why, r.trouble.until = time.Time{}, nil, time.Time{}
	r.shift()
	r.moved.Broadcast()
}

// shift tells of a change of the trouble. Needs mu.
func (r *Recording) shift() {
	close(r.trouble.changed)
	r.trouble.changed = make(chan struct{})
}

// fail makes the recording refuse everything from now on.
func (r *Recording) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.give(err)
}

// give gives the recording up. Needs mu.
func (r *Recording) give(err error) {
	if r.err != nil {
		return
	}
	r.freeze(err)
	r.err = err
	if !errors.As(err, new(panicked)) { // which says nothing about the disk
		r.shelf.erred(err)
	}
	close(r.failed)
	r.shift()
	r.moved.Broadcast()
}

// alive says that the disk has just answered: it has until the bytes that wait
// are too old, then the recording freezes, and patience more, then it fails.
func (r *Recording) alive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := lead
	switch {
	case !r.trouble.until.IsZero():
		d = r.trouble.until.Sub(r.now())
	case r.trouble.why != nil:
		d = r.patience
	case r.pending > 0:
		d = min(d, r.oldest.Add(lead).Sub(r.now()))
	}
	r.trouble.watched = true
	r.guard(max(d, time.Millisecond))
}

// guard gives the disk so long. Needs mu.
func (r *Recording) guard(d time.Duration) {
	r.trouble.due = time.Now().Add(d)
	r.dog.Reset(d)
}

// idle says that nothing is asked of the disk.
func (r *Recording) idle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble.watched = false
	r.dog.Stop()
}

// overdue is what dog does: the disk has not answered in time.
func (r *Recording) overdue() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.trouble.watched, time.Now().Before(r.trouble.due):
	case r.trouble.why == nil:
		r.freeze(errStalled)
		r.guard(r.patience)
	default:
		r.give(r.trouble.why)
	}
}

// heal does something to the disk, which must bear to be done again after it
// went wrong, until it succeeds or the recording is given up.
func (w *scribe) heal(do func() error) error {
	err := do()
	if err == nil || w.rec == nil {
		return err
	}
	for err != nil && w.rec.hope(err) {
		err = do()
	}
	if err == nil {
		w.rec.healed()
	}
	return err
}

// hope waits until something is to be tried again; false: it is not.
func (r *Recording) hope(why error) bool {
	r.mu.Lock()
	r.freeze(why)
	if r.trouble.until.IsZero() {
		r.trouble.until = r.now().Add(healMost)
	}
	left := r.trouble.until.Sub(r.now())
	r.mu.Unlock()
	if left <= 0 {
		return false
	}
	pause := time.NewTimer(min(left, healPause))
	defer pause.Stop()
	select {
	case <-r.failed:
		return false
	case <-pause.C:
		return true
	}
}

// healed ends the freeze that an error began.
func (r *Recording) healed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.thaw()
}
