package wire

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// A Conn is a socket. Like any net.Conn it takes one reader and one writer at
// a time; Close may come at any moment, and what was not written by then is
// not written any more.
type Conn struct {
	net.Conn
	pool    *Pool
	raw     syscall.RawConn // nil: reads go to Conn as they are
	settled atomic.Bool     // reads are not acknowledged at once any more

	in    *buffer // what was read ahead; nil while nothing is
	ahead []byte  // of in
	fill  func(fd uintptr) bool
	err   error // of fill
	quick int   // so many reads after the handshake are acknowledged at once, too

	left []byte // of a short write, not written yet; of who writes
	pour func(fd uintptr) bool
	lost error // of pour

	mu      sync.Mutex // guards the rest
	moved   sync.Cond  // room was made, or the socket failed
	out     *buffer    // what is to be written; nil while nothing is
	n       int        // bytes of out
	writing bool       // somebody writes, in order
	failed  error
}

// Conn takes a socket over. TCP is read ahead; on others only writes are gathered.
func (p *Pool) Conn(c net.Conn) *Conn {
	w := &Conn{Conn: c, pool: p, quick: 32}
	w.moved.L = &w.mu
	w.fill, w.pour = w.take, w.give
	if s, ok := c.(syscall.Conn); ok {
		w.raw, _ = s.SyscallConn() // nil: as if it had none
	}
	if w.raw != nil {
		_ = w.raw.Control(brief) // a closed one tells later
	}
	return w
}

// Settle is for the end of the handshake. Until then what is read is
// acknowledged at once: small packets otherwise wait for each other (Nagle's
// algorithm against delayed acknowledgement, 40 ms a time). So is the first of
// what comes after it, for a short command is over by then.
func (c *Conn) Settle() { c.settled.Store(true) }

// SetLinger is that of a TCP socket; others have none.
func (c *Conn) SetLinger(seconds int) error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.SetLinger(seconds)
	}
	return nil
}

// Unsent says whether the system still holds something that the peer has not
// taken, or cannot say.
func (c *Conn) Unsent() (yes bool) {
	yes = true
	if c.raw != nil {
		_ = c.raw.Control(func(fd uintptr) { yes = holds(fd) }) // of a closed one nobody knows
	}
	return yes
}

func (c *Conn) wrong(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Close closes the socket, and lets go whoever waits for it.
func (c *Conn) Close() error {
	c.fail(net.ErrClosed)
	return c.Conn.Close()
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
	c.moved.Broadcast()
}
