package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the one workspace and app are.
const (
	Team     = "T024BE7LD"
	App      = "A012ABCD0A0"
	Channel  = "C024BE91L"
	Bot      = "xoxb-000000000000-bot-token-of-the-fake"
	AppToken = "xapp-1-A012ABCD0A0-app-token-of-the-fake"
)

// Secret is with what clicks are signed.
const Secret = "8f742231b10e8888abcd99aaabbb85a5"

// A Slack is one workspace with one app.
type Slack struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex // guards the rest
	target   string     // where clicks are posted to; "" for over sockets
	users    map[string]bool
	messages []*Message
	forms    map[string]*Form // by user: what is open before them
	triggers map[string]time.Time
	calls    map[string]int
	mentions []string
	faults   []*Fault
	sockets  []*socket
	next     int // whose turn it is
	last     int // of ids
	scopes   map[string]bool
	apart    time.Duration        // of two messages in one channel; sooner is answered with 429
	posted   map[string]time.Time // in a channel, last
	slowed   int
}

// New starts one. What an app does that the real one would refuse or that nobody
// should do fails the test.
func New(t testing.TB) *Slack {
	s := &Slack{
		t: t, users: map[string]bool{}, forms: map[string]*Form{}, triggers: map[string]time.Time{}, calls: map[string]int{}, scopes: map[string]bool{}, posted: map[string]time.Time{},
	}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.closeSockets()
		s.server.CloseClientConnections()
		s.server.Close()
		if all := s.Mentions(); len(all) > 0 {
			t.Errorf("text was read as something else: %q", all)
		}
	})
	return s
}

// API is the address that an app calls.
func (s *Slack) API() string { return s.server.URL + "/api/" }

// PostTo has clicks posted, signed, to an app's address.
func (s *Slack) PostTo(url string) { s.with(func() { s.target = url }) }

// User lets somebody be in the workspace.
func (s *Slack) User(id string) string {
	s.with(func() { s.users[id] = true })
	return id
}

func (s *Slack) with(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// Calls are how often each method was called and did what it should.
func (s *Slack) Calls() map[string]int {
	out := map[string]int{}
	s.with(func() {
		for k, v := range s.calls {
			out[k] = v
		}
	})
	return out
}

// Scopes are those that the calls so far took, sorted.
func (s *Slack) Scopes() (all []string) {
	s.with(func() {
		for k := range s.scopes {
			all = append(all, k)
		}
	})
	slices.Sort(all)
	return all
}

// Mentions are texts that were read as markup which calls people or rooms.
func (s *Slack) Mentions() (all []string) {
	s.with(func() { all = slices.Clone(s.mentions) })
	return all
}

// A Fault is how calls go wrong.
type Fault struct {
	Method     string        // "" for every one
	Times      int           // how often; -1 for until Mend
	Status     int           // what is answered; 0 for an answer that never comes
	RetryAfter int           // seconds, of 429
	Hang       time.Duration // before anything
	After      bool          // it is done first, and then goes wrong
	Error      string        // "ok":false with this, instead of Status
}

// Break has calls go wrong.
func (s *Slack) Break(f Fault) { s.with(func() { s.faults = append(s.faults, &f) }) }

// Limit lets a channel have one message in so long, as the real one does with a second.
func (s *Slack) Limit(apart time.Duration) { s.with(func() { s.apart = apart }) }

// soon says how many seconds too soon a message comes; 0 where it does not.
func (s *Slack) soon(channel string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := s.apart - time.Since(s.posted[channel]); s.apart > 0 && left > 0 {
		s.slowed++
		return int(left/time.Second) + 1
	}
	s.posted[channel] = time.Now()
	return 0
}

// Slowed is how many messages came too soon.
func (s *Slack) Slowed() (n int) {
	s.with(func() { n = s.slowed })
	return n
}

// Mend ends all that goes wrong.
func (s *Slack) Mend() { s.with(func() { s.faults = nil }) }

// fault is what is wrong with this call; nil for nothing.
func (s *Slack) fault(method string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Times != 0 && (f.Method == "" || f.Method == method) {
			if f.Times > 0 {
				f.Times--
			}
			return f
		}
	}
	return nil
}

func (s *Slack) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/socket" {
		s.accept(w, r)
		return
	}
	method, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok || r.Method != http.MethodPost {
		s.t.Errorf("slack: %s %s", r.Method, r.URL.Path)
		http.NotFound(w, r)
		return
	}
	f := s.fault(method)
	if f != nil && !f.After {
		s.wrong(w, r, f)
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if form, _ := url.ParseQuery(string(raw)); method == "chat.postMessage" && err == nil {
		if left := s.soon(form.Get("channel")); left > 0 {
			s.wrong(w, r, &Fault{Status: http.StatusTooManyRequests, RetryAfter: left})
			return
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	body := s.call(method, r)
	if f != nil {
		s.wrong(w, r, f)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Slack) wrong(w http.ResponseWriter, r *http.Request, f *Fault) {
	if f.Hang > 0 {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody sees that the caller goes
		select {
		case <-time.After(f.Hang):
		case <-r.Context().Done():
		}
	}
	switch {
	case f.Error != "":
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(no(f.Error))
	case f.Status == 0:
		panic(http.ErrAbortHandler)
	default:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(f.RetryAfter))
		}
		http.Error(w, "<html>"+Bot+"</html>", f.Status)
	}
}

type object = map[string]any

func no(why string) object { return object{"ok": false, "error": why} }

// id makes the next one.
func (s *Slack) id() int { s.last++; return s.last }
