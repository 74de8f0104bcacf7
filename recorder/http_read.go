package recorder

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Exchange is what an http track says of one request and its answer.
type Exchange struct {
	N        uint64
	At       time.Duration // when it began, on its track
	Request  *HTTPRequest  // nil: it began before what was read
	Response *HTTPResponse // nil: there was none, or not yet
	Over     bool
	Outcome  string
	Milli    float64 // that it took
	In, Out  HTTPBody
	Trailer  [][2]string
}

// Socket says whether it became a WebSocket, or another upgrade.
func (x *Exchange) Socket() bool { return x.Response != nil && x.Response.Status == 101 }

// String is the exchange on one line.
func (x *Exchange) String() string {
	s := fmt.Sprintf("exchange %d", x.N)
	if x.Request != nil {
		s = x.Request.Method + " " + x.Request.Host + x.Request.URL
	}
	switch {
	case x.Response != nil:
		s += fmt.Sprintf(" %d", x.Response.Status)
	case x.Over:
		s += " " + x.Outcome
	}
	return s
}

// An HTTPReader puts the objects of an http track together to exchanges. The
// zero one is ready.
type HTTPReader struct{ open map[uint64]*Exchange }

// Read takes an event in: it gives the object, and the exchange as far as is
// known. It is not ok for any other event.
func (r *HTTPReader) Read(ev Event) (x *Exchange, o HTTPObject, ok bool) {
	if ev.Code != CodeObject || json.Unmarshal(ev.Data, &o) != nil || o.N == 0 || !o.known() {
		return nil, o, false
	}
	if x = r.open[o.N]; x == nil {
		if r.open == nil {
			r.open = map[uint64]*Exchange{}
		}
		x = &Exchange{N: o.N, At: ev.At}
		r.open[o.N] = x
	}
	r.take(x, ev.At, &o)
	return x, o, true
}

func (o *HTTPObject) known() bool {
	return slices.Contains([]string{HTTPExchange, HTTPBodyOp, HTTPFrame, HTTPProgress, HTTPEnd}, o.Op)
}

func (r *HTTPReader) take(x *Exchange, at time.Duration, o *HTTPObject) {
	if o.Request != nil {
		x.Request = o.Request
	}
	if o.In != nil {
		x.In = *o.In
	}
	if o.Out != nil {
		x.Out = *o.Out
	}
	switch o.Op {
	case HTTPExchange:
		if x.Response = o.Response; o.Response != nil && o.Request != nil {
			x.At = max(0, at-spanOf(o.Response.Head))
		}
	case HTTPEnd:
		if x.Over, x.Outcome, x.Milli, x.Trailer = true, o.Outcome, o.Milli, o.Trailer; o.Request != nil {
			x.At = max(0, at-spanOf(o.Milli))
		}
		delete(r.open, o.N)
	}
}

// spanOf is so many ms; of what is no sane number, none.
func spanOf(ms float64) time.Duration {
	if !(ms > 0 && ms < 1e10) {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// readerOf is for a track of http; nil for any other.
func readerOf(h Header) *HTTPReader {
	if h.Kind != "http" {
		return nil
	}
	return &HTTPReader{}
}

// words are those of an object of any kind of track.
func (r *HTTPReader) words(ev Event) []Line {
	if r != nil {
		if words, is := r.lines(ev); is {
			return words
		}
	}
	return objectWords(ev.Data)
}

// lines are what is worth a line of an object of an http track: an exchange
// when its answer is known, and the words of bodies and frames.
func (r *HTTPReader) lines(ev Event) (words []Line, is bool) {
	x, o, ok := r.Read(ev)
	if !ok {
		return nil, false
	}
	switch {
	case o.Op == HTTPExchange && o.Response != nil, o.Op == HTTPEnd && x.Response == nil:
		words = append(words, Line{Kind: "url", Text: x.String()})
	case o.Text != "":
		for line := range strings.Lines(o.Text) {
			words = append(words, Line{Kind: "body", Text: strings.TrimRight(line, "\r\n")})
		}
	case o.File != "":
		words = append(words, Line{Kind: "file", Text: o.File})
	}
	return words, true
}
