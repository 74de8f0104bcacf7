package recorder

import (
	"encoding/json"
	"iter"
	"slices"
	"time"

	"lockbox/policy"
	"lockbox/recorder/redact"
)

// Redacted takes out of events what r says, as when a track is recorded, but
// what may be the beginning of a secret is held back until it is known, however
// long that takes. Give it a track from its beginning: the rest of a secret is
// not known as one.
func Redacted(events iter.Seq2[Event, error], r policy.Redact) iter.Seq2[Event, error] {
	if r == 0 {
		return events
	}
	return func(yield func(Event, error) bool) {
		e := eraser{cleaner: cleaner{want: r}}
		for ev, err := range events {
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, ev := range e.take(ev) {
				if !yield(ev, nil) {
					return
				}
			}
		}
		for i := range e.reds {
			if ev, ok := e.rest(i); ok && !yield(ev, nil) {
				return
			}
		}
	}
}

// An eraser redacts the events of a track.
type eraser struct {
	cleaner
	reds [3]*redact.Redactor // of streams
	last time.Duration
}

// take gives what goes on after an event.
func (e *eraser) take(ev Event) (out []Event) {
	e.last = ev.At
	for i := range e.reds {
		if ev.Code != CodeExit && ev.Code != CodeSignal {
			break
		}
		if ev, ok := e.rest(i); ok {
			out = append(out, ev)
		}
	}
	switch i := slices.Index(streams(), ev.Code); {
	case i >= 0:
		if e.reds[i] == nil {
			e.reds[i] = redact.New(e.want)
		}
		ev.Data = slices.Clone(e.reds[i].Write(ev.Data))
		if len(ev.Data) == 0 {
			return out
		}
	case ev.Code == CodeObject, ev.Code == CodeKey:
		b, err := e.cleaner.object(ev.Data)
		if err != nil {
			b = []byte("{}")
		}
		ev.Data = b
	case ev.Code == CodeMark:
		ev.Data = []byte(e.cleaner.text(string(ev.Data)))
	case ev.Code == CodeCut, ev.Code == CodeStdin:
		ev.Data = e.sizes(ev.Data)
	}
	return append(out, ev)
}

// rest gives what is held back of a stream.
func (e *eraser) rest(i int) (Event, bool) {
	if e.reds[i] == nil || !e.reds[i].Held() {
		return Event{}, false
	}
	return Event{At: e.last, Code: streams()[i], Data: slices.Clone(e.reds[i].Flush())}, true
}

// sizes is the data of a CodeCut or CodeStdin without the hash of what something
// was taken out of, may yet be, or was not looked at.
func (e *eraser) sizes(data []byte) []byte {
	var s sizes
	if err := json.Unmarshal(data, &s); err != nil {
		return []byte("{}")
	}
	i := slices.Index(streams(), s.Stream)
	if whole := s.Kept != nil && s.Bytes != nil && *s.Kept == *s.Bytes; i < 0 || !whole || e.reds[i] != nil && (e.reds[i].Taken() || e.reds[i].Held()) {
		s.SHA256 = ""
	}
	return s.json()
}
