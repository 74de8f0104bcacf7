package notify

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"
)

// A carrier delivers the notices of one channel, those of one reader about one
// thing one after another.
type carrier struct {
	f  *Follower
	ch Channel

	mu    sync.Mutex // guards what follows
	lanes map[string]*lane
	ready queue // lanes in which nothing is under way
	busy  int
	size  int // notices in all lanes
	wake  chan struct{}
	down  outage
	sent  map[string][]time.Time // by lane: notices that tire, of the last hour
}

// A lane is what waits for one reader about one thing.
type lane struct {
	key   string
	all   []*entry
	next  time.Time
	held  bool // by quiet hours, and not because a try failed
	index int  // in the queue; -1: something is under way
}

// An outage is what makes a channel count as down: tries for several readers
// failed, and none went through. One try at a time finds out whether it is over.
type outage struct {
	fails int    // in a row
	lane  string // in which the first of them was
	since time.Time
	next  time.Time
	on    bool
}

func newCarrier(f *Follower, ch Channel) *carrier {
	return &carrier{f: f, ch: ch, lanes: map[string]*lane{}, wake: make(chan struct{}, 1)}
}

// take puts an entry at the end of its lane.
func (c *carrier) take(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size++
	key := e.lane()
	l := c.lanes[key]
	if l == nil {
		l = &lane{key: key, next: e.Next, all: []*entry{e}}
		if now := time.Now(); e.Next.After(now.Add(longestWait)) { // the clock was wrong when that was written
			l.next = now
		}
		c.lanes[key] = l
		heap.Push(&c.ready, l)
		c.rouse()
		return
	}
	if l.all = append(l.all, e); l.held && l.index >= 0 { // what came last may be what does not wait until the quiet hours end
		l.next = time.Time{}
		heap.Fix(&c.ready, l.index)
	}
	c.rouse()
}

func (c *carrier) rouse() {
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

// run delivers until ctx ends, and waits for what is under way.
func (c *carrier) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for ctx.Err() == nil {
		l, wait := c.pick(time.Now())
		if l != nil {
			wg.Go(func() { c.serve(ctx, l) })
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// pick takes the lane that is due; or says how long to wait.
func (c *carrier) pick(now time.Time) (*lane, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	const long = time.Hour
	switch {
	case len(c.ready) == 0, c.busy >= hands, c.down.on && c.busy > 0:
		return nil, long
	}
	l := c.ready[0]
	due := l.next
	if c.down.on && c.down.next.After(due) {
		due = c.down.next
	}
	if due.After(now) {
		return nil, min(long, due.Sub(now))
	}
	heap.Pop(&c.ready)
	c.busy++
	return l, 0
}

// serve does what can be done in a lane: one try at most.
func (c *carrier) serve(ctx context.Context, l *lane) {
	c.mu.Lock()
	waits := slices.Clone(l.all)
	c.mu.Unlock()
	var next time.Time
	held := false
	gone := map[*entry]bool{}
look:
	for i, e := range waits {
		switch what, until := c.attempt(ctx, e, waits[i+1:]); what {
		case sent:
			gone[e] = true
			break look // others have their turn
		case dropped:
			gone[e] = true
		case quiet: // what comes after it may be more urgent
			if held = true; next.IsZero() || until.Before(next) {
				next = until
			}
		case failed: // nothing overtakes it
			next, held = until, false
			break look
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	came := len(l.all) > len(waits)
	l.all = slices.DeleteFunc(l.all, func(e *entry) bool { return gone[e] })
	if l.next, l.held = next, held; held && came {
		l.next = time.Time{}
	}
	c.busy--
	c.size -= len(gone)
	if len(l.all) == 0 {
		delete(c.lanes, l.key)
	} else {
		heap.Push(&c.ready, l)
	}
	c.rouse()
}

// count is how many notices wait.
func (c *carrier) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// waiting is how many notices wait, and since when the oldest does.
func (c *carrier) waiting() (n int, oldest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lanes {
		if len(l.all) > 0 && (oldest.IsZero() || l.all[0].Since.Before(oldest)) {
			oldest = l.all[0].Since
		}
	}
	return c.size, oldest
}

// A queue holds lanes, the one that is due first at 0.
type queue []*lane

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if !q[i].next.Equal(q[j].next) {
		return q[i].next.Before(q[j].next)
	}
	return q[i].all[0].Num < q[j].all[0].Num
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is heap.Push's.
func (q *queue) Push(x any) {
	l := x.(*lane)
	l.index = len(*q)
	*q = append(*q, l)
}

// Pop is heap.Pop's.
func (q *queue) Pop() any {
	last := len(*q) - 1
	l := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	l.index = -1
	return l
}
