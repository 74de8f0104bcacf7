package sshproxy

import (
	"strings"
	"sync"
	"time"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
)

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
// the person why, and who watches, until stop.
func (st *stay) turns() (stop func()) {
	t := &turns{stay: st, under: st.visit.Grant().ID, seen: audience{}}
	t.seen.fresh(st.watchers(), time.Now()) // the banner tells of them
	end := st.follow("turns", func(bool) time.Duration { t.next(); return 0 })
	return func() {
		end()
		if t.hush != nil {
			t.hush.done()
		}
	}
}

// turns are what a visit went through.
type turns struct {
	*stay
	was   standing
	under string // grant
	hush  *hush
	seen  audience
}

// next takes the visit as it stands now.
func (t *turns) next() {
	now, st := t.standing(), t.stay
	var told []<-chan struct{}
	if now.shut() && !t.was.shut() {
		t.hush = st.c.hush()
	}
	told = append(told, st.tellFrozen(now, t.was)...)
	told = append(told, st.tellHalted(now, t.was)...)
	switch {
	case now.shut() && !t.was.shut():
		t.hush.settle(func() bool { return written(told) })
	case !now.shut() && t.was.shut():
		st.used()
		t.hush.done()
	}
	if under := st.visit.Grant().ID; now.frozen.Until.IsZero() && under != t.under { // under whichever grant it goes on
		t.under = under
		st.used()
		left := speech.Left(st.visit.Until().Sub(st.c.door.now()))
		st.tell(func(s *session) string { return s.say().goesOn(under, left) }, st.still(now))
	}
	st.tellWatched(t.seen)
	t.was = now
}

// A standing is whether things may pass in a visit, and why not.
type standing struct {
	frozen gateway.Frozen
	halted gateway.Halt
}

func (s standing) shut() bool { return !s.frozen.Until.IsZero() || s.halted != gateway.Halt{} }

func (st *stay) standing() standing {
	f, _ := st.visit.Frozen()
	h, _ := st.visit.Halted()
	return standing{f, h}
}

// still says whether the visit stands as it did.
func (st *stay) still(as standing) func() bool {
	return func() bool { return st.standing() == as }
}

// tellFrozen says that the time is up, and what is waited for.
func (st *stay) tellFrozen(now, was standing) []<-chan struct{} {
	f := now.frozen
	switch seconds := time.Until(f.Until); {
	case f.Until.IsZero():
		return nil
	case was.frozen.Until.IsZero():
		return st.tell(func(s *session) string { return s.say().frozenFor(f, seconds) }, st.still(now))
	case f.Accept && !was.frozen.Accept:
		return st.tell(func(s *session) string { return s.say().frozenAccept(f) }, st.still(now))
	}
	return nil
}

// tellHalted says what else holds the session back, or nothing any more.
func (st *stay) tellHalted(now, was standing) []<-chan struct{} {
	h := now.halted
	switch {
	case h == was.halted:
		return nil
	case h != gateway.Halt{}:
		return st.tell(func(s *session) string { return s.say().halted(h, st.c.door.page(st.visit)) }, st.still(now))
	case !now.shut():
		return st.tell(func(s *session) string { return s.say().unhalted(was.halted) }, st.still(now))
	}
	return nil
}

// written waits until what had begun to be written is, and says whether it is.
func written(told []<-chan struct{}) bool {
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

// tell says one line in every session of the stay, if it is still so when it can
// be said. The channels are closed when a session has nothing half written to
// its client.
func (st *stay) tell(line func(*session) string, still func() bool) (told []<-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for s := range st.joined {
		done := make(chan struct{})
		told = append(told, done)
		st.c.spawn("notice", func() {
			defer close(done)
			s.notice(line(s), still)
		})
	}
	return told
}

// notice writes a line of ours between what the program writes, if it is still
// so by then.
func (s *session) notice(text string, still func() bool) {
	text = speech.Clean(text)
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
			p += "\r\n  ─ " + strings.Join(speech.Wrap(text, cols), "\r\n    ") + "\r\n"
		}
		_ = s.out.write([]byte(p), false) // who is gone reads nothing
	})
}
