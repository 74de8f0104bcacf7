package recorder

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// entry is an exchange in HAR's terms.
func (h *harHeld) entry(began time.Time) harEntry {
	x := h.x
	e := harEntry{
		Started: began.Add(x.At).UTC().Format("2006-01-02T15:04:05.000Z"), Time: x.Milli, Timings: harTimes(x), Request: h.request(), Response: h.response(),
		Comment: fmt.Sprintf("request %s: %s", x.Request.ID, x.Outcome),
	}
	if !x.Over {
		e.Comment = fmt.Sprintf("request %s: it had not ended", x.Request.ID)
	}
	if h.less {
		e.Comment += "; the recording has more than stands here"
	}
	if x.Socket() {
		e.Resource = "websocket"
	}
	for _, m := range h.messages {
		text, coded := harData(m.bytes)
		if m.Data, m.Comment = text, m.comment; coded != "" {
			m.Opcode = 2
		}
		e.Messages = append(e.Messages, m)
	}
	return e
}

func (h *harHeld) request() harRequest {
	q := h.x.Request
	r := harRequest{
		Method: q.Method, URL: cmp.Or(q.Scheme, "https") + "://" + q.Host + q.URL, Version: q.Proto, Cookies: []harPair{}, Headers: harPairs(q.Header), Query: harQuery(q.URL), Head: -1, Body: h.x.In.Bytes,
	}
	if h.x.In.Bytes > 0 && !h.x.Socket() {
		text, _ := harData(h.in.bytes)
		r.Post = &harPost{Mime: field(q.Header, "Content-Type"), Text: text, Params: h.params}
		if r.Post.Params == nil {
			r.Post.Params = []harParam{}
		}
	}
	return r
}

func (h *harHeld) response() harResponse {
	r := harResponse{Cookies: []harPair{}, Headers: []harPair{}, Head: -1, Body: -1}
	p := h.x.Response
	if p == nil {
		return r
	}
	r.Status, r.Text, r.Version = p.Status, http.StatusText(p.Status), p.Proto
	r.Headers, r.Redirect, r.Body = harPairs(p.Header), field(p.Header, "Location"), h.x.Out.Bytes
	r.Content.Size, r.Content.Mime = h.x.Out.Bytes, field(p.Header, "Content-Type")
	r.Content.Text, r.Content.Encoding = harData(h.out.bytes)
	if h.x.Out.SHA256 != "" {
		r.Content.Comment = "SHA-256 " + h.x.Out.SHA256
	}
	return r
}

// harData is text, or base64 and that it is.
func harData(b []byte) (text, encoding string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return base64.StdEncoding.EncodeToString(b), "base64"
}

func harPairs(fields [][2]string) []harPair {
	all := []harPair{}
	for _, f := range fields {
		all = append(all, harPair{f[0], f[1]})
	}
	return all
}

func harQuery(address string) []harPair {
	all := []harPair{}
	_, query, _ := strings.Cut(address, "?")
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part != "" {
			all = append(all, harPair{unescaped(name), unescaped(value)})
		}
	}
	return all
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// field is the first value of a header's field.
func field(fields [][2]string, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

// harTimes are where the time went. Name and connection are one time to us.
func harTimes(x *Exchange) harTimings {
	t := harTimings{Blocked: -1, DNS: -1, Connect: -1, SSL: -1}
	if x.Response == nil {
		t.Wait = max(0, x.Milli)
		return t
	}
	p := x.Response
	if conn := max(0, min(p.Conn, p.Head)); p.New {
		t.Connect = conn
	} else {
		t.Blocked = conn
	}
	sent := max(p.Conn, min(p.Sent, p.Head))
	t.Send, t.Wait, t.Receive = max(0, sent-p.Conn), max(0, p.Head-sent), max(0, x.Milli-p.Head)
	return t
}
