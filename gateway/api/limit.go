package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What may be done at once, and how soon again.
const (
	sourceBurst, sourceEach = 300, 20 * time.Millisecond // calls of one source
	tokenBurst, tokenEach   = 100, 50 * time.Millisecond // calls with one token
	guessBurst, guessEach   = 20, 3 * time.Second        // wrong tokens of one source, wrong codes of one person
	maxCounts               = 10_000                     // counters; any go when there are more
)

// limits count what sources, tokens and people do. The zero value is ready.
type limits struct {
	mu sync.Mutex // guards by
	by map[string]*rate.Limiter
}

// pass counts one more, and says whether it may be.
func (l *limits) pass(key string, each time.Duration, burst int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counter(key, each, burst, now).AllowN(now, 1)
}

// spent says whether there were too many already.
func (l *limits) spent(key string, each time.Duration, burst int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counter(key, each, burst, now).TokensAt(now) < 1
}

func (l *limits) counter(key string, each time.Duration, burst int, now time.Time) *rate.Limiter {
	if c := l.by[key]; c != nil {
		return c
	}
	if l.by == nil || len(l.by) >= maxCounts {
		l.makeRoom(now)
	}
	c := rate.NewLimiter(rate.Every(each), burst)
	l.by[key] = c
	return c
}

// makeRoom forgets those who are quiet, and, where that is not enough, others.
func (l *limits) makeRoom(now time.Time) {
	if l.by == nil {
		l.by = map[string]*rate.Limiter{}
	}
	for key, c := range l.by {
		if c.TokensAt(now) >= float64(c.Burst()) {
			delete(l.by, key)
		}
	}
	for key := range l.by {
		if len(l.by) < maxCounts/2 {
			return
		}
		delete(l.by, key)
	}
}

// waits are the places of those who wait, so that no one person takes all of
// them. The zero value is ready.
type waits struct {
	mu sync.Mutex // guards the rest
	n  int
	by map[string]int
}

// take takes a place, and says whether there was one.
func (w *waits) take(who string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n >= maxWaits || w.by[who] >= waitsEach {
		return false
	}
	if w.by == nil {
		w.by = map[string]int{}
	}
	w.n++
	w.by[who]++
	return true
}

// leave gives a place back.
func (w *waits) leave(who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
	if w.by[who]--; w.by[who] == 0 {
		delete(w.by, who)
	}
}

// taken is how many there are.
func (w *waits) taken() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}
