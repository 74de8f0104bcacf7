package archive

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"path"
	"time"

	"lockbox/recorder"
)

const (
	queueMost     = 1 << 16 // files that are remembered; more are found when others are through
	backoffLeast  = 500 * time.Millisecond
	backoffMost   = 30 * time.Second
	conflictAfter = 10 * time.Minute // a person may have moved it away
	againAfter    = 10 * time.Minute // trouble that goes on is told again
)

// A file is one of a recording that is to go to the Store.
type file struct {
	session string
	name    string // in the recording's folder
	month   string // "" until it was looked for
	size    int64
	closed  time.Time
	tries   int
	due     time.Time // by the wall clock of this machine
	taken   bool
	wrong   bool // other bytes are in its place
	lost    bool // it cannot be read here
	place   int  // in the heap
}

func (f *file) folder() string { return path.Join(f.month, f.session) }

// A queue holds what is closed and not stored. A manifest is not due before
// everything else of its session is through.
type queue struct {
	files   map[string]map[string]*file // by session and name
	sent    map[string]map[string]bool  // of recordings that are not stored whole
	due     heapOf
	waiting int
	failed  int           // tries one after the other that found no store
	gate    time.Time     // nothing is tried before
	told    time.Time     // when trouble was told
	changed chan struct{} // closed at the next change
}

func (q *queue) init() {
	if q.files == nil {
		q.files, q.sent = map[string]map[string]*file{}, map[string]map[string]bool{}
		q.changed = make(chan struct{})
	}
}

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Closed says that a file of a recording is complete and will not change: key.age,
// a segment that the journal names as closed, the manifest. It is for
// recorder.Shelf.Closed, and never waits.
func (k *Keeper) Closed(session, name string) {
	if k.Store == nil || !isID(session) || !isFile(name) {
		return
	}
	at := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	first := len(k.queue.files[session]) == 0 && len(k.queue.sent[session]) == 0
	k.queue.add(&file{session: session, name: name, closed: at})
	if first {
		k.queue.add(&file{session: session, name: keyName, closed: at})
	}
}

// add takes a file that is neither waiting nor sent.
func (q *queue) add(f *file) {
	q.init()
	if q.files[f.session][f.name] != nil || q.sent[f.session][f.name] {
		return
	}
	if q.waiting >= queueMost {
		return // the scan finds it again
	}
	of := q.files[f.session]
	if of == nil {
		of = map[string]*file{}
		q.files[f.session] = of
	}
	of[f.name] = f
	q.waiting++
	f.place = -1
	if f.name != manifestName || len(of) == 1 {
		heap.Push(&q.due, f)
	}
	if m := of[manifestName]; m != nil && m != f && m.place >= 0 {
		heap.Remove(&q.due, m.place)
	}
	q.wake()
}

// take gives the next file that is due, or how long there is none, and what
// to wait for.
func (k *Keeper) take() (*file, time.Duration, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	q := &k.queue
	q.init()
	now := time.Now()
	if len(q.due) == 0 {
		return nil, time.Hour, q.changed
	}
	if wait := max(q.gate.Sub(now), q.due[0].due.Sub(now)); wait > 0 {
		return nil, wait, q.changed
	}
	f := heap.Pop(&q.due).(*file)
	f.taken = true
	return f, 0, nil
}

// Ends of a try besides success and trouble with the store.
var (
	errDrop  = errors.New("it is not there any more, or not to be sent")
	errDefer = errors.New("others of the session first")
	errDead  = errors.New("its key was destroyed")
)

// A localError is trouble of this disk, not of the Store.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// settle notes what became of a file, and gives what is to be told.
func (k *Keeper) settle(f *file, err error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	q := &k.queue
	defer q.wake()
	f.taken = false
	var other *ConflictError
	switch {
	case err == nil || errors.Is(err, errDrop):
		q.through(f, err == nil)
		return nil
	case errors.Is(err, errDefer):
		q.defer_(f)
		return nil
	case errors.As(err, &other):
		first := !f.wrong
		f.wrong = true
		q.later(f, conflictAfter)
		if first {
			return err
		}
		return nil
	}
	f.tries++
	q.later(f, backoff(f.tries))
	if f.lost = errors.As(err, new(localError)); f.lost {
		if f.tries == 1 {
			return err
		}
		return nil
	}
	q.failed++
	q.gate = time.Now().Add(backoff(q.failed))
	if now := time.Now(); q.told.IsZero() || now.Sub(q.told) >= againAfter {
		q.told = now
		return err
	}
	return nil
}

// through forgets a file, and lets the manifest follow the last of the others.
func (q *queue) through(f *file, sent bool) {
	if q.failed > 0 && sent { // the store is back
		q.failed, q.gate, q.told = 0, time.Time{}, time.Time{}
		for _, w := range q.due {
			if !w.wrong {
				w.due = time.Time{}
			}
		}
		heap.Init(&q.due)
	}
	of := q.files[f.session]
	delete(of, f.name)
	q.waiting--
	if sent {
		if q.sent[f.session] == nil {
			q.sent[f.session] = map[string]bool{}
		}
		q.sent[f.session][f.name] = true
	}
	if len(of) == 0 {
		delete(q.files, f.session)
	}
	if f.name == manifestName {
		delete(q.sent, f.session) // noted as stored, or gone
	}
	if m := of[manifestName]; m != nil && len(of) == 1 && m.place < 0 && !m.taken {
		heap.Push(&q.due, m)
	}
}

// defer_ puts a manifest back until the others are through.
func (q *queue) defer_(f *file) {
	if len(q.files[f.session]) == 1 {
		q.later(f, 0)
	}
}

func (q *queue) later(f *file, wait time.Duration) {
	f.due = time.Now().Add(wait)
	heap.Push(&q.due, f)
}

// backoff is how long to wait after so many tries in vain.
func backoff(tries int) time.Duration {
	d := min(backoffLeast<<min(tries, 10), backoffMost)
	return d/2 + rand.N(d/2)
}

// Wait says what is closed and not in the Store yet. How long what is older than
// this Run has waited counts while the Store is out: else it is being brought.
func (k *Keeper) Wait() (w recorder.Wait) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, of := range k.queue.files {
		stuck := false
		for _, f := range of {
			stuck = stuck || f.stuck()
		}
		for _, f := range of {
			w.Segments++
			w.Bytes += f.size
			switch {
			case f.stuck(), stuck && f.name == manifestName: // which comes last
				w.Stuck++
			case k.queue.failed == 0 && f.closed.Before(k.began):
			case w.Oldest.IsZero() || f.closed.Before(w.Oldest):
				w.Oldest = f.closed
			}
		}
	}
	return w
}

// stuck says whether a person has to look after a file: it is of one recording, and no sign of the Store's.
func (f *file) stuck() bool { return f.wrong || f.lost }

// heapOf has the file on top that is due first, of those the one closed first.
type heapOf []*file

func (h heapOf) Len() int { return len(h) }
func (h heapOf) Less(i, j int) bool {
	if c := h[i].due.Compare(h[j].due); c != 0 {
		return c < 0
	}
	return h[i].closed.Before(h[j].closed)
}
func (h heapOf) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *heapOf) Push(x any) {
	f := x.(*file)
	f.place = len(*h)
	*h = append(*h, f)
}
func (h *heapOf) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	f.place = -1
	return f
}
