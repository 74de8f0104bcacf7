package httpproxy_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/tests/door"
)

// both tries a rule with HTTP/1.1 and with HTTP/2.
func both(t *testing.T, fn func(t *testing.T, h2 bool)) {
	t.Run("http1", func(t *testing.T) { fn(t, false) })
	t.Run("http2", func(t *testing.T) { fn(t, true) })
}

func TestAStreamComesPieceByPiece(t *testing.T) {
	both(t, func(t *testing.T, h2 bool) {
		next := make(chan struct{})
		w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := 0; ; i++ {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
					return
				}
			}
		}))
		b := w.In(t, w.Eng, h2, policy.HTTPGet, "/")
		res, err := b.Get(w.URL("/events"))
		must(t, err)
		lines := bufio.NewScanner(res.Body)
		for i := range 3 {
			lines.Scan()
			if got := lines.Text(); got != fmt.Sprint("data: ", i) {
				t.Fatalf("got %q", got)
			}
			lines.Scan()
			next <- struct{}{}
		}
		must(t, res.Body.Close())
	})
}

func TestALargeBodyPassesBothWaysAtOnce(t *testing.T) {
	both(t, func(t *testing.T, h2 bool) {
		w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.Copy(flushing{w}, r.Body)
		}))
		b := w.In(t, w.Eng, h2, policy.HTTPGet, "/")
		sent := make([]byte, 8<<20)
		_, _ = rand.Read(sent)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL("/echo"), io.MultiReader(bytes.NewReader(sent)))
		must(t, err)
		res, err := b.Do(r)
		must(t, err)
		got, err := io.ReadAll(res.Body)
		must(t, err)
		if sha256.Sum256(got) != sha256.Sum256(sent) {
			t.Fatalf("got %d bytes of %d, or others", len(got), len(sent))
		}
	})
}

type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

func TestTrailersPassBothWays(t *testing.T) {
	both(t, func(t *testing.T, h2 bool) {
		met := make(chan string, 1)
		w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			met <- r.Trailer.Get("X-Sum") + r.Trailer.Get("X-Lockbox-Identity") + r.Trailer.Get("X_Lockbox_Identity")
			w.Header().Set("Trailer", "X-Total, Set-Cookie")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Total", "4")
			w.Header().Set("Set-Cookie", "lockbox-app=evil")
			w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
		}))
		b := w.In(t, w.Eng, h2, policy.HTTPGet, "/")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL("/"), io.MultiReader(strings.NewReader("abc")))
		must(t, err)
		r.Trailer = http.Header{"X-Sum": {"3"}, "X-Lockbox-Identity": {"me"}, "X_Lockbox_Identity": {"me"}}
		res, err := b.Do(r)
		must(t, err)
		_ = body(t, res)
		if got := <-met; got != "3" {
			t.Errorf("the target got the trailers %q", got)
		}
		if res.Trailer.Get("X-Total") != "4" || res.Trailer.Get("X-Late") != "yes" || res.Trailer.Get("Set-Cookie") != "" {
			t.Errorf("the browser got the trailers %v", res.Trailer)
		}
	})
}

func TestRangesAndConditionsPass(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1000)
	both(t, func(t *testing.T, h2 bool) {
		w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"one"`)
			http.ServeContent(w, r, "x.bin", time.Time{}, bytes.NewReader(content))
		}))
		b := w.In(t, w.Eng, h2, policy.HTTPGet, "/")
		for name, c := range map[string]struct {
			header, value string
			status        int
			body          string
		}{
			"a range":     {"Range", "bytes=5-9", http.StatusPartialContent, "56789"},
			"not changed": {"If-None-Match", `"one"`, http.StatusNotModified, ""},
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL("/x.bin"), nil)
			must(t, err)
			r.Header.Set(c.header, c.value)
			res, err := b.Do(r)
			must(t, err)
			if got := body(t, res); res.StatusCode != c.status || got != c.body {
				t.Errorf("%s: got %d %q", name, res.StatusCode, got)
			}
		}
	})
}

func TestWhoAsksFirstSendsABodyOnlyWhenTheTargetWantsIt(t *testing.T) {
	w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	b := w.In(t, w.Eng, false, policy.HTTPGet, "/")
	b.Transport.(*http.Transport).ExpectContinueTimeout = 10 * time.Second
	for path, want := range map[string]int{"/no": http.StatusForbidden, "/yes": http.StatusOK} {
		went := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { went = true }})
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, w.URL(path), strings.NewReader("hello"))
		must(t, err)
		r.Header.Set("Expect", "100-continue")
		res, err := b.Do(r)
		must(t, err)
		if _ = body(t, res); res.StatusCode != want || went != (want == http.StatusOK) {
			t.Errorf("%s: got %d, and went on: %v", path, res.StatusCode, went)
		}
	}
}

// upgraded is a connection after a handshake for a WebSocket; nil with the answer where there is none.
func upgraded(t testing.TB, w *door.Web, cookie, path string, more ...string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	c, err := tls.Dial("tcp", w.Addr, w.TLS("http/1.1"))
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	head := []string{
		"GET " + path + " HTTP/1.1", "Host: " + w.Host, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Cookie: " + cookie,
	}
	_, err = io.WriteString(c, strings.Join(append(head, more...), "\r\n")+"\r\n\r\n")
	must(t, err)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	must(t, err)
	return c, in, res
}

// socket is an application that says back what it hears.
func socket(w http.ResponseWriter, r *http.Request) {
	c, in, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Identity: "+
		fmt.Sprint(len(r.Header["X-Lockbox-Identity"]))+"\r\n\r\n")
	_, _ = io.Copy(c, in)
}

func TestAWebSocketPassesBothWays(t *testing.T) {
	w := door.NewWeb(t, target(t, socket))
	b := w.In(t, w.Eng, false, policy.HTTPGet, "/")
	c, in, res := upgraded(t, w, b.Cookie(t), "/ws", "Origin: https://"+w.Host)
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("X-Identity") != "1" {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	for _, size := range []int{5, 100, 60_000, 3} {
		head := []byte{0x81, 0x80 | byte(min(size, 126))}
		if size >= 126 {
			head = []byte{0x81, 0xfe, byte(size >> 8), byte(size)}
		}
		sent := append(append(head, 0, 0, 0, 0), bytes.Repeat([]byte("x"), size)...)
		_, err := c.Write(sent)
		must(t, err)
		got := make([]byte, len(sent))
		_, err = io.ReadFull(in, got)
		must(t, err)
		if !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes came back otherwise", size)
		}
	}
}

func TestAWebSocketOfAnotherPageIsRefused(t *testing.T) {
	w := door.NewWeb(t, target(t, socket))
	b := w.In(t, w.Eng, false, policy.HTTPGet, "/")
	for _, origin := range [][]string{nil, {"Origin: null"}, {"Origin: https://evil.example"}, {"Origin: https://other." + strings.TrimPrefix(w.Host, "wiki.")}, {"Origin: http://" + w.Host}} {
		if _, _, res := upgraded(t, w, b.Cookie(t), "/ws", origin...); res.StatusCode != http.StatusForbidden {
			t.Errorf("%q got %d", origin, res.StatusCode)
		}
	}
	if _, _, res := upgraded(t, w, "", "/ws", "Origin: https://"+w.Host); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: got %d", res.StatusCode)
	}
}

// endless is an application whose answers do not end. It says when one began, and when it is over.
func endless(begun chan struct{}, over chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() { over <- "the target's end of " + r.URL.Path }()
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
		}
		begun <- struct{}{}
		switch r.URL.Path {
		case "/ws":
			socket(w, r)
		case "/up":
			_, _ = io.Copy(io.Discard, r.Body)
		case "/flood": // more than anybody reads
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		default:
			<-r.Context().Done()
		}
	}
}

// TestWhatIsOpenEndsWithItsGrant: within a second, whatever it is, and whoever waits for whom.
func TestWhatIsOpenEndsWithItsGrant(t *testing.T) {
	both(t, func(t *testing.T, h2 bool) {
		begun, over := make(chan struct{}, 10), make(chan string, 20)
		w := door.NewWeb(t, target(t, endless(begun, over)))
		b := w.In(t, w.Eng, h2, policy.HTTPGet, "/")
		open := func(method, path string, body io.Reader, read bool) {
			r, err := http.NewRequestWithContext(t.Context(), method, w.URL(path), body)
			must(t, err)
			go func() {
				res, err := b.Do(r)
				if err == nil && read {
					_, _ = io.Copy(io.Discard, res.Body)
				}
				over <- path
			}()
			<-begun
		}
		open("GET", "/events", nil, true)
		open("GET", "/hang", nil, true)
		open("GET", "/flood", nil, false)
		slow, feed := io.Pipe()
		open("POST", "/up", slow, true)
		wait := 8
		if !h2 {
			wait += 2
			_, in, _ := upgraded(t, w, b.Cookie(t), "/ws", "Origin: https://"+w.Host)
			<-begun
			go func() {
				_, _ = in.ReadByte()
				over <- "/ws"
			}()
		}
		at := time.Now()
		must(t, w.Desk.Revoke(t.Context(), w.Ceo.Principal, b.Request, "enough"))
		allOver(t, wait, over, feed)
		if d := time.Since(at); d > 5*time.Second { // a second where nothing else runs
			t.Errorf("it took %v", d)
		}
		if res, got := fetch(t, b.Browser, "GET", w.URL("/")); res.StatusCode != http.StatusForbidden || !strings.Contains(got, "LBX-REVOKED") {
			t.Errorf("afterwards: %d %s", res.StatusCode, got)
		}
	})
}

func allOver(t *testing.T, n int, over chan string, feed io.Closer) {
	t.Helper()
	late := time.After(10 * time.Second)
	for range n {
		select {
		case end := <-over:
			if strings.HasSuffix(end, "of /up") {
				must(t, feed.Close()) // Go's client does not look up before
			}
		case <-late:
			t.Fatal("something goes on")
		}
	}
}
