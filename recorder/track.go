package recorder

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Track is what happens on one channel. Its methods take bytes before they
// are forwarded: after an error nothing may be.
type Track struct {
	rec   *Recording
	head  Header
	name  string    // set when it begins
	tape  *tape     // the writer's
	start time.Time // with the monotonic clock, which nobody sets back
	began time.Time // the same, to be written down
	last  int64     // ms of the newest event; guarded by rec.mu
	ended bool      // guarded by rec.mu

	mu    sync.Mutex // guards what came in and is not kept
	bytes int64
	sum   hash.Hash // nil for a terminal
	told  int64     // bytes when last written down
}

func newTrackOf(r *Recording, h Header) *Track {
	t := &Track{rec: r, head: h, start: r.now()}
	t.began = t.start.UTC().Round(time.Millisecond)
	if h.Kind != "pty" { // a hash of what is typed would let passwords be guessed
		t.sum = sha256.New()
	}
	return t
}

// Name is the track's name in the recording: "pty0".
func (t *Track) Name() string { return t.name }

// elapsed is the time of the next event, in ms; it never goes back. Needs rec.mu.
func (t *Track) elapsed() int64 {
	t.last = max(t.last, t.rec.now().Sub(t.start).Milliseconds())
	return t.last
}

// Output takes what the target wrote. It waits while more than 64 KiB, or
// anything for longer than 1 s, is not durable.
func (t *Track) Output(p []byte) error { return t.put(CodeOutput, p) }

// Stderr takes what the target wrote to its standard error; else as Output.
func (t *Track) Stderr(p []byte) error { return t.put(CodeStderr, p) }

// Input takes what goes to the target. It is kept only if the Header says so
// and echo is true, that is, the person sees it too; else its size is, and
// unless a terminal was typed at, its SHA-256. It waits as Output does, so
// that nothing is done while nothing can be recorded.
func (t *Track) Input(p []byte, echo bool) error {
	if t.head.Input && echo {
		return t.put(CodeInput, p)
	}
	t.rec.mu.Lock()
	err := t.rec.admit(0)
	t.rec.mu.Unlock()
	if err != nil {
		return fmt.Errorf("record input: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes += int64(len(p))
	if t.sum != nil {
		_, _ = t.sum.Write(p) // never fails
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

// Close seals what is open of the track.
func (t *Track) Close() error {
	if err := t.rec.ask(t, func(w *scribe) error { return w.end(t.tape) }); err != nil {
		return fmt.Errorf("close track %s: %w", t.name, err)
	}
	return nil
}

// put queues data in pieces.
func (t *Track) put(code string, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), pieceMost)
		if err := t.rec.add(t, code, p[:n]); err != nil {
			return fmt.Errorf("record %s: %w", t.name, err)
		}
		p = p[n:]
	}
	return nil
}

// stdin is the event that tells what came in since the last one; nil if nothing did.
func (t *Track) stdin() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bytes == t.told {
		return nil
	}
	t.told = t.bytes
	ev := struct {
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256,omitempty"`
	}{Bytes: t.bytes}
	if t.sum != nil {
		ev.SHA256 = fmt.Sprintf("%x", t.sum.Sum(nil))
	}
	b, err := json.Marshal(ev)
	if err != nil { // a number and a string
		panic(err)
	}
	return b
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
