package identity

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What a source may do: so many steps at once, one more each second; a step that
// fails costs as much as guessPrice.
const (
	burst      = 100
	perSecond  = 1
	guessPrice = 10
	maxSources = 4096
)

// errGuess marks a refusal that looks like somebody guessing.
var errGuess = errors.New("no such link")

// limits counts by source. The zero value is ready.
type limits struct {
	mu    sync.Mutex // guards what follows
	by    map[netip.Prefix]*rate.Limiter
	rest  *rate.Limiter // of all sources for which there is no room
	swept time.Time
}

// of finds the limiter of a source: an IPv4 address, or an IPv6 /64, which is what
// one subscriber has. What is no address shares one.
func (l *limits) of(source string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by, l.rest = map[netip.Prefix]*rate.Limiter{}, rate.NewLimiter(perSecond, burst)
	}
	ip, err := netip.ParseAddr(source)
	if err != nil {
		return l.rest
	}
	net := subscriber(ip)
	if one, ok := l.by[net]; ok {
		return one
	}
	if len(l.by) >= maxSources {
		l.sweep(now)
	}
	if len(l.by) >= maxSources {
		return l.rest
	}
	one := rate.NewLimiter(perSecond, burst)
	l.by[net] = one
	return one
}

// subscriber is the network that one has: an IPv4 address, or an IPv6 /64.
func subscriber(ip netip.Addr) netip.Prefix {
	bits := 32
	if ip = ip.Unmap(); ip.Is6() {
		bits = 64
	}
	net, _ := ip.WithZone("").Prefix(bits) // no address has none
	return net
}

// sweep forgets sources that have everything left, at most once a second.
func (l *limits) sweep(now time.Time) {
	if now.Sub(l.swept).Abs() < time.Second {
		return
	}
	l.swept = now
	for net, one := range l.by {
		if one.TokensAt(now) >= burst {
			delete(l.by, net)
		}
	}
}

// slow refuses a source that does too much.
func (d *Directory) slow(m Meta) error {
	if now := d.now(); !d.limits.of(m.Source, now).AllowN(now, 1) {
		return refuse("too many tries from where you are: wait a minute")
	}
	return nil
}

// guessed makes a refusal dear for the source, and gives err back.
func (d *Directory) guessed(m Meta, err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		now := d.now()
		d.limits.of(m.Source, now).ReserveN(now, guessPrice)
	}
	return err
}
