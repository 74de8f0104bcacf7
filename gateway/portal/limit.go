package portal

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	perSecond = 50 // requests of one source …
	burst     = 300
	guesses   = 20 // wrong codes of one source or person …
	guessEach = 3 * time.Second
	maxCounts = 10_000 // counters; the oldest go when there are more
)

// limits count what one source does. The zero value is ready.
type limits struct {
	mu    sync.Mutex // guards the maps
	all   map[string]*rate.Limiter
	wrong map[string]*rate.Limiter
	busy  map[string]chan struct{} // closed when it is over
}

// pass says whether the source may ask once more.
func (l *limits) pass(from netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return counter(&l.all, network(from), now, rate.Limit(perSecond), burst).AllowN(now, 1)
}

// guessing says whether whoever it is has named too many codes that are not theirs.
func (l *limits) guessing(who string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return counter(&l.wrong, who, now, rate.Every(guessEach), guesses).TokensAt(now) < 1
}

func (l *limits) guessed(who string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	counter(&l.wrong, who, now, rate.Every(guessEach), guesses).AllowN(now, 1)
}

func counter(m *map[string]*rate.Limiter, key string, now time.Time, each rate.Limit, most int) *rate.Limiter {
	if *m == nil {
		*m = map[string]*rate.Limiter{}
	}
	if c := (*m)[key]; c != nil {
		return c
	}
	for k, c := range *m { // room for one: those who are quiet go first
		if len(*m) < maxCounts {
			break
		}
		if c.TokensAt(now) >= float64(most) {
			delete(*m, k)
		}
	}
	for k := range *m {
		if len(*m) < maxCounts {
			break
		}
		delete(*m, k)
	}
	c := rate.NewLimiter(each, most)
	(*m)[key] = c
	return c
}

// network is what counts as one source: an IPv4 address, an IPv6 /64.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// guesser is by whom wrong codes are counted: whoever is signed in, else the source.
func (x *exchange) guesser() string {
	if x.who.ID != "" {
		return "person " + x.who.ID
	}
	return "source " + network(x.source())
}

// begin says that somebody begins what they do one at a time; else what is
// closed when the one before is over.
func (l *limits) begin(what string) (before <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before := l.busy[what]; before != nil {
		return before
	}
	if l.busy == nil {
		l.busy = map[string]chan struct{}{}
	}
	l.busy[what] = make(chan struct{})
	return nil
}

func (l *limits) end(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.busy[what])
	delete(l.busy, what)
}

// alone answers one person one at a time: a whole log costs the gateway much, and
// the browser nothing. The second is refused.
func (p *Portal) alone(handle func(*exchange) error) func(*exchange) error {
	return func(x *exchange) error {
		what := "log of " + x.who.ID
		if p.limits.begin(what) != nil {
			return errBusy
		}
		defer p.limits.end(what)
		return handle(x)
	}
}

// inTurn answers one person one at a time: what is proven anew for each page. The
// second waits.
func (p *Portal) inTurn(handle func(*exchange) error) func(*exchange) error {
	return func(x *exchange) error {
		what := "proof for " + x.who.ID
		for before := p.limits.begin(what); before != nil; before = p.limits.begin(what) {
			select {
			case <-before:
			case <-x.r.Context().Done():
				return errBusy
			}
		}
		defer p.limits.end(what)
		return handle(x)
	}
}
