package httpproxy

import (
	"mime"
	"net/http"
	"strings"
	"sync/atomic"

	"lockbox/recorder"
)

// A flow is what passes in one direction of an exchange: counted, and kept where
// the rule says so.
type flow struct {
	t        *take
	from     string
	bytes    atomic.Int64
	messages atomic.Int64
	frames   *frames // after 101
	keep     keeper  // nil: nothing is
}

// A keeper keeps what it can of what passes. It is told before it passes on.
type keeper interface {
	write(p []byte) error
	end() (recorder.HTTPBody, error) // without Bytes
}

// take takes a piece.
func (f *flow) take(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	f.bytes.Add(int64(len(p)))
	if f.frames != nil {
		if err := f.frames.write(p); err != nil {
			return err
		}
	} else if f.keep != nil {
		if err := f.keep.write(p); err != nil {
			return err
		}
	}
	if err := f.t.progress(); err != nil {
		return err
	}
	return f.t.r.track.Ready()
}

// upgrade is when what follows is no body any more.
func (f *flow) upgrade(websocket bool) {
	if f.keep = nil; f.t.r.full {
		f.keep = f.t.r.text(f.t, f.from, nil, nil)
	}
	if websocket {
		f.frames = newFrames(f)
	}
}

// end is what all of it came to.
func (f *flow) end() (b *recorder.HTTPBody, err error) {
	b = &recorder.HTTPBody{}
	switch {
	case f.frames != nil:
		*b, err = f.frames.end()
	case f.keep != nil:
		*b, err = f.keep.end()
	}
	b.Bytes, b.Messages = f.bytes.Load(), f.messages.Load()
	if *b == (recorder.HTTPBody{}) {
		return nil, err
	}
	return b, err
}

// sofar is what passed until now.
func (f *flow) sofar() *recorder.HTTPBody {
	b := recorder.HTTPBody{Bytes: f.bytes.Load(), Messages: f.messages.Load()}
	if b == (recorder.HTTPBody{}) {
		return nil
	}
	return &b
}

// keeper is how a body of such a head is kept: the parts of a form each by
// itself, text as text, and of anything else what it hashes to.
func (r *reel) keeper(t *take, from string, h http.Header) keeper {
	kind, params, _ := mime.ParseMediaType(h.Get("Content-Type")) // what is none is looked at
	coded := h.Get("Content-Encoding") != "" && !strings.EqualFold(h.Get("Content-Encoding"), "identity")
	switch {
	case coded: // or said to be
		return r.text(t, from, isText, r.typed())
	case kind == "multipart/form-data" && from == recorder.FromClient && params["boundary"] != "":
		return newParts(t, params["boundary"])
	case kind == "application/x-www-form-urlencoded": // what people type
		return r.text(t, from, isText, r.typed())
	case textual(kind):
		return r.text(t, from, nil, r.redactor())
	}
	return r.text(t, from, isText, r.redactor())
}

// textual says whether a type is that of text.
func textual(kind string) bool {
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") {
		return true
	}
	switch kind {
	case "application/json", "application/xml", "application/javascript", "application/x-ndjson", "application/graphql", "application/yaml", "application/sql":
		return true
	}
	return false
}

// isText says whether bytes look like text, whatever they are said to be.
func isText(p []byte) bool { return strings.HasPrefix(http.DetectContentType(p), "text/") }
