package recorder

import (
	"fmt"
	"slices"
)

// A tape is the writer's side of a track.
type tape struct {
	track *Track // nil when the track is from before a crash
	state trackState
	chain secret // seals the open segment
	ended bool
	lines []byte // of the open segment
	kept  int    // bytes of lines that the journal has
	last  int64  // ms of the newest line
	cuts  [3]cut // of streams
}

// streams are the codes whose data go on from event to event.
func streams() []string { return []string{CodeOutput, CodeStderr, CodeInput} }

// saved is the tape's state as the journal keeps it.
func (t *tape) saved() trackState {
	s := t.state
	if !t.ended {
		s.Chain = t.chain[:]
	}
	return s
}

// cut is where the code's stream keeps half a character; nil if it is no stream.
func (t *tape) cut(code string) *cut {
	i := slices.Index(streams(), code)
	if i < 0 {
		return nil
	}
	return &t.cuts[i]
}

// record writes a piece as lines.
func (w *scribe) record(t *tape, at int64, code string, data []byte) error {
	c := t.cut(code)
	if c == nil {
		return w.line(t, at, code, data)
	}
	return pieces(c.join(data), func(p []byte) error { return w.line(t, at, code, p) })
}

// line adds an event to the open segment, and closes that before it grows too large.
func (w *scribe) line(t *tape, at int64, code string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	from := len(t.lines)
	t.lines = appendEvent(t.lines, at-t.last, code, data)
	if from > 0 && len(t.lines) > segmentLines {
		tail := slices.Clone(t.lines[from:])
		t.lines = t.lines[:from]
		if err := w.seal(t); err != nil {
			return err
		}
		t.lines = append(t.lines, tail...)
	}
	t.last = at
	w.stir()
	return nil
}

// mend writes half characters as bytes, once they have waited for one flush or
// when the track ends.
func (w *scribe) mend(t *tape, end bool) error {
	for i, code := range streams() {
		c := &t.cuts[i]
		switch {
		case c.n == 0:
		case !c.old && !end:
			c.old, w.waits = true, true
		default:
			p := c.b[:c.n]
			c.n = 0
			if err := w.line(t, t.last, code, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// seal closes the open segment of a track. The secret that would open it is
// gone from here; from the journal, when that begins anew.
func (w *scribe) seal(t *tape) error {
	if len(t.lines) == 0 {
		return nil
	}
	if t.state.Number == 0 {
		if _, err := w.disk.mkdir(t.state.Name); err != nil {
			return fmt.Errorf("make track %s: %w", t.state.Name, err)
		}
	}
	h := head{
		session: w.words.ID, track: t.state.Name, number: t.state.Number,
		ordinal: uint32(len(w.segments)), at: t.state.At, flags: w.flags, prev: [32]byte(t.state.Prev),
	}
	seg := h.seal(t.chain, w.enc, t.lines)
	s := segmentOf(h, seg)
	if err := w.disk.put(s.Name(), seg); err != nil {
		return fmt.Errorf("seal segment %s: %w", s.Name(), err)
	}
	w.closed(t, s)
	clear(t.lines)
	t.lines, t.kept = t.lines[:0], 0
	return nil
}

// closed moves a track on behind a segment.
func (w *scribe) closed(t *tape, s Segment) {
	w.segments = append(w.segments, s)
	t.state.Number++
	t.state.Prev = s.Hash[:]
	t.state.At = t.last
	t.chain = t.chain.derive(labelNextSegment, "")
	w.stale = true
}

// end closes a track for good.
func (w *scribe) end(t *tape) error {
	for _, step := range []func() error{
		func() error { return w.total(t) },
		func() error { return w.mend(t, true) },
		func() error { return w.seal(t) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	t.chain, t.lines, t.ended = secret{}, nil, true
	return nil
}

// total writes down what came in and was not kept.
func (w *scribe) total(t *tape) error {
	if t.track == nil || t.ended {
		return nil
	}
	return w.line(t, t.last, CodeStdin, t.track.stdin())
}
