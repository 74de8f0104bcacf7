package recorder

import "lockbox/recorder/screen"

// When a segment begins with what the terminal showed, so that it can be
// played from there: not in each, for it takes room.
const (
	keyAfter   = 60 * 1000 // ms since the last
	keyBytes   = 192 << 10 // or bytes
	screenMost = 64 << 10  // bytes of a screen; a larger one is not written
)

// lateMost is how many bytes a screen may be late: it passes quickly over what
// it can see to be scrolled away again.
const lateMost = 64 << 10

// A show is what the terminal of a track shows, and who looks on. It is the writer's.
type show struct {
	feed
	rec   *Recording
	pty   bool
	term  *screen.Screen // nil while the track rests
	late  []byte         // not yet written to it
	rests []byte         // the data of a key, while the track rests
	keyed int64          // ms of the last key
	since int            // bytes since
}

func newShow(t *Track) *show {
	s := &show{rec: t.rec, pty: t.head.Kind == "pty"}
	s.more = make(chan struct{})
	if s.pty {
		s.rests = keyOf(newScreen(t.head))
	}
	return s
}

// see takes in what was recorded.
func (s *show) see(at int64, code string, data []byte) {
	if s == nil {
		return
	}
	s.since += len(data)
	s.hold(at, code, data)
	switch {
	case !s.pty:
	case code == CodeOutput || code == CodeStderr:
		if s.late = append(s.late, data...); len(s.late) >= lateMost {
			s.wake()
		}
	case code == CodeResize:
		follow(s.wake(), Event{Code: code, Data: data})
	}
}

// wake gives the screen as it is.
func (s *show) wake() *screen.Screen {
	if s.term == nil {
		term, err := screenOf(s.rests)
		if err != nil { // it was made here
			panic(err)
		}
		s.term, s.rests = term, nil
	}
	if len(s.late) > 0 {
		s.rec.idle()                // however long that takes, it is not the disk
		_, _ = s.term.Write(s.late) // never fails
		s.rec.alive()
		s.late = s.late[:0]
	}
	return s.term
}

// rest keeps the screen as small as can be.
func (s *show) rest() {
	if s == nil || s.term == nil && len(s.late) == 0 {
		return
	}
	if d := s.dump(); len(d) <= screenMost {
		s.term, s.rests = nil, d
	}
	s.late = nil
}

// dump is the data of a CodeKey event; nil for what is no terminal's.
func (s *show) dump() []byte {
	if !s.pty || s.rests != nil && len(s.late) == 0 {
		return s.rests
	}
	return keyOf(s.wake())
}

// key begins a segment with what the terminal shows, where that is due.
func (t *tape) key() {
	s := t.show
	if s == nil || !s.pty || len(t.lines) > 0 || t.state.Number == 0 || t.last-s.keyed < keyAfter && s.since < keyBytes {
		return
	}
	s.keyed, s.since = t.last, 0
	if d := s.dump(); len(d) <= screenMost {
		t.lines = appendEvent(t.lines, 0, CodeKey, d)
	}
}
