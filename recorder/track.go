package recorder

import (
	"fmt"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Track is what happens on one channel. Its methods take bytes before they
// are forwarded: after an error nothing may be.
type Track struct {
	rec      *Recording
	head     Header
	name     string     // set when it begins
	tape     *tape      // the writer's
	start    time.Time  // with the monotonic clock, which nobody sets back
	began    time.Time  // the same, to be written down
	last     int64      // ms of the newest event; guarded by rec.mu
	ended    bool       // guarded by rec.mu
	flows    [3]*flow   // of streams; nil for one that is kept whole, and tells no size
	cleaning sync.Mutex // held by who uses cleaner; never with rec.mu
	cleaner  cleaner    // of objects
	gate     *gate      // before what is typed at a terminal; nil where it is not kept
}

func newTrackOf(r *Recording, h Header) *Track {
	t := &Track{rec: r, head: h, start: r.now(), flows: flowsOf(h), cleaner: cleaner{want: h.Redact}}
	t.began = t.start.UTC().Round(time.Millisecond)
	if h.Kind == "pty" && h.Input {
		t.gate = &gate{}
	}
	return t
}

// Ready waits as Output does: it is for what passes and is told of later.
func (t *Track) Ready() error { return t.wait() }

// Name is the track's name in the recording: "pty0".
func (t *Track) Name() string { return t.name }

// elapsed is the time of the next event, in ms; it never goes back. Needs rec.mu.
func (t *Track) elapsed() int64 {
	t.last = max(t.last, t.rec.now().Sub(t.start).Milliseconds())
	return t.last
}

// Output takes what the target wrote. It waits while more than 64 KiB, or
// anything for longer than 1 s, is not durable. Beyond Header.Bulk it is only
// counted and hashed, unless the track is a terminal's.
func (t *Track) Output(p []byte) error {
	if t.gate != nil {
		t.gate.output(p, t.rec.now())
	}
	return t.stream(0, p)
}

// Stderr takes what the target wrote to its standard error; else as Output.
func (t *Track) Stderr(p []byte) error { return t.stream(1, p) }

// Input takes what goes to the target. What is typed at a terminal is kept only
// if the Header says so and the target echoes it, else counted; other input is
// kept as Output is, if the Header says so or the track is "fwd" or "file", else
// counted and hashed. It waits as Output does, so that nothing is done while
// nothing can be recorded.
func (t *Track) Input(p []byte) error {
	if t.head.Kind != "pty" {
		return t.stream(2, p)
	}
	if err := t.wait(); err != nil {
		return err
	}
	if t.gate != nil {
		t.gate.input(p, t.rec.now())
	} else {
		t.flows[2].count(int64(len(p)))
	}
	return nil
}

// Resize takes a new size of the terminal.
func (t *Track) Resize(cols, rows int) error {
	return t.put(CodeResize, fmt.Appendf(nil, "%dx%d", cols, rows))
}

// Exit takes the exit status.
func (t *Track) Exit(status int) error { return t.put(CodeExit, fmt.Append(nil, status)) }

// Signal takes the signal that ended the command, as "TERM".
func (t *Track) Signal(name string, core bool) error {
	if core {
		name += " core"
	}
	return t.put(CodeSignal, clean(name))
}

// Note takes what Lockbox itself has to say: a warning, a watcher who joined.
func (t *Track) Note(kind, text string) error { return t.put(CodeMark, clean(kind+": "+text)) }

// Close ends the track: nothing more is taken. What was taken becomes durable as it
// would have anyway, and is sealed soon, at the latest when the recording ends; what
// goes wrong with that fails the recording.
func (t *Track) Close() error {
	if err := t.rec.over(t); err != nil {
		return fmt.Errorf("close track %s: %w", t.name, err)
	}
	return nil
}

// stream records a piece of one of the streams.
func (t *Track) stream(i int, p []byte) error {
	switch {
	case t.head.objects():
		return fmt.Errorf("record %s: it takes objects only", t.name)
	case t.flows[i] != nil:
		return t.carry(i, p)
	}
	return t.put(streams()[i], p)
}

// put queues data.
func (t *Track) put(code string, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), addMost)
		if err := t.rec.add(t, code, p[:n]); err != nil {
			return fmt.Errorf("record %s: %w", t.name, err)
		}
		p = p[n:]
	}
	return nil
}

// clean makes one short line of a text that is ours, or came in a request.
func clean(s string) []byte {
	var b []byte
	for _, c := range s {
		if !unicode.IsPrint(c) {
			c = ' '
		}
		if len(b) > 1000 {
			break
		}
		b = utf8.AppendRune(b, c)
	}
	return b
}
