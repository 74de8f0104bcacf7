package sshproxy

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A lobby bounds the connections that are not authenticated yet. When there
// are too many, of one source or in all, the one that has waited longest has
// to leave: a flood of silent connections shuts out nobody.
type lobby struct {
	limits Limits

	mu      sync.Mutex // guards the rest
	closed  bool
	waiting []*guest // oldest first
}

// A guest is the socket of a client. Until it is authenticated nothing
// lengthens its time.
type guest struct {
	net.Conn
	lobby  *lobby
	source netip.Prefix

	hold hold
	once sync.Once
	gone chan struct{} // closed when the socket is
}

// Read hands on what the client sent, unless that has to wait.
func (g *guest) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if err == nil {
		g.hold.wait(g.gone)
	}
	return n, err
}

// Close lets go whoever waits.
func (g *guest) Close() error {
	g.once.Do(func() { close(g.gone) })
	return g.Conn.Close()
}

// drop has what the system still holds for the client go nowhere once the socket is closed.
func (g *guest) drop() {
	if c, ok := g.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0) // fails only when it is closed
	}
}

// admit takes a connection in, its deadline running.
func (l *lobby) admit(c net.Conn) *guest {
	g := &guest{Conn: c, lobby: l, source: source(c.RemoteAddr()), gone: make(chan struct{})}
	_ = c.SetDeadline(time.Now().Add(l.limits.Grace)) // a closed socket says so at the first read
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close() // nobody is told: there was no conversation
		return g
	}
	same := func(w *guest) bool { return w.source == g.source }
	n := 0
	for _, w := range l.waiting {
		if same(w) {
			n++
		}
	}
	switch {
	case n >= l.limits.PerSource:
		l.evict(slices.IndexFunc(l.waiting, same))
	case len(l.waiting) >= l.limits.Startups:
		l.evict(0)
	}
	l.waiting = append(l.waiting, g)
	return g
}

// evict makes one leave. mu is held.
func (l *lobby) evict(i int) {
	_ = l.waiting[i].Conn.Close() // its handshake sees it
	l.waiting = slices.Delete(l.waiting, i, i+1)
}

// remove takes g off the list of those who wait, and says whether it was on it.
func (l *lobby) remove(g *guest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, g)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
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
	return g.lobby.remove(g) && g.Conn.SetDeadline(time.Time{}) == nil
}

// leave closes the socket.
func (g *guest) leave() {
	g.lobby.remove(g)
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
