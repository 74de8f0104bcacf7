package portal

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/tests/world"
)

func TestARecordingTellsWhyItIsLookedAt(t *testing.T) {
	s := newStage(t)
	code := s.World.Grant(t, s.Eng, time.Hour)
	id := s.recorded(code, "support_nord", []string{"nord"}, "hello\r\n")
	ann := s.visitor(s.Ann)
	if page := ann.get("/s/" + id); page.status != 200 || !strings.Contains(page.body, "Why do you look at the recording?") || strings.Contains(page.body, "data-cast") {
		t.Fatalf("%d %s", page.status, body(page))
	}
	for _, purpose := range []string{"", "x", strings.Repeat("x", 201), "two\nlines of text", "a\u202eb backwards"} {
		if page := ann.post("/s/"+id, "purpose", purpose); page.status != 422 {
			t.Errorf("%q: %d, want 422", purpose, page.status)
		}
	}
	before := s.World.Ledger.Last()
	if got := ann.post("/s/"+id, "purpose", "monthly check"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/s/"+id {
		t.Fatalf("%d", got.status)
	}
	events, err := s.World.Ledger.After(t.Context(), before, 10)
	must(t, err)
	if len(events) != 2 || events[1].Kind != "log.head" || events[0].Kind != "session.looked-at" || events[0].Private["purpose"] != "monthly check" || events[0].Actor != s.Ann.ID {
		t.Errorf("%+v", events)
	}
	page := ann.get("/s/" + id)
	if !strings.Contains(page.body, `/s/`+id+`/text/pty0`) || !strings.Contains(page.header.Get("Content-Security-Policy"), "'wasm-unsafe-eval'") {
		t.Errorf("%s\n%s", page.header.Get("Content-Security-Policy"), body(page))
	}
	if got := ann.get("/s/" + id + "/text/pty0"); got.status != 200 || got.body != "hello\n" {
		t.Errorf("%d %q", got.status, got.body)
	}
	if got := s.visitor(s.Ann).get("/s/" + id + "/text/pty0"); got.status != http.StatusForbidden {
		t.Errorf("another session of hers: %d, want 403", got.status)
	}
	now := time.Now()
	s.Now = func() time.Time { return now.Add(lookLife + time.Minute) }
	if got := ann.get("/s/" + id + "/cast/pty0"); got.status != http.StatusForbidden {
		t.Errorf("later: %d, want 403", got.status)
	}
}

// What was recorded does nothing to whoever replays it (F21).
func TestReplayActsOnNobody(t *testing.T) {
	s := newStage(t)
	code := s.World.Grant(t, s.Eng, time.Hour)
	id := s.recorded(code, "support_nord", []string{"nord"},
		"plain \x1b[31mred\x1b[0m \x1b]52;c;ZXZpbA==\x07\x1b]0;title\x07\x1b[21t\x1b[6n\x1b[c\x1bP$qm\x1b\\\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07\x1b]1337;File=:AAAA\x07<script>alert(1)</script>\xff end")
	aud := s.visitor(s.Aud)
	aud.post("/s/"+id, "purpose", "audit of the week")
	for _, path := range []string{"/cast/pty0", "/text/pty0", "/text/pty0?times=1", "/part/pty0?from=0"} {
		got := aud.get("/s/" + id + path)
		if got.status != 200 || !strings.Contains(got.body, "plain ") || !strings.Contains(got.body, "end") {
			t.Errorf("%s: %d %q", path, got.status, got.body)
		}
		hides := []string{"ZXZpbA", "title\\u0007", "\\u001b]", "[21t", "[6n", "javascript:", "1337", "\xff"}
		if strings.Contains(path, "times") { // its lines say what a terminal would hide, too
			hides = []string{"\x1b", "\x07"}
		}
		for _, bad := range hides {
			if strings.Contains(got.body, bad) {
				t.Errorf("%s: holds %q: %q", path, bad, got.body)
			}
		}
		if kind := got.header.Get("Content-Type"); strings.Contains(kind, "html") {
			t.Errorf("%s: %s", path, kind)
		}
	}
}

func TestASharedSessionIsNoReviewersToReplay(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "", time.Hour)
	for _, h := range []*world.Human{s.Ceo, s.Ann, s.Bo} {
		must(t, s.World.Approve(t, h, code))
	}
	id := s.recorded(code, "deploy", []string{"nord", "syd"}, "rows of syd")
	for _, h := range []*world.Human{s.Ann, s.Bo} {
		v := s.visitor(h)
		if got := v.get("/s/" + id); got.status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", h.Name, got.status)
		}
		if got := v.post("/s/"+id, "purpose", "to see what was done"); got.status != http.StatusNotFound {
			t.Errorf("%s looks: %d, want 404", h.Name, got.status)
		}
		if got := v.get("/s/" + id + "/text/pty0"); got.status != http.StatusNotFound {
			t.Errorf("%s reads: %d, want 404", h.Name, got.status)
		}
		if page := v.get("/r/" + code); strings.Contains(page.body, "/s/") {
			t.Errorf("%s is led to it", h.Name)
		}
	}
	if got := s.visitor(s.Ceo).get("/s/" + id); got.status != http.StatusOK {
		t.Errorf("Ceo: %d", got.status)
	}
}

func TestWithoutAKeyThePageSaysSo(t *testing.T) {
	s := newStage(t)
	s.Vault = nil
	id := s.recorded(s.World.Grant(t, s.Eng, time.Hour), "support_nord", []string{"nord"}, "hello")
	ceo := s.visitor(s.Ceo)
	ceo.post("/s/"+id, "purpose", "to see what was done")
	if page := ceo.get("/s/" + id); !strings.Contains(page.body, "holds no key") {
		t.Errorf("%s", body(page))
	}
	if got := ceo.get("/s/" + id + "/cast/pty0"); got.status != http.StatusNotFound {
		t.Errorf("%d", got.status)
	}
}

// A stream is what /live sends, as it comes.
type follower struct {
	http.ResponseWriter
	header http.Header
	wrote  chan string
}

func (f *follower) Header() http.Header         { return f.header }
func (f *follower) WriteHeader(int)             {}
func (f *follower) Flush()                      {}
func (f *follower) Write(b []byte) (int, error) { f.wrote <- string(b); return len(b), nil }

func (s *stage) follow(v *visitor, code string) (f *follower, done chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	f, done = &follower{header: http.Header{}, wrote: make(chan string, 16)}, make(chan struct{})
	go func() {
		defer close(done)
		s.pages.ServeHTTP(f, v.request(http.MethodGet, "/r/"+code+"/live", "", "").WithContext(ctx))
	}()
	s.t.Cleanup(func() { cancel(); <-done })
	return f, done, cancel
}

func (f *follower) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-f.wrote:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("nothing comes")
		return ""
	}
}

func TestALivePageHearsOfChangesUntilItsPersonSignsOut(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	eng := s.visitor(s.Eng)
	f, done, _ := s.follow(eng, code)
	first := f.next(t)
	must(t, s.World.Approve(t, s.Ceo, code))
	for f.next(t) == first { // statements shown are events too
	}
	s.visitor(s.Mate).post("/sign-out") // is nothing to Eng
	eng.post("/sign-out")
	for !strings.HasPrefix(f.next(t), "event: end") {
	}
	<-done
	if got := eng.get("/r/" + code + "/live"); got.status != http.StatusUnauthorized {
		t.Errorf("%d", got.status)
	}
}

// The server's limits are for what comes in and for answers that stand still.
func TestAStreamOutlivesTheLimitsOfTheServer(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	in, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := s.Server()
	server.ReadTimeout, server.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	served := make(chan error, 1)
	go func() { served <- server.Serve(in) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+in.Addr().String()+"/r/"+code+"/live", nil)
	must(t, err)
	r.Host = "localhost:8080"
	r.AddCookie(s.visitor(s.Eng).cookies[0])
	got, err := http.DefaultClient.Do(r)
	must(t, err)
	lines := bufio.NewScanner(got.Body)
	lines.Scan()
	<-time.After(300 * time.Millisecond) // past both limits
	must(t, s.World.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
	versions := 0
	for lines.Scan() && versions < 1 {
		if strings.HasPrefix(lines.Text(), "event: version") {
			versions++
		}
	}
	if versions != 1 {
		t.Errorf("the stream broke: %v", lines.Err())
	}
	must(t, got.Body.Close())
	must(t, server.Shutdown(t.Context())) // ends streams
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

func TestOnePersonFollowsAFewPagesAtATime(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	eng := s.visitor(s.Eng)
	var stops []func()
	for range perPerson {
		f, _, stop := s.follow(eng, code)
		f.next(t)
		stops = append(stops, stop)
	}
	if got := eng.get("/r/" + code + "/live"); got.status != http.StatusTooManyRequests {
		t.Errorf("%d, want 429", got.status)
	}
	for _, stop := range stops {
		stop()
	}
	f, _, _ := s.follow(s.visitor(s.Ceo), code)
	f.next(t)
}

func TestLooksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looks
		l.add("a", "to see", time.Now())
		time.Sleep(lookLife - 1)
		if l.purpose("a", time.Now()) != "to see" || l.purpose("b", time.Now()) != "" {
			t.Error("before its end")
		}
		time.Sleep(time.Nanosecond)
		if l.purpose("a", time.Now()) != "" {
			t.Error("at its end")
		}
		for i := range maxLooks + 10 {
			l.add(time.Duration(i).String(), "to see", time.Now())
		}
		if len(l.at) > maxLooks {
			t.Errorf("%d looks", len(l.at))
		}
	})
}
