package sshproxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/time/rate"
)

// A lobby bounds the connections that are not authenticated yet. When there
// are too many, of one source or in all, one has to leave, of the source with
// the most: who has waited long, else who has said nothing, else who came
// first. So a flood shuts out nobody.
type lobby struct {
	limits    Limits
	penalties *penalties
	crowd     crowd
	report    func(error)
	reports   *rate.Limiter

	mu      sync.Mutex // guards the rest
	closed  bool
	waiting []*guest             // oldest first
	sources map[netip.Prefix]int // how many of them wait
}

func newLobby(limits Limits, report func(error)) *lobby {
	return &lobby{
		limits: limits, penalties: newPenalties(mostSources), crowd: crowd{in: map[string]int{}},
		report: report, reports: rate.NewLimiter(rate.Every(10*time.Second), 10), sources: map[netip.Prefix]int{},
	}
}

const (
	waitedLong = 2 * time.Second // a handshake takes less, unless a person has to do something
	// mostUnknown is how many bytes are read of who is not known yet. Twenty keys
	// or certificates are 40 KiB; x/crypto would hold 16 packets of 256 KiB.
	mostUnknown = 128 << 10
	// mostEarly is how many bytes are read between the key exchange and our answer
	// to the request to authenticate, which has 52: fewer than 16 packets, so that
	// x/crypto cannot get stuck (see wire.Drain) where we have no hold of it yet.
	mostEarly = 384
)

var errTooMuch = errors.New("more was sent than it takes to say who one is")

// A guest is the socket of a client. Until it is authenticated nothing
// lengthens its time.
type guest struct {
	net.Conn
	lobby  *lobby
	source netip.Prefix
	exempt bool // from penalties
	since  time.Time
	heard  atomic.Int64 // bytes, until it is known
	out    atomic.Int64 // bytes written
	known  atomic.Bool
	tried  atomic.Bool // a key that was not right
	who    string      // whose it is, from join on
	joined bool        // it counts among those of that person
	over   bool        // the person has as many connections as they may; set before anybody else looks

	keyed atomic.Bool   // there are keys
	early atomic.Int64  // bytes since then, until asked
	asked chan struct{} // closed when it may authenticate

	hold hold
	once sync.Once
	gone chan struct{} // closed when the socket is
}

// Read hands on what the client sent, unless that has to wait.
func (g *guest) Read(p []byte) (int, error) {
	if !g.known.Load() {
		return g.readUnknown(p)
	}
	n, err := g.Conn.Read(p)
	if err == nil {
		g.hold.wait(g.gone)
	}
	return n, err
}

// readUnknown reads what somebody sends of whom nothing is known.
func (g *guest) readUnknown(p []byte) (int, error) {
	left := mostUnknown - g.heard.Load()
	if g.keyed.Load() && !closed(g.asked) {
		left = mostEarly - g.early.Load()
		if left <= 0 && !g.waitAsked() {
			return 0, os.ErrDeadlineExceeded
		}
		if left <= 0 {
			left = mostUnknown - g.heard.Load()
		}
	}
	if left <= 0 {
		return 0, errTooMuch
	}
	n, err := g.Conn.Read(p[:min(int64(len(p)), left)])
	g.heard.Add(int64(n))
	if g.keyed.Load() {
		g.early.Add(int64(n))
	}
	return n, err
}

// waitAsked waits until the guest may authenticate, and says whether it may.
func (g *guest) waitAsked() bool {
	late := time.NewTimer(time.Until(g.since.Add(g.lobby.limits.Grace)))
	defer late.Stop()
	select {
	case <-g.asked:
		return true
	case <-g.gone:
	case <-late.C:
	}
	return false
}

// Write looks for our NEWKEYS: the only packet in the clear of 16 bytes, with 10
// of padding and the number 21 (RFC 4253, 6 and 7.3).
func (g *guest) Write(p []byte) (int, error) {
	if len(p) == 16 && p[4] == 10 && p[5] == 21 && !g.known.Load() {
		g.keyed.Store(true)
	}
	n, err := g.Conn.Write(p)
	g.out.Add(int64(n))
	return n, err
}

// Close lets go whoever waits.
func (g *guest) Close() error {
	g.once.Do(func() { close(g.gone) })
	return g.Conn.Close()
}

// drop has what the system still holds for the client go nowhere once the socket is closed.
func (g *guest) drop() {
	if c, ok := g.Conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0) // fails only when it is closed
	}
}

// unsent says whether the client has not taken all that was written, as far as the system knows.
func (g *guest) unsent() bool {
	c, ok := g.Conn.(interface{ Unsent() bool })
	return ok && c.Unsent()
}

// admit takes a connection in, its deadline running; nil when its source is shut out.
func (l *lobby) admit(c net.Conn) *guest {
	g := &guest{Conn: c, lobby: l, source: source(c.RemoteAddr()), exempt: l.exempts(address(c.RemoteAddr())), since: time.Now(), asked: make(chan struct{}), gone: make(chan struct{})}
	if left := l.penalties.left(g.source, g.since); left > 0 && !g.exempt {
		_ = c.SetDeadline(g.since.Add(10 * time.Millisecond))
		_, _ = fmt.Fprintf(c, "lockbox: too many attempts from your address came to nothing; try again in %d s\r\n", int(left.Seconds())+1)
		_ = c.Close()
		return nil
	}
	_ = c.SetDeadline(g.since.Add(l.limits.Grace)) // a closed socket says so at the first read
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close() // nobody is told: there was no conversation
		return g
	}
	switch {
	case l.sources[g.source] >= l.limits.PerSource:
		l.evict(l.next(func(w *guest) bool { return w.source == g.source }))
	case len(l.waiting) >= l.limits.Startups:
		most := 0
		for _, n := range l.sources {
			most = max(most, n)
		}
		l.evict(l.next(func(w *guest) bool { return l.sources[w.source] == most }))
	}
	l.waiting = append(l.waiting, g)
	l.sources[g.source]++
	return g
}

func (l *lobby) exempts(a netip.Addr) bool {
	return slices.ContainsFunc(l.limits.Exempt, func(p netip.Prefix) bool { return p.Contains(a) })
}

// next is who has to leave, of some; there is one. mu is held.
func (l *lobby) next(of func(*guest) bool) int {
	first := -1
	for i, w := range l.waiting {
		switch {
		case !of(w):
		case w.heard.Load() == 0, time.Since(w.since) > waitedLong:
			return i
		case first < 0:
			first = i
		}
	}
	return first
}

// evict makes one leave. mu is held.
func (l *lobby) evict(i int) {
	_ = l.waiting[i].Close() // its handshake sees it
	l.strike(i)
}

// strike takes one off the list. mu is held.
func (l *lobby) strike(i int) {
	from := l.waiting[i].source
	if l.sources[from]--; l.sources[from] == 0 {
		delete(l.sources, from)
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
}

// remove takes g off the list of those who wait, and says whether it was on it.
func (l *lobby) remove(g *guest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, g)
	if i >= 0 {
		l.strike(i)
	}
	return i >= 0
}

// close ends every connection that is not authenticated. Those that are end by themselves.
func (l *lobby) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for len(l.waiting) > 0 {
		l.evict(0)
	}
}

// authenticated lifts the deadline, unless the guest had to leave meanwhile.
func (g *guest) authenticated() bool {
	g.known.Store(true)
	if c, ok := g.Conn.(interface{ Settle() }); ok {
		c.Settle()
	}
	g.lobby.penalties.clear(g.source, time.Now())
	return g.lobby.remove(g) && g.Conn.SetDeadline(time.Time{}) == nil
}

// blame gives the source a penalty.
func (g *guest) blame(d time.Duration) {
	if g.exempt || !g.lobby.penalties.add(g.source, d, time.Now()) || !g.lobby.reports.Allow() {
		return
	}
	g.lobby.report(fmt.Errorf("ssh door: connections from %s are refused for a while: too many came to nothing", g.source))
}

// penalty is what a handshake costs that failed with err.
func (g *guest) penalty(err error) time.Duration {
	var auth *ssh.ServerAuthError
	var none *ssh.AlgorithmNegotiationError
	var lost net.Error
	switch {
	case time.Since(g.since) >= g.lobby.limits.Grace:
		return forGrace
	case g.tried.Load():
		return forFailed
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.As(err, &lost), errors.As(err, &none), errors.As(err, &auth):
		return forNoTry
	}
	return forFailed
}

// leave closes the socket. Whatever came before, nobody counts it any more.
func (g *guest) leave() {
	g.lobby.remove(g)
	if g.joined {
		g.lobby.crowd.leave(g.who)
	}
	_ = g.Close() // it may be closed already
}

// source is what connections are counted by: the address, or its network of 64 bits.
func source(a net.Addr) netip.Prefix {
	ip := address(a)
	if ip.Is4() {
		return netip.PrefixFrom(ip, 32)
	}
	p, _ := ip.Prefix(64) // no address, no prefix: all such count as one
	return p
}

// address is the IP address of a; the zero Addr where it has none.
func address(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
