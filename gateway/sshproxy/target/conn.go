package target

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// A Conn is a connection to a target, authenticated with a certificate of its own.
type Conn struct {
	ssh.Conn
	socket  *gated
	gone    context.Context // ends when the connection is gone
	refused atomic.Int64    // channels that the target opened
	wg      sync.WaitGroup
}

// refusals is how many channels a target may have refused before it is cut.
const refusals = 1000

func newConn(conn ssh.Conn, socket *gated, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request, offered func(ssh.NewChannel)) *Conn {
	c := &Conn{Conn: conn, socket: socket}
	var gone context.CancelFunc
	c.gone, gone = context.WithCancel(context.Background())
	if offered == nil {
		offered = func(ch ssh.NewChannel) {
			_ = ch.Reject(ssh.Prohibited, "lockbox: not from here") // fails only when the connection is gone
		}
	}
	c.wg.Go(func() {
		defer gone()
		c.answer(channels, requests, offered)
		_ = conn.Wait() // why it ended is told by what was cut
	})
	return c
}

// answer answers what the target asks for, until the connection is gone: one
// goroutine for all of it, for each has a stack.
func (c *Conn) answer(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request, offered func(ssh.NewChannel)) {
	for channels != nil || requests != nil {
		select {
		case ch, ok := <-channels:
			if !ok {
				channels = nil
				continue
			}
			offered(&fromTarget{ch, c})
		case r, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			_ = r.Reply(false, nil) // fails only when the connection is gone
		}
	}
}

// A fromTarget is a channel that the target opens.
type fromTarget struct {
	ssh.NewChannel
	c *Conn
}

// Reject refuses it; too many, and the target is cut.
func (f *fromTarget) Reject(why ssh.RejectionReason, text string) error {
	if f.c.refused.Add(1) > refusals {
		f.c.HangUp()
	}
	return f.NewChannel.Reject(why, text)
}

// HangUp closes the socket at once, whatever the target does.
func (c *Conn) HangUp() { _ = c.socket.Close() }

// Cut is HangUp, and what the system still holds for the target goes nowhere.
func (c *Conn) Cut() {
	if s, ok := c.socket.Conn.(interface{ SetLinger(int) error }); ok {
		_ = s.SetLinger(0) // fails only when it is closed
	}
	c.HangUp()
}

// Gone is closed when the connection is gone.
func (c *Conn) Gone() <-chan struct{} { return c.gone.Done() }

// Upon has fn run when the connection is gone, unless the func returned was
// called before, which then says so.
func (c *Conn) Upon(fn func()) (stop func() bool) { return context.AfterFunc(c.gone, fn) }

// Left returns when nothing is left of the connection.
func (c *Conn) Left() { c.wg.Wait() }
