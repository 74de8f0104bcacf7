package httpproxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
)

// straight says whether a request may go on a line: it has no body and changes
// nothing, so that it may be asked twice.
func straight(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r.ContentLength == 0 && len(r.Trailer) == 0 && r.Header.Get("Upgrade") == "" && r.Header.Get("Expect") == ""
	}
	return false
}

// relay passes such a request on, and the answer back, as httputil.ReverseProxy
// does.
func (x *exchange) relay(l *lines) {
	c := x.call
	address := *c.r.URL
	out := &http.Request{Method: c.r.Method, URL: &address, Host: c.r.Host, Header: make(http.Header, len(c.r.Header)+8), ProtoMajor: 1, ProtoMinor: 1}
	for name, values := range c.r.Header {
		out.Header[name] = values
	}
	trailers := tokens(c.r.Header["Te"], "trailers")
	endToEnd(out.Header)
	if trailers {
		out.Header["Te"] = []string{"trailers"}
	}
	x.rewrite(&httputil.ProxyRequest{In: c.r, Out: out})
	res, err := l.ask(x.ctx, out, &x.take.climb)
	waits := false
	if err == nil {
		body := res.Body.(*rest)
		defer func() { _ = body.Close() }() // it is read, or given up
		waits = body.waits()
		if endToEnd(res.Header); res.StatusCode != http.StatusSwitchingProtocols {
			err = x.answer(res)
		} else {
			err = errors.New("the target switches to what nobody asked for")
		}
	}
	if err != nil {
		x.failed(c.w, c.r, err)
		return
	}
	x.hand(res, waits)
}

// hand passes an answer to the client; its head at once, where the body waits.
func (x *exchange) hand(res *http.Response, waits bool) {
	w := x.call.w
	h := w.Header()
	for name, values := range res.Header {
		h[name] = values
	}
	announced := len(res.Trailer)
	for name := range res.Trailer {
		h.Add("Trailer", name)
	}
	w.WriteHeader(res.StatusCode)
	x.pour(res, waits)
	if len(res.Trailer) == 0 {
		return
	}
	_ = x.bare.Flush() // so that there are chunks, which trailers take
	prefix := ""
	if len(res.Trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range res.Trailer {
		h[prefix+name] = values
	}
}

// pour copies the body of an answer. One whose end is not known goes on as it comes.
func (x *exchange) pour(res *http.Response, waits bool) {
	live := res.ContentLength < 0
	if kind := res.Header.Get("Content-Type"); len(kind) >= len(events) && strings.EqualFold(kind[:len(events)], events) {
		live = true
	}
	if live && waits {
		_ = x.bare.Flush() // as it can
	}
	lent := &x.call.door.buffers
	b := lent.Get()
	defer lent.Put(b)
	for {
		n, err := res.Body.Read(b)
		if n > 0 {
			if _, werr := x.call.w.Write(b[:n]); werr != nil {
				x.says("client gone")
				panic(http.ErrAbortHandler)
			}
			if live && err == nil {
				_ = x.bare.Flush() // as it can
			}
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // so that nobody takes it for the whole
		}
	}
}

const events = "text/event-stream"

// endToEnd takes out of a header what is of one connection (RFC 9110, section 7.6.1).
func endToEnd(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range [...]string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
}

// tokens says whether a list holds a word.
func tokens(lines []string, word string) bool {
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(one), word) {
				return true
			}
		}
	}
	return false
}
