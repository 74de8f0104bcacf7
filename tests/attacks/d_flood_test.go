package attacks

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
)

// D29: what is too large, too many or too long is refused, and is never held whole.
func TestD29EverythingHasABound(t *testing.T) {
	s := newStage(t, policy.HTTPPut, func(p *policy.Policy, _ *httpproxy.Door) { p.Rules[1].Bounds.HTTP = &policy.HTTP{MaxBody: 1 << 20} })
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("X-%d: y", i)
	}
	for name, row := range map[string]struct {
		text string
		want []int
	}{
		"10,000 headers":     {get("/", many...), []int{431}},
		"a header of 1 MiB":  {get("/", "X: "+strings.Repeat("y", 1<<20)), []int{431, 0}}, // or the connection is cut while it is sent
		"100,000 cookies":    {get("/", "Cookie: "+strings.Repeat("a=b; ", 100_000)), []int{431, 0}},
		"an address of 1 MB": {get("/" + strings.Repeat("x", 1<<20)), []int{431, 414, 400, 0}},
		"1 GiB is announced": {ask("POST", "/", "", "Content-Length: 1073741824"), []int{413}},
		"2 MiB in chunks":    {ask("POST", "/", "200000\r\n"+strings.Repeat("z", 2<<20)+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), []int{413, 0}},
		"1 GiB is expected":  {ask("POST", "/", "", "Content-Length: 1073741824", "Expect: 100-continue"), []int{413}},
	} {
		if got := s.try(row.text); !slices.Contains(row.want, got) {
			t.Errorf("%s: got %d, want one of %d", name, got, row.want)
		}
	}
	for _, h := range s.canary.take() {
		if len(h.Body) > 1<<20+3 || h.Header.Get("X") != "" {
			t.Errorf("the application got a body of %d bytes", len(h.Body))
		}
	}
}

// try is status for what may be cut while it is sent.
func (s *stage) try(text string) int {
	s.t.Helper()
	c, err := tls.Dial("tcp", s.Addr, s.TLS("http/1.1"))
	must(s.t, err)
	defer func() { _ = c.Close() }()
	must(s.t, c.SetDeadline(time.Now().Add(20*time.Second)))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(c, strings.NewReplacer("{host}", s.Host, "{cookie}", s.cookie).Replace(text)) // as far as it is read
	}()
	defer func() { <-sent }()
	head := make([]byte, 12)
	if _, err := io.ReadFull(c, head); err != nil {
		return 0
	}
	_ = c.Close()
	status, err := strconv.Atoi(string(head[9:]))
	must(s.t, err)
	return status
}

// D30: connections that say nothing, or say it slowly, stop nobody else: not before TLS, not in the head, not in a body. LOCKBOX_SLOW
// has more of them: 10000.
func TestD30SlowConnectionsStopNobody(t *testing.T) {
	s := newStage(t, policy.HTTPPut)
	n, err := strconv.Atoi(os.Getenv("LOCKBOX_SLOW"))
	if err != nil {
		n = 1500
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for i := range n {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		wg.Go(func() { s.drip(ctx, c, i) })
	}
	var took []time.Duration
	for range 40 {
		fresh := s.Browser(t, false)
		fresh.Jar = s.browser.Jar
		began := time.Now()
		res, err := fresh.Get(s.URL("/"))
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("beside %d slow connections: %v", n, err)
		}
		_ = res.Body.Close()
		took = append(took, time.Since(began))
		fresh.CloseIdleConnections()
	}
	slices.Sort(took)
	t.Logf("beside %d slow connections: median %s, 95th of 100 %s", n, took[len(took)/2], took[len(took)*95/100])
	if took[len(took)*95/100] > time.Second {
		t.Errorf("the 95th of 100 took %s, want at most 1 s", took[len(took)*95/100])
	}
}

// drip holds a connection for as long as the door lets it: silent, in the middle of TLS, of a head, or of a body.
func (s *stage) drip(ctx context.Context, c net.Conn, i int) {
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	text := ""
	switch i % 4 {
	case 1:
		_, _ = c.Write([]byte{0x16, 3, 1, 2, 0, 1}) // a ClientHello that goes no further
	case 2:
		text = "GET / HTTP/1.1\r\nHost: " + s.Host + "\r\nX: "
	case 3:
		text = "POST / HTTP/1.1\r\nHost: " + s.Host + "\r\nContent-Length: 1000000\r\n\r\n"
	}
	if text == "" {
		_, _ = c.Read(make([]byte, 1)) // until it is cut
		return
	}
	over := tls.Client(c, s.TLS("http/1.1"))
	if over.Handshake() != nil {
		return
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for _, err := io.WriteString(over, text); err == nil; _, err = over.Write([]byte("y")) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
