package portal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/world"
)

// A watching is a live view as a script gets it, over a real connection.
type watching struct {
	t     testing.TB
	lines chan watchLine
	stop  context.CancelFunc
	deaf  atomic.Bool // it sends no word back
}

// served serves the stage's pages on loopback.
func (s *stage) served() string {
	s.t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	server, served := s.Server(), make(chan error, 1)
	go func() { served <- server.Serve(in) }()
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		must(s.t, server.Shutdown(ctx))
		<-served
	})
	return "http://" + in.Addr().String()
}

// watches follows a session live, after the purpose.
func (v *visitor) watches(at, id string) *watching {
	t := v.s.t
	t.Helper()
	if got := v.post("/s/"+id, "purpose", "to see what is done"); got.status != http.StatusSeeOther {
		t.Fatalf("purpose: %d", got.status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/s/"+id+"/live", strings.NewReader("track=pty0"))
	must(t, err)
	r.Host = "localhost:8080"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(v.cookies[0])
	got, err := http.DefaultClient.Do(r)
	must(t, err)
	if got.StatusCode != http.StatusOK {
		t.Fatalf("watch: %d", got.StatusCode)
	}
	w := &watching{t: t, lines: make(chan watchLine, 10_000), stop: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.lines)
		defer func() { _ = got.Body.Close() }()
		w.read(got.Body, func(word string) {
			if !w.deaf.Load() {
				v.beats(ctx, at, id, word)
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// read takes the lines of a stream; of a word, with is told instead.
func (w *watching) read(from io.Reader, with func(word string)) {
	in := bufio.NewScanner(from)
	in.Buffer(nil, 8<<20)
	for in.Scan() {
		var l watchLine
		switch err := json.Unmarshal(in.Bytes(), &l); {
		case err != nil:
		case l.Word != "":
			with(l.Word)
		default:
			w.lines <- l
		}
	}
}

// beats sends a word back, as the page does.
func (v *visitor) beats(ctx context.Context, at, id, word string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/s/"+id+"/beat", strings.NewReader("word="+word))
	if err != nil {
		v.s.t.Error(err)
		return
	}
	r.Host = "localhost:8080"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(v.cookies[0])
	if got, err := http.DefaultClient.Do(r); err == nil { // who has gone sends none
		_ = got.Body.Close()
	}
}

// until reads lines until one is as wanted.
func (w *watching) until(what string, is func(watchLine) bool) watchLine {
	w.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case l, more := <-w.lines:
			if !more {
				w.t.Fatalf("the stream ended before: %s", what)
			}
			if is(l) {
				return l
			}
		case <-late:
			w.t.Fatalf("never came: %s", what)
		}
	}
}

func shows(text string) func(watchLine) bool {
	return func(l watchLine) bool {
		return l.Key != nil && strings.Contains(l.Key.Screen, text) || l.Event != nil && strings.Contains(fmt.Sprint(l.Event[2]), text)
	}
}

func TestAnOpenSessionIsWatchedLive(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, tr := s.openSession()
	must(t, tr.Output([]byte("before\r\n\x1b]52;c;ZXZpbA==\x07")))
	before := s.World.Ledger.Last()
	ceo, ann := s.visitor(s.Ceo), s.visitor(s.Ann)
	w := ceo.watches(at, v.Session.ID)
	w.until("the track", func(l watchLine) bool { return l.Track != nil && l.Track.Name == "pty0" })
	w.until("the screen as it is", shows("before"))
	must(t, tr.Output([]byte("then \x1b]0;title\x07this\r\n")))
	if l := w.until("what follows", shows("then")); strings.Contains(fmt.Sprint(l.Event[2]), "title") {
		t.Errorf("it acts on who watches: %v", l.Event)
	}
	w.until("who watches", func(l watchLine) bool { return l.State != nil && slices.Equal(l.State.Watchers, []string{"Ceo"}) })
	if page := ann.get("/s/" + v.Session.ID); !strings.Contains(page.body, `<span id="watchers">Ceo</span>`) {
		t.Errorf("the page does not say who watches: %s", body(page))
	}
	events, err := s.World.Ledger.After(t.Context(), before, 20)
	must(t, err)
	if all := slices.Collect(kinds(events)); !slices.Contains(all, "session.looked-at") || !slices.Contains(all, "session.watched") {
		t.Errorf("it was not written down: %v", all)
	}

	ann.post("/s/"+v.Session.ID+"/act", "do", "freeze", "why", "we talk first")
	w.until("that it is frozen", func(l watchLine) bool {
		return l.State != nil && l.State.Held == "Nord Legal froze this session: we talk first"
	})
	ann.post("/s/"+v.Session.ID+"/act", "do", "thaw")
	w.until("that it goes on", func(l watchLine) bool { return l.State != nil && l.State.Held == "" })
	ceo.post("/s/"+v.Session.ID+"/act", "do", "end", "why", "enough")
	end := w.until("the end", func(l watchLine) bool { return l.End != nil })
	if end.End.Time || !strings.Contains(end.End.Why, "enough") {
		t.Errorf("%+v", end.End)
	}
	v.Leave()
	if page := ceo.get("/s/" + v.Session.ID); page.status != http.StatusOK || !strings.Contains(page.body, "/part/pty0") {
		t.Errorf("after it: %d %s", page.status, body(page))
	}
}

// A live view ends with the right to it: at sign-out, at revocation, and when its time is up.
func TestALiveViewEndsWithTheRight(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, tr := s.openSession()
	must(t, tr.Output([]byte("secret\r\n")))
	ceo, ann, aud := s.visitor(s.Ceo), s.visitor(s.Ann), s.visitor(s.Aud)
	w := ceo.watches(at, v.Session.ID)
	w.until("the screen", shows("secret"))
	ceo.post("/sign-out")
	if end := w.until("the end at sign-out", func(l watchLine) bool { return l.End != nil }); end.End.Time {
		t.Errorf("%+v", end.End)
	}
	w = ann.watches(at, v.Session.ID)
	w.until("the screen", shows("secret"))
	must(t, s.World.Desk.Revoke(t.Context(), s.Ann.Principal, v.Session.Request, "enough"))
	if end := w.until("the end with the grant", func(l watchLine) bool { return l.End != nil }); end.End.Why == "" {
		t.Errorf("%+v", end.End)
	}
	v.Leave()
	if got := aud.post("/s/"+v.Session.ID, "purpose", "to see what is done"); got.status != http.StatusSeeOther {
		t.Errorf("%d", got.status)
	}
	if got := aud.post("/s/" + v.Session.ID + "/live"); got.status != http.StatusConflict {
		t.Errorf("live of what is over: %d", got.status)
	}
}

// Who took the cookie of a passkey that is retired watches no more (B32).
func TestB32ALiveViewEndsWithItsPasskey(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, tr := s.openSession()
	must(t, tr.Output([]byte("secret\r\n")))
	second := s.World.Second(t, s.Aud)
	w := s.visitor(s.Aud).watches(at, v.Session.ID)
	w.until("the screen", shows("secret"))
	ask, err := s.World.People.BeginRetire(t.Context(), s.Aud.ID, s.Aud.Fingerprint)
	must(t, err)
	from := time.Now()
	must(t, s.World.People.Retire(t.Context(), s.Aud.ID, ask.ID, second.Answer(t, ask.Options)))
	w.until("the end with the passkey", func(l watchLine) bool { return l.End != nil })
	if took := time.Since(from); took > 2*time.Second {
		t.Errorf("it ended %s after", took)
	}
}

func TestOnePersonWatchesAFewSessionsAtATime(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, _ := s.openSession()
	ceo := s.visitor(s.Ceo)
	for range perPerson {
		ceo.watches(at, v.Session.ID).until("the track", func(l watchLine) bool { return l.Track != nil })
	}
	if got := ceo.post("/s/" + v.Session.ID + "/live"); got.status != http.StatusTooManyRequests {
		t.Errorf("%d, want 429", got.status)
	}
}

// What a watched session shows reaches 50 watchers within a second (F4).
func TestFiftyWatchersAreLessThanASecondBehind(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, tr := s.openSession()
	people := []*world.Human{s.Ceo, s.Cto, s.Ann, s.Aud}
	for len(people)*perPerson < 50 {
		h := s.World.Enrol(t, identity.Invite{ID: fmt.Sprintf("aud%d@x.eu", len(people)), Name: "Auditor", Kind: policy.Auditor}, false)
		s.World.Confirm(t, s.Cto, h)
		people = append(people, h)
	}
	var all []*watching
	for _, h := range people {
		who := s.visitor(h)
		for range min(perPerson, 50-len(all)) {
			all = append(all, who.watches(at, v.Session.ID))
		}
	}
	for _, w := range all {
		w.until("the track", func(l watchLine) bool { return l.Track != nil })
	}
	var mu sync.Mutex
	var late []time.Duration
	for i := range 40 {
		word := fmt.Sprintf("word%03d.", i)
		began := time.Now()
		must(t, tr.Output([]byte(word+strings.Repeat("x", 200)+"\r\n")))
		var wg sync.WaitGroup
		for _, w := range all {
			wg.Go(func() {
				w.until(word, shows(word))
				mu.Lock()
				defer mu.Unlock()
				late = append(late, time.Since(began))
			})
		}
		wg.Wait()
	}
	slices.Sort(late)
	p50, p99 := late[len(late)/2], late[len(late)*99/100]
	t.Logf("50 watchers, %d moments: p50 %v, p99 %v, worst %v", len(late), p50, p99, late[len(late)-1])
	if p99 > time.Second {
		t.Errorf("p99 %v", p99)
	}
}

// A passkey that is retired after the request was let in and before anybody listens for that is noticed all the same (B32).
func TestB32AStreamThatBeganTooLateEndsAtOnce(t *testing.T) {
	s := newStage(t)
	v := s.visitor(s.Aud)
	second := s.World.Second(t, s.Aud)
	ask, err := s.World.People.BeginRetire(t.Context(), s.Aud.ID, s.Aud.Fingerprint)
	must(t, err)
	must(t, s.World.People.Retire(t.Context(), s.Aud.ID, ask.ID, second.Answer(t, ask.Options)))
	r := httptest.NewRequest(http.MethodPost, "/s/x/live", nil)
	r.AddCookie(v.cookies[0])
	ctx, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	s.Portal.untilSignedOut(ctx, &exchange{p: s.Portal, r: r}, end)
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("the stream ended by %v", ctx.Err())
	}
}
