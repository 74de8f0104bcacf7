package attacks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
)

// An app echoes WebSockets, pushes events and takes uploads, each for as long as it may.
func newApp(t *testing.T) (address string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, p, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, p) != nil {
				return
			}
		}
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
			}
		}
	})
	mux.HandleFunc("/upload", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // it is cut
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func (s *stage) dial(header http.Header) (*websocket.Conn, *http.Response, error) {
	ctx, stop := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer stop()
	return websocket.Dial(ctx, s.URL("/ws"), &websocket.DialOptions{HTTPClient: &http.Client{Transport: s.browser.Transport}, HTTPHeader: header})
}

// D20: a WebSocket needs the session's cookie, and a page of the application itself.
func TestD20WebSocketsAreOfTheirOwnPage(t *testing.T) {
	s := newStageAt(t, newApp(t), policy.HTTPPut)
	own := "https://" + s.Host
	for name, row := range map[string]struct {
		header http.Header
		want   int
	}{
		"another origin":        {http.Header{"Origin": {"https://evil.example"}, "Cookie": {s.cookie}}, http.StatusForbidden},
		"a sibling":             {http.Header{"Origin": {"https://other.localhost"}, "Cookie": {s.cookie}}, http.StatusForbidden},
		"the portal":            {http.Header{"Origin": {s.Door.Portal}, "Cookie": {s.cookie}}, http.StatusForbidden},
		"a prefix":              {http.Header{"Origin": {own + ".evil.example"}, "Cookie": {s.cookie}}, http.StatusForbidden},
		"no origin":             {http.Header{"Cookie": {s.cookie}}, http.StatusForbidden},
		"null":                  {http.Header{"Origin": {"null"}, "Cookie": {s.cookie}}, http.StatusForbidden},
		"no cookie":             {http.Header{"Origin": {own}}, http.StatusUnauthorized},
		"a cookie of nobody":    {http.Header{"Origin": {own}, "Cookie": {"__Host-lockbox-app=00"}}, http.StatusUnauthorized},
		"the cookie twice":      {http.Header{"Origin": {own}, "Cookie": {s.cookie + "; " + s.cookie}}, http.StatusUnauthorized},
		"its own page and name": {http.Header{"Origin": {own}, "Cookie": {s.cookie}}, http.StatusSwitchingProtocols},
	} {
		c, res, err := s.dial(row.header)
		if res == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if res.StatusCode != row.want || (err == nil) != (row.want == http.StatusSwitchingProtocols) {
			t.Errorf("%s: got %d, want %d", name, res.StatusCode, row.want)
		}
		if err == nil {
			_ = c.CloseNow()
		}
	}
}

// D20: who may only read opens no WebSocket: what is said through it is nobody's to tell apart from a change.
func TestD20ReadersOpenNoWebSocket(t *testing.T) {
	s := newStageAt(t, newApp(t), policy.HTTPGet, func(p *policy.Policy, _ *httpproxy.Door) { p.Rules[1].Actions = []policy.Action{policy.HTTPGet} })
	_, res, err := s.dial(http.Header{"Origin": {"https://" + s.Host}, "Cookie": {s.cookie}})
	if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, want 403", err)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		if got := s.status(ask(method, "/ws", "", "Content-Length: 0")); got != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", method, got)
		}
	}
	for _, line := range []string{"X-HTTP-Method-Override: DELETE", "Upgrade: h2c", "Connection: Upgrade", "Upgrade: foo"} {
		if got := s.status(get("/upload?_method=DELETE", line)); got != http.StatusOK && got != http.StatusForbidden && got != http.StatusBadRequest {
			t.Errorf("%s: got %d", line, got)
		}
	}
}

// D04, 0.1 13: every way in which a session may end ends what is open in it within a second: a WebSocket, a stream, an upload.
func TestD04WhatIsOpenEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(s *stage){
		"the grant is revoked": func(s *stage) { must(s.t, s.Desk.Revoke(s.t.Context(), s.Ceo.Principal, s.request, "enough")) },
		"given back":           func(s *stage) { must(s.t, s.Desk.Revoke(s.t.Context(), s.Eng.Principal, s.request, "done")) },
		"signed out":           func(s *stage) { must(s.t, s.People.SignOut(s.t.Context(), s.portal)) },
		"all sessions revoked": func(s *stage) { must(s.t, s.People.RevokeAll(s.t.Context(), s.Cto.ID, s.Eng.ID)) },
		"the policy": func(s *stage) {
			p := *s.Policy()
			p.Rules = p.Rules[:1]
			s.SetPolicy(&p)
			s.stir()
		},
		"they leave": func(s *stage) {
			res, err := s.do(s.t.Context(), http.MethodPost, "/.lockbox/leave", nil)
			must(s.t, err)
			must(s.t, res.Body.Close())
		},
		"the gateway closes": func(s *stage) { s.Gateway.Close("stopped") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStageAt(t, newApp(t), policy.HTTPPut)
			over := s.hold()
			began := time.Now()
			end(s)
			for range cap(over) {
				select {
				case what := <-over:
					if took := time.Since(began); took > time.Second {
						t.Errorf("%s was open for %s more", what, took)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("something stays open")
				}
			}
			if res, err := s.browser.Get(s.URL("/events")); err == nil && res.StatusCode == http.StatusOK {
				t.Error("the session goes on")
			}
		})
	}
}

// hold opens a WebSocket, a stream and an upload, and says which has ended.
func (s *stage) hold() <-chan string {
	s.t.Helper()
	over := make(chan string, 3)
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	s.t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	c, _, err := s.dial(http.Header{"Origin": {"https://" + s.Host}, "Cookie": {s.cookie}})
	must(s.t, err)
	must(s.t, c.Write(s.t.Context(), websocket.MessageText, []byte("x")))
	_, _, err = c.Read(s.t.Context())
	must(s.t, err)
	wg.Go(func() {
		_, _, _ = c.Read(ctx) // until it is cut
		_ = c.CloseNow()
		over <- "the WebSocket"
	})
	res, err := s.do(ctx, http.MethodGet, "/events", nil)
	must(s.t, err)
	if _, err := io.ReadFull(res.Body, make([]byte, 9)); err != nil {
		s.t.Fatal(err)
	}
	wg.Go(func() {
		_, _ = io.Copy(io.Discard, res.Body) // until it is cut
		_ = res.Body.Close()
		over <- "the stream"
	})
	r, w := io.Pipe()
	wg.Go(func() {
		if res, err := s.do(ctx, http.MethodPost, "/upload", r); err == nil {
			_ = res.Body.Close()
		}
		_ = r.CloseWithError(errors.New("over"))
		over <- "the upload"
	})
	_, err = w.Write([]byte("begins"))
	must(s.t, err)
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for err := error(nil); err == nil; _, err = w.Write([]byte("more")) { // until nobody reads it
			<-tick.C
		}
	})
	return over
}

// do asks as a page of the application does.
func (s *stage) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL(path), body)
	must(s.t, err)
	r.Header.Set("Origin", "https://"+s.Host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.browser.Do(r)
}
