package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lockbox/recorder"
)

// A webOne is one request and its answer in full.
type webOne struct {
	webLine
	ID       string // correlation id
	Client   string
	Host     string
	Request  [][2]string
	Response [][2]string
	Left     int // fields that are not written down
	Times    []webTime
	In, Out  webBody
	Pieces   []webPiece // of a WebSocket
	More     string     // address of those that follow
}

// A webTime is a part of the time that it took.
type webTime struct {
	Kind string // "connect", "send", "wait", "receive"
	Long string
}

// A webBody is what is known of a body.
type webBody struct {
	recorder.HTTPBody
	Text  string
	Parts []webPart
	Less  bool // there is more than is shown
}

// Any says whether there was a body.
func (b webBody) Any() bool { return b.Bytes > 0 }

// A webPart is a part of a form.
type webPart struct {
	Field, File, Text string
	Bytes             int64
	SHA256            string
	more              bool
}

// A webPiece is a message of a WebSocket, or a part of one.
type webPiece struct {
	At     time.Duration
	Client bool // it went to the target
	Type   string
	Text   string
	Bytes  int64
	SHA256 string
	Code   int
	More   bool
}

// Clock is when it passed, as people read it.
func (p webPiece) Clock() string { return showMoment(p.At) }

// one reads one exchange; of a WebSocket the messages from so many on.
func (w *webFacts) one(ctx context.Context, play *recorder.Playback, track string, n uint64, from int) (*webOne, error) {
	var r recorder.HTTPReader
	var one *webOne
	var found *recorder.Exchange
	pieces := 0
	for ev, err := range play.Events(track) {
		if err != nil {
			return nil, fmt.Errorf("read track %s: %w", track, err)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read track %s: %w", track, context.Cause(ctx))
		}
		x, o, is := r.Read(ev)
		if !is || o.N != n || x.Request == nil {
			continue
		}
		if one == nil {
			one, found = &webOne{}, x
		}
		switch o.Op {
		case recorder.HTTPFrame:
			if pieces++; pieces > from && len(one.Pieces) < mostPieces {
				one.Pieces = append(one.Pieces, pieceOf(ev.At, &o))
			}
		case recorder.HTTPBodyOp:
			one.body(&o)
		}
	}
	if one == nil {
		return nil, errNoPage
	}
	if pieces > from+len(one.Pieces) {
		one.More = fmt.Sprintf("%s&x=%d&f=%d#one", w.at(w.From-1), n, from+mostPieces)
	}
	one.fill(found)
	return one, nil
}

func (o *webOne) fill(x *recorder.Exchange) {
	o.webLine = lineOf(x)
	o.What = clean(x.Request.URL)
	o.ID, o.Client, o.Host = visible(x.Request.ID), visible(x.Request.Client), visible(x.Request.Host)
	o.Request, o.Left = fieldsOf(x.Request.Header), x.Request.More
	o.In.HTTPBody, o.Out.HTTPBody = x.In, x.Out
	for _, b := range []*webBody{&o.In, &o.Out} {
		b.Text, b.SHA256 = lined(b.Text), visible(b.SHA256)
	}
	p := x.Response
	if p == nil {
		return
	}
	o.Response = fieldsOf(p.Header)
	o.Left += p.More
	add := func(kind string, ms float64) {
		if ms >= 0.05 {
			o.Times = append(o.Times, webTime{kind, milliseconds(ms)})
		}
	}
	if p.New {
		add("connect", p.Conn)
	}
	sent := max(p.Conn, min(p.Sent, p.Head))
	add("send", sent-p.Conn)
	add("wait", p.Head-sent)
	add("receive", x.Milli-p.Head)
}

func fieldsOf(header [][2]string) (all [][2]string) {
	for _, f := range header {
		all = append(all, [2]string{visible(f[0]), clean(f[1])})
	}
	return all
}

// body adds a piece of a body.
func (o *webOne) body(p *recorder.HTTPObject) {
	b := &o.Out
	if p.From == recorder.FromClient {
		b = &o.In
	}
	text := p.Text + strings.ToValidUTF8(string(p.Data), "\uFFFD")
	if p.Field != "" || p.File != "" {
		b.part(p, text)
		return
	}
	if room := mostShown - len(b.Text); len(text) > room {
		text, b.Less = strings.ToValidUTF8(text[:room], ""), true
	}
	b.Text += text
}

func (b *webBody) part(p *recorder.HTTPObject, text string) {
	if n := len(b.Parts); n == 0 || !b.Parts[n-1].more {
		if n == mostPieces {
			b.Less = true
			return
		}
		b.Parts = append(b.Parts, webPart{Field: visible(p.Field), File: visible(p.File)})
	}
	last := &b.Parts[len(b.Parts)-1]
	last.more, last.Bytes, last.SHA256 = p.More, p.Bytes, visible(p.SHA256)
	if len(last.Text)+len(text) > mostShown/8 {
		b.Less = true
		return
	}
	last.Text += lined(text)
}

func pieceOf(at time.Duration, o *recorder.HTTPObject) webPiece {
	return webPiece{
		At: at, Client: o.From == recorder.FromClient, Type: visible(o.Type), Text: lined(o.Text + strings.ToValidUTF8(string(o.Data), "\uFFFD")), Bytes: o.Bytes,
		SHA256: visible(o.SHA256), Code: o.Code, More: o.More,
	}
}

// lined is clean with its lines; JSON on one line gets some.
func lined(s string) string {
	if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		var b bytes.Buffer
		if !strings.Contains(s, "\n") && len(s) > 100 && json.Indent(&b, []byte(s), "", "  ") == nil {
			s = b.String()
		}
	}
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// webThing is an object of a track of HTTP on a line, for who watches; false for
// what is not worth one.
func webThing(r *recorder.HTTPReader, ev recorder.Event) (t thing, is bool) {
	x, o, ok := r.Read(ev)
	if !ok || x.Request == nil {
		return t, false
	}
	switch {
	case o.Op == recorder.HTTPExchange && o.Response != nil, o.Op == recorder.HTTPEnd && x.Response == nil:
		t = thing{At: ev.At, Op: visible(x.Request.Method), What: visible(x.Request.URL)}
		if x.Response != nil {
			t.Rest = []string{fmt.Sprint(x.Response.Status)}
		} else {
			t.Rest = []string{visible(x.Outcome)}
		}
		return t, true
	}
	return t, false
}
