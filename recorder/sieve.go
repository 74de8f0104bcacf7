package recorder

import (
	"lockbox/recorder/redact"
	"time"
)

// sieveWait is how long, in ms, the beginning of what may be a secret is held
// back while more comes: with a flush behind it stays below lead.
const sieveWait = 600

// A sieve takes secrets out of one stream of a tape.
type sieve struct {
	red   *redact.Redactor // nil until there is something
	since int64            // ms: when what is held back came
	old   bool             // it has waited for one flush
}

// redacts makes a sieve ready; false: nothing is to be taken out.
func (t *tape) redacts(v *sieve) bool {
	if t.track == nil || t.track.head.Redact == 0 {
		return false
	}
	if v.red == nil {
		v.red = redact.New(t.track.head.Redact)
	}
	return true
}

// write takes bytes in and gives those that can go on.
func (v *sieve) write(at int64, p []byte) []byte {
	if !v.red.Held() {
		v.since = at
	}
	v.old = false
	return v.red.Write(p)
}

func (v *sieve) taken() bool { return v.red != nil && v.red.Taken() }

// release writes what a sieve has held back for long enough.
func (w *scribe) release(t *tape, i int, end bool) error {
	v := &t.sieve[i]
	switch {
	case v.red == nil || !v.red.Held():
		return nil
	case !v.old && !end && t.track.since() < v.since+sieveWait:
		v.old, w.waits = true, true
		return nil
	}
	return w.stream(t, t.last, i, v.red.Flush())
}

// typed writes what the target has echoed.
func (w *scribe) typed(t *tape) error {
	if t.track == nil || t.track.gate == nil {
		return nil
	}
	p, more := t.track.gate.due(t.track.rec.now())
	w.waits = w.waits || more
	if len(p) == 0 {
		return nil
	}
	return w.record(t, t.last, CodeInput, p)
}

// since is ms since the track began.
func (t *Track) since() int64 { return int64(t.rec.now().Sub(t.start) / time.Millisecond) }
