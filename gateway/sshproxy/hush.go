package sshproxy

import "time"

// A hush keeps a client from being heard, on its own connection and on the one
// around that, while something is half written that it could ask the rest of.
type hush struct {
	c    *client
	held []*client // innermost first
}

func (c *client) hush() *hush {
	h := &hush{c: c}
	for ; c != nil; c = c.around() {
		c.socket.hold.on()
		h.held = append(h.held, c)
	}
	return h
}

// settle lets those be heard again on whose connection nothing waits, and says
// whether that is all. whole is whether the sessions have written what they had begun to.
func (h *hush) settle(whole func() bool) bool {
	around := make(chan bool, 1)
	if a := h.c.around(); a != nil {
		a.spawn("hush", func() { around <- a.flushed(settled) })
	}
	var keep []*client
	for i, c := range h.held {
		// What the inner one writes goes through the one around it: that is looked at after it.
		if calm := i == 0 && whole() && c.flushed(settled/2) || i > 0 && <-around && !h.c.socket.writes(); calm {
			c.socket.hold.done()
		} else {
			keep = append(keep, c)
		}
	}
	h.held = keep
	return len(keep) == 0
}

// done lets all be heard.
func (h *hush) done() {
	for _, c := range h.held {
		c.socket.hold.done()
	}
	h.held = nil
}

// cut ends those that still hold something.
func (h *hush) cut() {
	for _, c := range h.held {
		c.socket.drop()
		c.hangUp()
	}
}

// around is the connection that this one goes through; nil without.
func (c *client) around() *client {
	if t, ok := c.socket.Conn.(*tunnel); ok {
		return t.outer
	}
	return nil
}

// probe is more than all that the library sends while keys are exchanged.
const probe = 8 << 10

// flushed says whether nothing that was written waits until keys are exchanged,
// which the client can put off: the library keeps 64 packets, and tells nobody.
// Something long is written, and has to come out. No client looks at it.
func (c *client) flushed(in time.Duration) bool {
	before, done := c.socket.out.Load(), make(chan struct{})
	c.spawn("probe", func() {
		defer close(done)
		_, _, _ = c.conn.SendRequest("probe@lockbox", false, make([]byte, probe)) // what did not come out shows below
	})
	within(done, in)
	return closed(done) && c.socket.out.Load()-before >= probe
}

// writes says whether a write into the tunnel that the guest comes through is half done.
func (g *guest) writes() bool {
	t, ok := g.Conn.(*tunnel)
	return ok && t.writing.Load() > 0
}
