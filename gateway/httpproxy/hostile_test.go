package httpproxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/tests/door"
)

// A hostile is a target that answers as it was told, whatever that is.
type hostile struct {
	addr  string
	mu    sync.Mutex
	say   string        // to a request for /say
	late  string        // when that was said and nothing was asked
	hang  bool          // it goes on reading afterwards, else it hangs up
	heard []string      // request lines and fields
	said  chan struct{} // one for each late
}

func newHostile(t testing.TB) *hostile {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h := &hostile{addr: l.Addr().String(), said: make(chan struct{}, 100)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { h.serve(c) })
			t.Cleanup(func() { _ = c.Close() }) // before it is waited for
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // it was read from
	})
	return h
}

func (h *hostile) serve(c net.Conn) {
	defer func() { _ = c.Close() }() // it is hostile
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // there is none, or it came
		h.mu.Lock()
		say, late, hang := h.say, h.late, h.hang
		h.heard = append(h.heard, r.Method+" "+r.RequestURI)
		h.mu.Unlock()
		if r.URL.Path != "/say" {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhonest")
			continue
		}
		_, _ = io.WriteString(c, say) // who hears it may hang up
		if late != "" {
			time.AfterFunc(20*time.Millisecond, func() {
				_, _ = io.WriteString(c, late)
				h.said <- struct{}{}
			})
		}
		if !hang {
			return
		}
	}
}

// An outcome is what a browser sees of an answer.
type outcome struct {
	Status  int
	Header  map[string]string
	Body    string
	Broken  bool
	Trailer http.Header
	Next    string // the body of what it asks next
}

func (h *hostile) outcome(t testing.TB, w *door.Web, b door.Inside, method string) (o outcome) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL("/say"), nil)
	must(t, err)
	res, err := b.Do(r)
	if err != nil {
		o.Broken = true
	} else {
		all, err := io.ReadAll(res.Body)
		must(t, res.Body.Close())
		o.Status, o.Body, o.Broken, o.Trailer, o.Header = res.StatusCode, string(all), err != nil, res.Trailer, map[string]string{}
		for name, v := range res.Header {
			if !slices.Contains([]string{"Date", "X-Request-Id", "Content-Length"}, name) { // net/http tells the length of what it has whole
				o.Header[name] = strings.Join(v, " | ")
			}
		}
		if n := len(res.Header["X-Request-Id"]); n != 1 {
			t.Errorf("%d ids of a request", n)
		}
		if id := res.Header.Get("X-Request-Id"); id != "" {
			o.Body = strings.ReplaceAll(o.Body, id, "ID")
		}
	}
	if h.late != "" {
		select {
		case <-h.said:
		case <-time.After(10 * time.Second):
			t.Error("it did not say it")
		}
	}
	res, err = b.Get(w.URL("/honest"))
	must(t, err)
	o.Next = body(t, res)
	return o
}

func answers() map[string]struct {
	say, late string
	hang      bool
	method    string
} {
	type a = struct {
		say, late string
		hang      bool
		method    string
	}
	const ok, poison = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	return map[string]a{
		"honest":                         {ok + "Content-Length: 2\r\n\r\nhi", "", true, "GET"},
		"nothing":                        {"", "", false, "GET"},
		"no HTTP":                        {"SSH-2.0-OpenSSH\r\n", "", false, "GET"},
		"half a head":                    {ok + "Content-Le", "", false, "GET"},
		"until it hangs up":              {ok + "\r\nall", "", false, "GET"},
		"HTTP/1.0":                       {"HTTP/1.0 200 OK\r\n\r\nall", "", false, "GET"},
		"HTTP/1.0 that stays":            {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nall", "", true, "GET"},
		"HTTP/2.0":                       {"HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nall", "", true, "GET"},
		"a status of four digits":        {"HTTP/1.1 2000 OK\r\nContent-Length: 3\r\n\r\nall", "", true, "GET"},
		"a status without words":         {"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nall", "", true, "GET"},
		"a status that is none":          {"HTTP/1.1 +20 OK\r\nContent-Length: 3\r\n\r\nall", "", true, "GET"},
		"too short":                      {ok + "Content-Length: 10\r\n\r\nshort", "", false, "GET"},
		"more behind it":                 {ok + "Content-Length: 5\r\n\r\nhello" + poison, "", true, "GET"},
		"more behind it, later":          {ok + "Content-Length: 5\r\n\r\nhello", poison, true, "GET"},
		"more behind chunks":             {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + poison, "", true, "GET"},
		"more behind nothing":            {ok + "Content-Length: 0\r\n\r\n" + poison, "", true, "GET"},
		"a body with HEAD":               {ok + "Content-Length: 52\r\n\r\n" + poison, "", true, "HEAD"},
		"a length with HEAD":             {ok + "Content-Length: 52\r\n\r\n", "", true, "HEAD"},
		"chunks with HEAD":               {ok + "Transfer-Encoding: chunked\r\n\r\n", "", true, "HEAD"},
		"a body with 204":                {"HTTP/1.1 204 No Content\r\nContent-Length: 52\r\n\r\n" + poison, "", true, "GET"},
		"chunks with 204":                {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"a body with 304":                {"HTTP/1.1 304 Not Modified\r\nContent-Length: 52\r\n\r\n" + poison, "", true, "GET"},
		"two lengths":                    {ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "", true, "GET"},
		"one length twice":               {ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"two lengths in one":             {ok + "Content-Length: 5, 6\r\n\r\nhello!", "", true, "GET"},
		"a length below zero":            {ok + "Content-Length: -5\r\n\r\nhello", "", true, "GET"},
		"a length with a plus":           {ok + "Content-Length: +5\r\n\r\nhello", "", true, "GET"},
		"a length beyond all":            {ok + "Content-Length: 99999999999999999999\r\n\r\nhello", "", false, "GET"},
		"a length that is none":          {ok + "Content-Length: 0x5\r\n\r\nhello", "", true, "GET"},
		"a length and chunks":            {ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "", true, "GET"},
		"chunks and a length":            {ok + "Transfer-Encoding: chunked\r\nContent-Length: 52\r\n\r\n0\r\n\r\n" + poison, "", true, "GET"},
		"a coding that is none":          {ok + "Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"two codings":                    {ok + "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"two codings in two":             {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"identity":                       {ok + "Transfer-Encoding: identity\r\n\r\nhello", "", false, "GET"},
		"chunks":                         {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"a chunk with an extension":      {ok + "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"a chunk that is none":           {ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"a chunk below zero":             {ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"a chunk beyond all":             {ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", "", true, "GET"},
		"a chunk without its end":        {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", "", true, "GET"},
		"chunks with bare ends":          {ok + "Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n", "", false, "GET"},
		"chunks that break off":          {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "", false, "GET"},
		"chunks without the last":        {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "", false, "GET"},
		"trailers":                       {ok + "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n", "", true, "GET"},
		"trailers that were not told":    {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: 5\r\nSet-Cookie: a=b\r\n\r\n", "", true, "GET"},
		"a trailer that nobody may":      {ok + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", "", true, "GET"},
		"bare ends of lines":             {"HTTP/1.1 200 OK\nContent-Length: 5\nX-A: b\n\nhello", "", true, "GET"},
		"a return within a field":        {ok + "X-A: b\rSet-Cookie: evil=1\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a zero within a field":          {ok + "X-A: b\x00c\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a field that goes on":           {ok + "X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a blank before the colon":       {ok + "Content-Length : 5\r\n\r\nhello", "", false, "GET"},
		"a field without a name":         {ok + ": x\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a field without a colon":        {ok + "hello\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a name with other letters":      {ok + "X_A: b\r\nX\xe9: c\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a long head":                    {ok + "X-A: " + strings.Repeat("a", 80<<10) + "\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a head of many fields":          {ok + strings.Repeat("X-A: aaaaaaaaaaaaaaaa\r\n", 4<<10) + "Content-Length: 5\r\n\r\nhello", "", true, "GET"},
		"it says that it will":           {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "", true, "GET"},
		"it goes on though nobody asked": {"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "", true, "GET"},
		"it switches":                    {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "", true, "GET"},
		"what is of the connection":      {ok + "Connection: close, X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTe: x\r\nProxy-Connection: x\r\nX-Stays: 1\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"a connection that takes away":   {ok + "Connection: Content-Type, Set-Cookie\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nhello", "", true, "GET"},
		"it hangs up and says it stays":  {ok + "Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "", false, "GET"},
		"OPTIONS":                        {ok + "Allow: GET\r\nContent-Length: 0\r\n\r\n", "", true, "OPTIONS"},
	}
}

// TestWhateverATargetAnswersADoorStands: a browser gets an answer, or hears that
// there is none; nothing of the target's connection comes through, and what comes
// next is the next answer.
func TestWhateverATargetAnswersADoorStands(t *testing.T) {
	h := newHostile(t)
	w := door.NewWeb(t, h.addr)
	in := w.In(t, w.Eng, false, policy.HTTPGet, "/")
	for name, c := range answers() {
		h.mu.Lock()
		h.say, h.late, h.hang = c.say, c.late, c.hang
		h.mu.Unlock()
		got := h.outcome(t, w, in, c.method)
		for _, own := range []string{"Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Upgrade", "Te"} {
			if v, ok := got.Header[own]; ok {
				t.Errorf("%s: %s: %q came through", name, own, v)
			}
		}
		if strings.Contains(got.Header["Set-Cookie"], "evil") {
			t.Errorf("%s: a cookie was set by what stood within a field", name)
		}
		if !got.Broken && (got.Status < 200 || got.Status > 599) {
			t.Errorf("%s: status %d", name, got.Status)
		}
		if strings.Contains(got.Body, "poison") {
			t.Errorf("%s: what was said too much is part of the answer: %q", name, got.Body)
		}
		if spoken := strings.Contains(c.say+c.late, "poison"); !spoken && got.Next != "honest" { // else http.Transport may not have looked yet
			t.Errorf("%s: what came next was %q", name, got.Next)
		}
	}
}
