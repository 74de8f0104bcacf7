package sshproxy

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"lockbox/gateway"
)

// A gated socket, to a target, passes nothing while its visit may pass nothing:
// what was read is not handed on, what is to be written waits.
type gated struct {
	net.Conn
	gate func(context.Context) error
	ctx  context.Context // ends when the socket is closed
	stop context.CancelFunc
}

func newGated(c net.Conn, gate func(context.Context) error) *gated {
	g := &gated{Conn: c, gate: gate}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

func (g *gated) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if err == nil {
		err = g.gate(g.ctx)
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (g *gated) Write(p []byte) (int, error) {
	if err := g.gate(g.ctx); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

// Close lets go whoever waits.
func (g *gated) Close() error {
	g.stop()
	return g.Conn.Close()
}

// A hold keeps what a client sends from being heard. It is for the moment in
// which a session is frozen while the client has not taken what was written
// before: nothing is left that could ask for the rest of it.
type hold struct {
	mu  sync.Mutex // guards the rest
	n   int        // sessions that hold it
	off chan struct{}
}

func (h *hold) on() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n++; h.n == 1 {
		h.off = make(chan struct{})
	}
}

func (h *hold) done() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n--; h.n == 0 {
		close(h.off)
		h.off = nil
	}
}

func (h *hold) holds() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n > 0
}

// wait returns when nobody holds, or the socket is closed.
func (h *hold) wait(closed <-chan struct{}) {
	h.mu.Lock()
	off := h.off
	h.mu.Unlock()
	if off == nil {
		return
	}
	select {
	case <-off:
	case <-closed:
	}
}

// settled is how long a write may take that had begun before the end.
const settled = 200 * time.Millisecond

// turns follows the visit: it freezes its sessions, lets them go on, and tells
// the person. It ends with done.
func (st *stay) turns(done <-chan struct{}) {
	var was gateway.Frozen
	under, held := st.visit.Grant().ID, false
	for {
		f, moved := st.visit.Frozen()
		grant := st.visit.Grant()
		switch {
		case !f.Until.IsZero() && was.Until.IsZero():
			st.c.socket.hold.on()
			if held = !st.freeze(f); !held {
				st.c.socket.hold.done()
			}
		case !f.Until.IsZero() && f.Accept && !was.Accept:
			st.tell(func(s *session) string { return s.say().frozenAccept(f) }, f)
		case f.Until.IsZero() && held: // under whichever grant it goes on
			st.c.socket.hold.done()
			held = false
		}
		if f.Until.IsZero() && grant.ID != under {
			under = grant.ID
			st.used()
			left := left(st.visit.Until().Sub(st.c.door.now()))
			st.tell(func(s *session) string { return s.say().goesOn(under, left) }, f)
		}
		was = f
		select {
		case <-moved:
		case <-done:
			if held {
				st.c.socket.hold.done()
			}
			return
		}
	}
}

// freeze waits until what had begun to be written is written, and says whether it is.
func (st *stay) freeze(f gateway.Frozen) bool {
	seconds := time.Until(f.Until)
	told := st.tell(func(s *session) string { return s.say().frozenFor(f, seconds) }, f)
	late := time.NewTimer(settled)
	defer late.Stop()
	for _, t := range told {
		select {
		case <-t:
		case <-late.C:
			return false
		}
	}
	return true
}

// tell says one line in every session of the stay, while the visit is as it was
// when it was to be said. The channels are closed when a session has nothing
// half written to its client.
func (st *stay) tell(line func(*session) string, as gateway.Frozen) (told []<-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for s := range st.joined {
		done := make(chan struct{})
		told = append(told, done)
		st.c.spawn("notice", func() {
			defer close(done)
			s.notice(line(s), func() bool {
				now, _ := st.visit.Frozen()
				return now == as
			})
		})
	}
	return told
}

// notice writes a line of ours between what the program writes, if it is still
// so by then.
func (s *session) notice(text string, still func() bool) {
	text = clean(text)
	if s.terminal() == nil {
		s.out.aside([]byte("lockbox: "+text+"\n"), still)
		return
	}
	cols := int(s.terminal().Cols) - 6
	s.out.between(func() {
		if !still() {
			return
		}
		p := "\x1b]2;lockbox · " + text + "\x07"
		if !s.out.screen.alt {
			p += "\r\n  ─ " + strings.Join(wrapped(text, cols), "\r\n    ") + "\r\n"
		}
		_ = s.out.write([]byte(p), false) // who is gone reads nothing
	})
}
