package attacks

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"lockbox/policy"
)

// What Go 1.26.8 answers to requests that two servers may cut differently (attacks.md, 0.1, 12). A version that answers
// otherwise is looked at before it is used.
func TestD12SmugglingCorpus(t *testing.T) {
	s := newStage(t, policy.HTTPPut)
	const inner = "GET /smuggled HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nContent-Length: 0\r\n\r\n"
	const head = " / HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"
	for _, row := range []struct {
		name, text string
		want       int // of the first answer
		seen       int // requests that reach the application
		body       string
	}{
		{"two lengths", "POST" + head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc" + inner, 400, 0, ""},
		{"a length with a plus", "POST" + head + "Content-Length: +1\r\n\r\na", 400, 0, ""},
		{"a length with a minus", "POST" + head + "Content-Length: -1\r\n\r\n", 400, 0, ""},
		{"a list of lengths", "POST" + head + "Content-Length: 3, 3\r\n\r\nabc", 400, 0, ""},
		{"a hexadecimal length", "POST" + head + "Content-Length: 0x3\r\n\r\nabc", 400, 0, ""},
		{"two hosts", "GET" + head + "Host: {host}\r\n\r\n", 400, 0, ""},
		{"two hosts that differ", "GET" + head + "Host: evil.example\r\n\r\n", 400, 0, ""},
		{"no host", "GET / HTTP/1.1\r\nCookie: {cookie}\r\n\r\n", 400, 0, ""},
		{"a host that is none", "GET / HTTP/1.1\r\nHost: a b\r\nCookie: {cookie}\r\n\r\n", 400, 0, ""},
		{"a NUL in a header", "GET" + head + "A: b\x00c\r\n\r\n", 400, 0, ""},
		{"a space before the colon", "GET" + head + "A : b\r\n\r\n", 400, 0, ""},
		{"a length with a space before the colon", "POST" + head + "Content-Length : 3\r\n\r\nabc", 400, 0, ""},
		{"a header that begins with a space", "GET / HTTP/1.1\r\n A: b\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n", 400, 0, ""},
		{"a header without a colon", "GET" + head + "abc\r\n\r\n", 400, 0, ""},
		{"a header without a name", "GET" + head + ": abc\r\n\r\n", 400, 0, ""},
		{"an odd encoding", "POST" + head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, 0, ""},
		{"an encoding with a tab", "POST" + head + "Transfer-Encoding: \tchunked\r\n\r\n0\r\n\r\n", 200, 1, ""},
		{"an encoding with a vertical tab", "POST" + head + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, 0, ""},
		{"two encodings", "POST" + head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501, 0, ""},
		{"a list of encodings", "POST" + head + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501, 0, ""},
		{"identity", "POST" + head + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", 501, 0, ""},
		{"length and encoding", "POST" + head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, 1, "hello"},
		{"a folded header", "GET" + head + "A: b\r\n c\r\n\r\n", 200, 1, ""},
		{"HTTP/1.0 with an encoding", "POST / HTTP/1.0\r\nHost: {host}\r\nCookie: {cookie}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, 1, ""},
		{"HTTP/3.0", "GET / HTTP/3.0\r\nHost: {host}\r\n\r\n", 505, 0, ""},
		{"HTTP/1.1 twice", "GET / HTTP/1.1 HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n", 400, 0, ""},
		{"a body of a GET", "GET" + head + "Content-Length: 3\r\n\r\nabc", 200, 1, "abc"},
		{"a request in a body", "POST" + head + "Content-Length: 22\r\n\r\nGET /smuggled HTTP/1.1", 200, 1, "GET /smuggled HTTP/1.1"},
	} {
		s.canary.take()
		all := s.raw(1, row.text)
		got := 0
		if len(all) == 1 {
			got = all[0].StatusCode
		}
		seen := s.canary.take()
		if got != row.want || len(seen) != row.seen {
			t.Errorf("%s: got %d, want %d; the application saw %d requests, want %d", row.name, got, row.want, len(seen), row.seen)
			continue
		}
		for _, h := range seen {
			if h.Body != row.body || h.URI != "/" {
				t.Errorf("%s: the application saw %s with %q, want %q", row.name, h.URI, h.Body, row.body)
			}
			if h.Header.Get("Transfer-Encoding") != "" || len(h.Header.Values("Content-Length")) > 1 {
				t.Errorf("%s: the application saw %v", row.name, h.Header)
			}
		}
	}
}

// Chunks that are cut in another way than RFC 9112 says end the exchange; what stands behind them is no request.
func TestD12ChunksThatAreCutOddly(t *testing.T) {
	s := newStage(t, policy.HTTPPut)
	const head = "POST /first HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nTransfer-Encoding: chunked\r\n\r\n"
	const inner = "GET /smuggled HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n"
	for name, body := range map[string]string{
		"bare line feeds":           "3\nabc\n0\n\n" + inner,
		"an extension":              "3;a=b\nGET\r\n0\r\n\r\n" + inner,
		"a size with 0x":            "0x3\r\nabc\r\n0\r\n\r\n" + inner,
		"a size with a sign":        "+3\r\nabc\r\n0\r\n\r\n" + inner,
		"a size of 2^64 + 3":        "10000000000000003\r\nabc\r\n0\r\n\r\n" + inner,
		"a chunk longer than said":  "3\r\nabcd\r\n0\r\n\r\n" + inner,
		"a size with spaces before": " 3\r\nabc\r\n0\r\n\r\n" + inner,
		"no size, and a request":    "zz\r\n" + inner,
		"an empty size":             "\r\nabc\r\n0\r\n\r\n" + inner,
	} {
		s.canary.take()
		all := s.raw(2, head+body)
		for _, h := range s.canary.take() {
			if h.URI == "/smuggled" {
				t.Errorf("%s: what was a body became a request", name)
			}
			if h.URI == "/first" && !strings.HasSuffix(h.Body, "cut") {
				t.Errorf("%s: the application was told that %q is whole", name, h.Body)
			}
		}
		if len(all) != 1 || all[0].StatusCode != http.StatusBadGateway {
			t.Errorf("%s: got %s", name, statuses(all))
		}
	}
}

func statuses(all []*http.Response) (text string) {
	for _, r := range all {
		text += r.Status + " "
	}
	return text + "in all"
}

// A target that answers oddly is not passed on as it is, and its connection is used no more.
func TestD12AnswersThatAreCutOddly(t *testing.T) {
	for name, row := range map[string]struct {
		answer string
		want   int
	}{
		"two lengths":          {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", http.StatusBadGateway},
		"an odd encoding":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nabc", http.StatusBadGateway},
		"no status":            {"hello\r\n\r\n", http.StatusBadGateway},
		"a header with a NUL":  {"HTTP/1.1 200 OK\r\nA: b\x00c\r\nContent-Length: 0\r\n\r\n", http.StatusBadGateway},
		"a head without end":   {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", http.StatusBadGateway},
		"an unasked upgrade":   {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", http.StatusBadGateway},
		"a thousand 103":       {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 1000) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", http.StatusOK},
		"a status of its own":  {"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", 999},
		"a reply that follows": {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStageAt(t, odd(t, row.answer), policy.HTTPGet)
			for range 2 {
				res, err := s.browser.Get(s.URL("/"))
				must(t, err)
				body, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if res.StatusCode != row.want || strings.Contains(string(body), "bad") {
					t.Errorf("got %d %q, want %d", res.StatusCode, body, row.want)
				}
			}
		})
	}
}

// odd is a target that answers every request with these bytes.
func odd(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				for in := bufio.NewReader(c); ; {
					if r, err := http.ReadRequest(in); err != nil || r.Body.Close() != nil {
						return
					}
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}
