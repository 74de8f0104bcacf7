package sshproxy

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A beat does something now and then. Between, it holds no goroutine: thousands
// of sessions rest most of the time.
type beat struct {
	mu    sync.Mutex // held while it is done
	over  bool
	timer *time.Timer
	due   time.Time   // when timer comes; of one that follows
	not   func() bool // takes it off what it follows
}

// beat calls do after wait, and then as long after each time as do says, until
// the func returned is called; that waits for do.
func (c *client) beat(wait time.Duration, what string, do func() time.Duration) (stop func()) {
	b := &beat{}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.over {
			return
		}
		defer c.contain(what)
		b.timer.Reset(do())
	})
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.over = true
		b.timer.Stop()
	}
}

// follow calls do now, when the visit has changed, and as long after each time as
// do says (0: no more), until the func returned is called; that waits for do.
func (st *stay) follow(what string, do func(changed bool) time.Duration) (stop func()) {
	b := &beat{not: func() bool { return true }}
	var turn func(changed bool)
	turn = func(changed bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.over || !changed && (b.due.IsZero() || time.Now().Before(b.due)) { // a change came just before
			return
		}
		defer st.c.contain(what)
		b.halt()
		b.not = st.visit.Upon(func() { turn(true) }) // before it looks
		if wait := do(changed); wait > 0 {
			b.due = time.Now().Add(wait)
			b.timer = time.AfterFunc(wait, func() { turn(false) })
		}
	}
	st.c.spawn(what, func() { turn(true) })
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.over = true
		b.halt()
	}
}

// halt stops what would bring it back. mu is held.
func (b *beat) halt() {
	b.not()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.due = time.Time{}
}

const keepAliveRequest = "keepalive@openssh.com"

// keepAlive asks the peer now and then until stop, and calls lost after three
// questions without an answer. While open is false no answer can come.
func (c *client) keepAlive(conn ssh.Conn, open func() bool, lost func()) (stop func()) {
	var waits atomic.Bool
	missed := 0
	return c.beat(c.limits.KeepAlive, "keep-alive", func() time.Duration {
		switch {
		case !open():
			missed = 0
		case !waits.Swap(true):
			missed = 0
			c.spawn("keep-alive", func() {
				_, _, _ = conn.SendRequest(keepAliveRequest, true, nil) // any answer will do; none ends the connection
				waits.Store(false)
			})
		default:
			if missed++; missed >= 3 {
				lost()
			}
		}
		return c.limits.KeepAlive
	})
}
