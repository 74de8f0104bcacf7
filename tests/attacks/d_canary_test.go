package attacks

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/door"
)

// A heard is a request as an application got it.
type heard struct {
	Method, URI, Host string
	Header            http.Header
	Body              string
	Trailer           http.Header
}

// A canary is an application that remembers what reaches it.
type canary struct {
	*httptest.Server
	mu  sync.Mutex
	all []heard
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	c := &canary{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			body = append(body, "cut"...)
		}
		c.mu.Lock()
		c.all = append(c.all, heard{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(body), r.Trailer.Clone()})
		c.mu.Unlock()
		if w.Header().Set("Content-Type", "text/plain"); r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// take gives what reached it since the last time.
func (c *canary) take() []heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

// A stage is an HTTP door with a canary behind it, and a browser of Eng inside.
type stage struct {
	*door.Web
	t       *testing.T
	canary  *canary
	browser *door.Browser
	cookie  string
	request string // under which Eng is inside
	portal  string // cookie of Eng's session there
}

func newStage(t *testing.T, do policy.Action, change ...func(*policy.Policy, *httpproxy.Door)) *stage {
	t.Helper()
	c := newCanary(t)
	s := newStageAt(t, c.Listener.Addr().String(), do, change...)
	s.canary = c
	return s
}

// newStageAt has another application behind the door.
func newStageAt(t *testing.T, address string, do policy.Action, change ...func(*policy.Policy, *httpproxy.Door)) *stage {
	t.Helper()
	t.Parallel()
	s := &stage{t: t, Web: door.NewWeb(t, address, change...)}
	in := s.In(t, s.Eng, false, do, "/")
	s.browser, s.request, s.portal = in.Browser, in.Request, in.Portal
	s.cookie = s.browser.Cookie(t)
	return s
}

// raw sends bytes over a connection of its own, and gives what is answered, one
// status a request, until the door closes or has answered want.
func (s *stage) raw(want int, text string) (all []*http.Response) {
	s.t.Helper()
	c, err := tls.Dial("tcp", s.Addr, s.TLS("http/1.1"))
	must(s.t, err)
	defer func() { _ = c.Close() }()
	must(s.t, c.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(c, strings.NewReplacer("{host}", s.Host, "{cookie}", s.cookie).Replace(text))
	must(s.t, err)
	in := bufio.NewReader(c)
	for range want {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return all
		}
		if res.StatusCode != http.StatusSwitchingProtocols {
			body, err := io.ReadAll(res.Body)
			must(s.t, err)
			res.Body = io.NopCloser(bytes.NewReader(body))
		}
		all = append(all, res)
	}
	return all
}

// status is that of the only answer; 0 for none.
func (s *stage) status(text string) int {
	s.t.Helper()
	if all := s.raw(1, text); len(all) == 1 {
		return all[0].StatusCode
	}
	return 0
}

// get is a GET of somebody inside, with more headers.
func get(path string, lines ...string) string { return ask("GET", path, "", lines...) }

func ask(method, path, body string, lines ...string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n" + body
}

// stir has the gateway look at its sessions, as a reload of the policy does.
func (s *stage) stir() {
	s.t.Helper()
	must(s.t, s.Ledger.Update(s.t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "policy.loaded", Actor: "lockbox"})
		return err
	}))
}
