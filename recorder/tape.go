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
	over  bool   // nothing comes any more
	ended bool   // and all is sealed
	lines []byte // of the open segment
	kept  int    // bytes of lines that the journal has
	last  int64  // ms of the newest line
	cuts  [3]cut // of streams
	sieve [3]sieve
	show  *show // what its terminal shows, and to whom; nil when the track is from before a crash
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

// record writes a piece as lines: of a stream, without what is to be taken out,
// and with whole characters. What it holds back for that is mend's.
func (w *scribe) record(t *tape, at int64, code string, data []byte) error {
	i := slices.Index(streams(), code)
	if i < 0 {
		return w.line(t, at, code, data)
	}
	if v := &t.sieve[i]; t.redacts(v) {
		data = v.write(at, data)
	}
	return w.stream(t, at, i, data)
}

// stream writes bytes of a stream as they stay.
func (w *scribe) stream(t *tape, at int64, i int, data []byte) error {
	return pieces(t.cuts[i].join(data), func(p []byte) error { return w.line(t, at, streams()[i], p) })
}

// line adds an event to the open segment, and closes that before it grows too large.
func (w *scribe) line(t *tape, at int64, code string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	t.key()
	from := len(t.lines)
	t.lines = appendEvent(t.lines, at-t.last, code, data)
	if from > 0 && len(t.lines) > segmentLines && w.broken == nil {
		tail := slices.Clone(t.lines[from:])
		t.lines = t.lines[:from]
		if w.broken = w.seal(t); w.broken == nil { // else the line is kept all the same
			t.key()
		}
		t.lines = append(t.lines, tail...)
	}
	t.last = at
	w.stir()
	t.show.see(at, code, data)
	return nil
}

// mend writes what was held back, half characters as bytes, once it has waited
// for one flush or when the track ends (or is strict); and what was typed and echoed.
func (w *scribe) mend(t *tape, end bool) error {
	if err := w.typed(t); err != nil {
		return err
	}
	for i := range streams() {
		if err := w.release(t, i, end); err != nil {
			return err
		}
		c := &t.cuts[i]
		switch {
		case c.n == 0:
		case !c.old && !end:
			c.old, w.waits = true, true
		default:
			p := c.b[:c.n]
			c.n = 0
			if err := w.line(t, t.last, streams()[i], p); err != nil {
				return err
			}
		}
	}
	return nil
}

// seal closes the open segment of a track. The secret that would open it is
// gone from here; from the journal, when that begins anew.
func (w *scribe) seal(t *tape) error {
	if len(t.lines) == 0 || w.broken != nil {
		return w.broken
	}
	if t.state.Number == 0 {
		if err := w.heal(func() error { _, err := w.disk.mkdir(t.state.Name); return err }); err != nil {
			return fmt.Errorf("make track %s: %w", t.state.Name, err)
		}
	}
	h := head{
		session: w.words.ID, track: t.state.Name, number: t.state.Number,
		ordinal: uint32(len(w.segments)), at: t.state.At, flags: w.flags, prev: [32]byte(t.state.Prev),
	}
	seg := h.seal(t.chain, w.enc, t.lines)
	s := segmentOf(h, seg)
	if err := w.heal(func() error { return w.disk.put(s.Name(), seg) }); err != nil {
		return fmt.Errorf("seal segment %s: %w", s.Name(), err)
	}
	w.told(s.Name())
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

// end takes in that nothing comes any more on a track. What is open of it is
// sealed with the rest of the recording, for most tracks end with it; or when it
// has waited as long as the lines of others do; or when too many wait.
func (w *scribe) end(t *tape) error {
	if t.over {
		return nil
	}
	for _, step := range []func() error{
		func() error { return w.mend(t, true) },
		func() error { return w.totals(t, true) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	t.over = true
	if w.unsealed++; w.unsealed <= unsealedMost {
		return nil
	}
	for _, t := range w.tapes {
		if t.over && !t.ended {
			if err := w.shut(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// unsealedMost is how many tracks may wait that are over: more would make the end
// of a recording long.
const unsealedMost = 8

// shut seals what is open of a track, for good if that is over.
func (w *scribe) shut(t *tape) error {
	if err := w.seal(t); err != nil {
		return err
	}
	t.lines = nil // a session at rest holds no memory
	if t.over && !t.ended {
		t.chain, t.ended = secret{}, true
		w.unsealed--
	}
	return nil
}

// total writes down the sizes of what is not kept whole.
func (w *scribe) total(t *tape) error { return w.totals(t, false) }

// totals does; of all streams, when the track ends.
func (w *scribe) totals(t *tape, end bool) error {
	if t.track == nil || t.over {
		return nil
	}
	for i, code := range streams() {
		if v := t.sieve[i]; v.red != nil {
			v.red.Rest()
		}
		f := t.track.flows[i]
		if f == nil {
			continue
		}
		if g := t.track.gate; g != nil && i == 2 {
			f.count(g.spent(end))
		}
		as, data := f.total(code, end, regard{t.track.head.Redact != 0, t.sieve[i].taken()})
		if err := w.line(t, t.last, as, data); err != nil {
			return err
		}
	}
	return nil
}
