package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"lockbox/recorder"
	"lockbox/recorder/screen"
)

// Bounds of one part of a track: so much is sent at a time.
const (
	partLong  = 30 * time.Second
	partBytes = 128 << 10
	partMost  = 4 << 20 // even of what came in the same millisecond
)

// A part is what a script gets of a track: what a terminal showed at From, and
// what followed, up to and with Until.
type part struct {
	From   float64    `json:"from"`
	Until  float64    `json:"until"`
	End    bool       `json:"end"` // nothing follows
	Key    *key       `json:"key"`
	Events []partLine `json:"events"`
}

// A key is what a terminal shows: written to an empty one of this size, it shows the same.
type key struct {
	Cols   int    `json:"cols"`
	Rows   int    `json:"rows"`
	Screen string `json:"screen"`
}

// A partLine is an event as a script gets it: [83.25, "o", "text"].
type partLine [3]any

// part sends the part of a track that begins at ?from=SECONDS.
func (p *Portal) part(x *exchange) error {
	from, fine := parseMoment(x.r.URL.Query().Get("from"))
	if !fine {
		return errBody
	}
	play, track, err := p.open(x)
	if err != nil {
		return err
	}
	out, err := partOf(play, track, from)
	if err != nil {
		return err
	}
	return x.answer(ok, out)
}

// partOf reads a part. What cannot be read ends it: what came before it stands.
func partOf(play *recorder.Playback, track recorder.TrackInfo, from time.Duration) (part, error) {
	out := part{From: from.Seconds(), End: true, Events: []partLine{}}
	show := newShowing(track)
	out.Key = show.size()
	size, last := 0, from
	for ev, err := range begun(play, track, from, show, out.Key) {
		if err != nil && len(out.Events) == 0 {
			return out, fmt.Errorf("play a part: %w", err)
		}
		if err != nil { // told with the next part
			out.End = false
			break
		}
		full := size > partBytes || last-from >= partLong
		if full && last > 0 && ev.At > last || size > partMost { // what came at once stays together
			out.End, last = false, max(last, from+time.Millisecond) // it goes on, whatever came
			break
		}
		code, data, ok := show.event(ev)
		switch {
		case code == recorder.CodeKey:
			if ok {
				out.Key = show.key
			}
			continue
		case ok:
			out.Events = append(out.Events, partLine{ev.At.Seconds(), code, data})
		}
		last = max(last, ev.At)
		size += len(ev.Data) + 16
	}
	out.Until = last.Seconds()
	return out, nil
}

// begun gives what came after a moment. Of what is no terminal's there is no
// screen to begin with: it is made from all that came before.
func begun(play *recorder.Playback, track recorder.TrackInfo, from time.Duration, show *showing, begin *key) iter.Seq2[recorder.Event, error] {
	if track.Header.Kind == "pty" || from == 0 {
		return play.From(track.Name, from)
	}
	return func(yield func(recorder.Event, error) bool) {
		s := screen.New(begin.Cols, begin.Rows)
		for ev, err := range play.From(track.Name, 0) {
			if err != nil || ev.At > from {
				begin.Screen = string(s.Dump())
				if !yield(ev, err) {
					return
				}
				continue
			}
			if code, data, ok := show.event(ev); ok && code == recorder.CodeOutput {
				_, _ = s.Write([]byte(data)) // never fails
			}
		}
		begin.Screen = string(s.Dump())
	}
}

// A showing turns the events of a track into what a player shows: escapes that
// act on the viewer are gone, and so is what is not for a screen.
type showing struct {
	head recorder.Header
	web  recorder.HTTPReader
	key  *key
	out  stream
	err  stream
}

type stream struct {
	safe recorder.Safe
	cr   bool // it ended in CR
}

func newShowing(t recorder.TrackInfo) *showing { return &showing{head: t.Header} }

// size is an empty screen of the track's first size.
func (s *showing) size() *key {
	if s.head.Cols <= 0 || s.head.Rows <= 0 {
		return &key{Cols: 80, Rows: 24}
	}
	return &key{Cols: min(s.head.Cols, 500), Rows: min(s.head.Rows, 300)}
}

// event gives what a player gets of an event; false: nothing.
func (s *showing) event(ev recorder.Event) (code, data string, ok bool) {
	switch ev.Code {
	case recorder.CodeOutput:
		return ev.Code, s.show(&s.out, ev.Data), true
	case recorder.CodeStderr:
		return recorder.CodeOutput, s.show(&s.err, ev.Data), true
	case recorder.CodeKey:
		var k key
		if json.Unmarshal(ev.Data, &k) != nil || k.Cols < 1 || k.Rows < 1 || k.Cols > 500 || k.Rows > 300 {
			return ev.Code, "", false
		}
		s.out, s.err = stream{}, stream{}
		k.Screen = s.show(&s.out, []byte(k.Screen))
		s.key = &k
		return ev.Code, k.Screen, true
	case recorder.CodeResize:
		var cols, rows int
		if n, err := fmt.Sscanf(string(ev.Data), "%dx%d", &cols, &rows); n != 2 || err != nil || cols < 1 || rows < 1 {
			return ev.Code, "", false
		}
		return ev.Code, fmt.Sprintf("%dx%d", min(cols, 500), min(rows, 300)), true
	case recorder.CodeMark, recorder.CodeExit, recorder.CodeSignal:
		return ev.Code, visible(string(ev.Data)), true
	}
	if s.head.Kind == "http" {
		t, is := webThing(&s.web, ev)
		return recorder.CodeObject, t.String(), is
	}
	if t, is := thingOf(ev); is && t.Stream == "" {
		return recorder.CodeObject, t.String(), true
	}
	return ev.Code, "", false
}

// show filters output. Where no terminal was there to add the CR, it is added.
func (s *showing) show(to *stream, p []byte) string {
	p = to.safe.Filter(p)
	if s.head.Kind == "pty" || len(p) == 0 {
		return string(p)
	}
	var b strings.Builder
	for line := range bytes.Lines(p) {
		body, lf := bytes.CutSuffix(line, []byte("\n"))
		b.Write(body)
		if len(body) > 0 {
			to.cr = body[len(body)-1] == '\r'
		}
		if lf && !to.cr {
			b.WriteByte('\r')
		}
		if lf {
			b.WriteByte('\n')
			to.cr = false
		}
	}
	return b.String()
}
