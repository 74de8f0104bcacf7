package postgres

import (
	"sync"
	"time"
)

// What the server owes an answer to.
type kind int

const (
	aParse kind = iota
	aBind
	aDescribe
	aClose
	anExecute
	aQuery // simple, or a call of a function: answers until ready
	aSync
)

// An ask is one message of the client that the server answers.
type ask struct {
	kind  kind
	n     int // of the record's entry; 0: none
	began time.Time
	rows  int64
	in    int64 // bytes copied to the server …
	out   int64 // … and from it
	parts int   // results told
}

// A queue is what the server has not answered yet, in order. After an error it
// answers nothing until the next Sync; while it copies in, it hears no Sync.
type queue struct {
	mu      sync.Mutex // guards the rest
	n       int        // entries of the record so far
	all     []ask
	failed  bool // everything is skipped until Sync
	copying bool // in
	early   int  // ends of copying in that came before the server said that it begins
}

// number is that of the next entry.
func (q *queue) number() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
	return q.n
}

// queueMost is how many answers a client may wait for.
const queueMost = 100_000

// push adds an ask; ok is false where there are too many. skipped says that the
// server will not look at it.
func (q *queue) push(a ask) (skipped, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) == 0 {
		q.copying, q.early = false, 0
	}
	switch {
	case a.kind == aSync && q.copying:
		return false, true
	case a.kind == aSync:
		q.failed = false
	case q.failed:
		return true, true
	}
	q.all = append(q.all, a)
	return false, len(q.all) <= queueMost
}

// copied counts what the client sends while it copies.
func (q *queue) copied(n int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) > 0 {
		q.all[0].in += n
	}
}

// begins is where the server copies in from now on.
func (q *queue) begins() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.early > 0 {
		q.early--
	} else {
		q.copying = true
	}
	if len(q.all) == 0 || q.all[0].kind != anExecute {
		return
	}
	for q.copying && len(q.all) > 1 && q.all[1].kind == aSync { // it was sent before the client knew
		q.all = append(q.all[:1], q.all[2:]...)
	}
}

// ends is where the client has sent all, or has given up.
func (q *queue) ends() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.copying {
		q.early++
	}
	q.copying = false
}

// head gives the ask that the server answers now, changed by do; done takes it off.
func (q *queue) head(do func(*ask) (done bool)) (a ask, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) == 0 {
		return ask{}, false
	}
	done := do(&q.all[0])
	a = q.all[0]
	if done {
		q.all = q.all[1:]
	}
	return a, true
}

// fail is an error: what was asked up to the next Sync is skipped. It gives what failed.
func (q *queue) fail() (a ask, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.copying = false
	if len(q.all) == 0 {
		return ask{}, false
	}
	if a = q.all[0]; a.kind == aQuery || a.kind == aSync {
		return a, true
	}
	for len(q.all) > 0 && q.all[0].kind != aSync {
		q.all = q.all[1:]
	}
	q.failed = len(q.all) == 0
	return a, true
}

// ready is the end of what a Sync or a Query asked for.
func (q *queue) ready() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.all) > 0 {
		k := q.all[0].kind
		if q.all = q.all[1:]; k == aSync || k == aQuery {
			return
		}
	}
}
