package postgres

import (
	"slices"
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
	aCopyEnd // no answer: the end of copying in, sent before the server said that it begins
)

// An ask is one message of the client that the server answers.
type ask struct {
	kind  kind
	n     int // of the record's entry; 0: none
	began time.Time
	rows  int64
	in    int64  // bytes copied to the server …
	out   int64  // … and from it
	parts int    // results told
	name  string // of what is parsed, bound, executed or closed
	from  string // the statement that is bound; of a close what it is: "S" or "P"
	of    int    // the entry with the statement that is executed, if all went well
}

// A queue is what the server has not answered yet, in order. After an error it
// answers nothing until the next Sync; while it copies in, it hears no Sync.
type queue struct {
	mu      sync.Mutex // guards the rest
	n       int        // entries of the record so far
	all     []ask
	failed  bool           // everything is skipped until Sync
	copying bool           // in
	named   map[string]int // entries with the statements that the server has, by name
	portals map[string]int // and of those that are bound
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
		q.copying = false
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
	q.settle()
	if len(q.all) == 0 {
		return
	}
	end := slices.IndexFunc(q.all, func(a ask) bool { return a.kind == aCopyEnd })
	if q.copying = end < 0; q.copying {
		end = len(q.all) - 1
	}
	for ; end > 0 && q.all[end].kind >= aSync; end-- { // what it does not hear was sent before the client knew
		q.all = slices.Delete(q.all, end, end+1)
	}
}

// settle takes off what has no answer, and was for nothing.
func (q *queue) settle() {
	for len(q.all) > 0 && q.all[0].kind == aCopyEnd {
		q.all = q.all[1:]
	}
}

// ends is where the client has sent all, or has given up.
func (q *queue) ends() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.copying && len(q.all) > 0 && len(q.all) < queueMost {
		q.all = append(q.all, ask{kind: aCopyEnd})
	}
	q.copying = false
}

// head gives the ask that the server answers now, changed by do; done takes it off.
func (q *queue) head(do func(*ask) (done bool)) (a ask, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.settle(); len(q.all) == 0 {
		return ask{}, false
	}
	done := do(&q.all[0])
	a = q.all[0]
	if done {
		q.all = q.all[1:]
	}
	return a, true
}

// did is where the server has done a Parse, Bind or Close.
func (q *queue) did() {
	a, _ := q.head(func(a *ask) bool { return a.kind == aParse || a.kind == aBind || a.kind == aClose })
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case a.kind == aParse && a.n > 0:
		q.named = kept(q.named, a.name, a.n)
	case a.kind == aBind:
		q.portals = kept(q.portals, a.name, q.named[a.from])
	case a.kind == aClose && a.from == "S":
		delete(q.named, a.name)
	case a.kind == aClose:
		delete(q.portals, a.name)
	}
}

// kept notes the entry of a name, of so many at most: 0 is of none that is known.
func kept(all map[string]int, name string, n int) map[string]int {
	if len(all) >= 10*mostNamed || all == nil {
		all = map[string]int{}
	}
	all[name] = n
	return all
}

// ran is the entry with the statement that an Execute ran.
func (q *queue) ran(portal string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.portals[portal]
}

// fail is an error: what was asked up to the next Sync is skipped. It gives what failed.
func (q *queue) fail() (a ask, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.copying = false
	if q.settle(); len(q.all) == 0 {
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

// ready is the end of what a Sync or a Query asked for. Nothing is skipped any more.
func (q *queue) ready() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed = false
	for len(q.all) > 0 {
		k := q.all[0].kind
		if q.all = q.all[1:]; k == aSync || k == aQuery {
			return
		}
	}
}
