package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Updates that wait share one commit: one signature and one sync to the disk.
// Each runs alone, on its caller's goroutine, above what those before it wrote;
// it writes only once nothing of it can fail any more, so that one that fails
// leaves no trace for its neighbours. Nobody hears anything before the commit.

const (
	maxBatch     = 256                   // transactions in a commit
	maxBatchTime = 20 * time.Millisecond // after which no further one joins it
)

// errIdle ends a batch that has nothing to write.
var errIdle = errors.New("nothing to write")

var errGone = errors.New("the function did not return")

// A member is one Update.
type member struct {
	turn chan *Tx      // given once, when its function may run
	over chan struct{} // closed when it has run
	done chan struct{} // closed when the commit is decided
	err  error         // the function's own until over, the outcome when done
}

func newMember() *member {
	return &member{turn: make(chan *Tx, 1), over: make(chan struct{}), done: make(chan struct{})}
}

// run is on the goroutine of who called Update. A panic stays there, and waits
// for the commit as an error does: it too may come of what a neighbour wrote.
// When ctx ends while the disk works, nobody waits for that.
func (m *member) run(ctx context.Context, tx *Tx, fn func(*Tx) error) (err error) {
	m.err = errGone
	defer func() {
		tx.end()
		close(m.over)
		select {
		case <-m.done:
			err = m.err
		case <-ctx.Done():
			err = fmt.Errorf("it is not known whether it was written: %w", ctx.Err())
		}
	}()
	if err = ctx.Err(); err == nil {
		if err = fn(tx); err == nil {
			err = ctx.Err()
		}
	}
	m.err = err
	return err
}

// A queue holds the Updates that wait for their turn.
type queue struct {
	mu      sync.Mutex
	waiting []*member
	patient []*member // share a commit with who comes, or have one of their own at alarm
	alarm   *time.Timer
	running bool
	closed  bool
	idle    sync.Cond // of mu: running is false
}

// patience is how long UpdateSoon waits for company.
const patience = 50 * time.Millisecond

// linger is join for who is patient.
func (q *queue) linger(m *member, run func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	q.patient = append(q.patient, m)
	if q.alarm == nil {
		q.alarm = time.AfterFunc(patience, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.hurry(run)
		})
	}
	return nil
}

// hurry has the patient ones wait no longer. mu is held.
func (q *queue) hurry(run func()) {
	if q.alarm != nil {
		q.alarm.Stop()
		q.alarm = nil
	}
	q.waiting, q.patient = append(q.waiting, q.patient...), nil
	if len(q.waiting) > 0 && !q.running {
		q.running = true
		go run() // close waits for it
	}
}

// join starts run, which serves the queue until it is empty, if it does not run.
func (q *queue) join(m *member, run func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	q.waiting = append(q.waiting, m)
	if !q.running {
		q.running = true
		go run() // close waits for it
	}
	return nil
}

// leave is false when it is too late: the turn of m has come.
func (q *queue) leave(m *member) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, all := range []*[]*member{&q.waiting, &q.patient} {
		if i := slices.Index(*all, m); i >= 0 {
			*all = slices.Delete(*all, i, i+1)
			return true
		}
	}
	return false
}

// next is nil when nobody waits.
func (q *queue) next() *member {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, all := range []*[]*member{&q.waiting, &q.patient} {
		if len(*all) > 0 {
			m := (*all)[0]
			*all = (*all)[1:]
			return m
		}
	}
	return nil
}

func (q *queue) all() []*member {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := append(q.waiting, q.patient...)
	q.waiting, q.patient = nil, nil
	return all
}

// more is false once for the runner, which then must end.
func (q *queue) more() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running = len(q.waiting) > 0; !q.running {
		q.idle.Broadcast()
	}
	return q.running
}

// close refuses who comes later, and waits for who is here.
func (q *queue) close(run func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hurry(run)
	for q.closed = true; q.running; {
		q.idle.Wait()
	}
}

// serve commits until nobody waits.
func (l *Ledger) serve() {
	for l.queue.more() {
		b := &batch{l: l, grown: map[string]tip{}}
		err := b.commit()
		if !b.began { // there is no turn to be had
			b.members = append(b.members, l.queue.all()...)
		}
		for _, m := range b.members {
			if err != nil {
				m.err = errors.Join(m.err, err)
			}
			close(m.done)
		}
	}
}

// A batch is one commit.
type batch struct {
	l       *Ledger
	w       Writer
	log     *tree // as it is after the transactions so far
	state   *sum  // of the rows after them; nil: not known
	firm    int64 // events before the commit
	began   bool
	edge    bool // the stored edge of the tree was found to lead to the head
	wrote   bool
	members []*member
	rows    []map[string]draft // that were written
	grown   map[string]tip     // of customers whose logs grew, as it was
	tips    map[string]tip     // and as it is
}

// commit gives the error that all members have in common.
func (b *batch) commit() (err error) {
	defer func() {
		if p := recover(); p != nil { // of ours or the engine's: it must not take the process
			err = fmt.Errorf("commit: panic: %v\n%s", p, debug.Stack())
		}
	}()
	var next head
	err = b.l.engine.Update(context.Background(), func(w Writer) (err error) {
		next, err = b.run(w)
		return err
	})
	switch {
	case err == errIdle:
		return nil
	case err != nil:
		return err
	}
	b.l.newest.settle(next.note)
	for _, rows := range b.rows {
		b.l.memory.forget(rows) // what was erased is not to stay
	}
	for id, p := range b.tips {
		b.l.tips.note(id, p)
	}
	b.l.advance(next)
	return nil
}

func (b *batch) run(w Writer) (head, error) {
	if err := b.begin(w); err != nil {
		return head{}, err
	}
	for start := time.Now(); len(b.members) < maxBatch && (len(b.members) == 0 || time.Since(start) < maxBatchTime); {
		m := b.l.queue.next()
		if m == nil {
			break
		}
		b.members = append(b.members, m)
		if err := b.serve(m); err != nil {
			return head{}, err
		}
	}
	if !b.wrote {
		return head{}, errIdle
	}
	return b.end()
}

func (b *batch) begin(w Writer) error {
	h, err := b.l.snapshot(w, b.l.known())
	if err != nil {
		return err
	}
	b.l.newest.settle(h.note)
	b.w, b.log, b.firm = w, newTree(w, h), h.N
	b.state, err = b.l.seal.read(w, h.Tree)
	b.began = err == nil
	return err
}

// serve gives m its turn, and writes what it did. An error of the member's own
// is kept there; one that is returned ends the batch.
func (b *batch) serve(m *member) error {
	tx, err := b.l.begin(b.log)
	if err != nil {
		m.err = err
		return nil
	}
	tx.w, tx.grown, tx.firm = b.w, b.grown, b.firm
	m.turn <- tx
	<-m.over
	if m.err != nil {
		return nil
	}
	p, err := tx.plan(b)
	if err != nil {
		m.err = err
		return nil
	}
	return b.write(tx, p)
}

// lead proves that what is stored leads to the head: nothing is signed on top
// of what was changed.
func (b *batch) lead() error {
	if b.edge {
		return nil
	}
	old, err := tlog.TreeHash(b.log.N, b.log)
	switch {
	case err != nil:
		return fmt.Errorf("read the log's edge: %w", err)
	case old != b.log.Hash:
		return tampered("the stored hashes do not lead to the checkpoint")
	}
	b.edge = true
	return nil
}

// end appends the heads of the customers' logs and signs.
func (b *batch) end() (head, error) {
	tx := &Tx{l: b.l, log: b.log, w: b.w, now: b.log.at, grown: b.grown}
	heads, err := tx.heads()
	if err != nil {
		return head{}, err
	}
	for _, e := range heads {
		tx.append(e)
	}
	p, err := tx.plan(b)
	if err != nil {
		return head{}, err
	}
	if err := b.write(tx, p); err != nil {
		return head{}, err
	}
	next := b.log.head
	if next.note, err = b.l.o.sign(next.Tree); err != nil {
		return head{}, err
	}
	if err := b.ends(); err != nil {
		return head{}, err
	}
	if err := b.l.seal.write(b.w, next.Tree, b.state); err != nil {
		return head{}, err
	}
	b.l.signed.Store(&next)
	b.l.newest.sign(next.note)
	return next, b.w.Put([]byte{inNote}, next.note)
}

// ends makes the state follow where the customers' logs end.
func (b *batch) ends() error {
	b.tips = map[string]tip{}
	for id, was := range b.grown {
		p, err := b.l.Of(id).tip(b.w)
		if err != nil {
			return err
		}
		if p != was {
			b.tips[id], b.state = p, b.l.seal.moved(b.state, tipAt(id), was, p)
		}
	}
	return nil
}
