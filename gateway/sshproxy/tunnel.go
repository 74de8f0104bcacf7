package sshproxy

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A tunnel is a channel of a client as the socket of the connection within it.
type tunnel struct {
	ch     ssh.Channel
	outer  *client
	gone   chan struct{} // closed when the client has closed the channel, or its connection is gone
	closed chan struct{}
	once   sync.Once

	writing atomic.Int32 // writes under way
}

// How long a client has to close a tunnel, before the connection around it is
// cut: when all is well, and when it did not take what was written.
const (
	tunnelWait  = time.Second
	tunnelShort = 2 * settled
)

// newTunnel reads the requests of the channel: there are none.
func newTunnel(c *client, ch ssh.Channel, requests <-chan *ssh.Request) *tunnel {
	t := &tunnel{ch: ch, outer: c, gone: make(chan struct{}), closed: make(chan struct{})}
	c.spawn("tunnel", func() {
		defer close(t.gone)
		ssh.DiscardRequests(requests)
	})
	return t
}

// Read hands on nothing that comes after Close.
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.ch.Read(p)
	if closed(t.closed) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (t *tunnel) Write(p []byte) (int, error) {
	if closed(t.closed) {
		return 0, net.ErrClosed
	}
	t.writing.Add(1)
	defer t.writing.Add(-1)
	return t.ch.Write(p)
}

// Close has nothing pass any more, at once. Reads and writes under way end when
// the client has closed the channel, too, or is cut.
func (t *tunnel) Close() error {
	t.once.Do(func() {
		close(t.closed)
		t.outer.spawn("tunnel", func() {
			t.cutAfter(tunnelWait)
			_ = t.ch.Close() // fails only when the connection is gone
		})
	})
	return nil
}

// SetLinger is for what the client did not take: it goes nowhere.
func (t *tunnel) SetLinger(int) error {
	t.outer.spawn("tunnel", func() { t.cutAfter(tunnelShort) })
	return nil
}

// cutAfter ends the connection around the tunnel, unless the client closes it in time.
func (t *tunnel) cutAfter(d time.Duration) {
	t.outer.spawn("tunnel", func() {
		within(t.gone, d)
		if !closed(t.gone) {
			t.outer.socket.drop()
			t.outer.hangUp()
		}
	})
}

// LocalAddr is that of the socket around it.
func (t *tunnel) LocalAddr() net.Addr { return t.outer.conn.LocalAddr() }

// RemoteAddr is where the person is.
func (t *tunnel) RemoteAddr() net.Addr { return t.outer.conn.RemoteAddr() }

var errNoDeadline = errors.New("a tunnel has no deadlines")

// SetDeadline is not for tunnels: who needs one closes it.
func (t *tunnel) SetDeadline(time.Time) error { return errNoDeadline }

// SetReadDeadline is not for tunnels.
func (t *tunnel) SetReadDeadline(time.Time) error { return errNoDeadline }

// SetWriteDeadline is not for tunnels.
func (t *tunnel) SetWriteDeadline(time.Time) error { return errNoDeadline }
