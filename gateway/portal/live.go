package portal

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"lockbox/recorder/ledger"
)

const (
	streamLife  = 15 * time.Minute // as long as a session that does nothing: a page left open keeps nobody signed in
	streamPing  = 15 * time.Second
	perPerson   = 4 // streams of one person …
	allStreams  = 256
	writeWithin = 30 * time.Second
)

// streams counts who follows. The zero value is ready.
type streams struct {
	mu  sync.Mutex // guards of and all
	of  map[string]int
	all int
}

// enter takes a place; false when there is none.
func (s *streams) enter(who string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= allStreams || s.of[who] >= perPerson {
		return false
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.of[who]++
	s.all++
	return true
}

func (s *streams) leave(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[who]--; s.of[who] == 0 {
		delete(s.of, who)
	}
}

// live tells a page when to load itself again (Server-Sent Events, HTML §9.2). It
// ends when the person may no longer see the request, signs out, or after 15 minutes.
func (p *Portal) live(x *exchange) error {
	if _, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code()); err != nil {
		return err
	}
	if !p.streams.enter(x.who.ID) {
		return errSlow
	}
	defer p.streams.leave(x.who.ID)
	until := min(streamLife, x.who.Until.Sub(p.now()))
	ctx, cancel := context.WithTimeout(x.r.Context(), until)
	defer cancel()
	x.sent = true
	x.w.Header().Set("Content-Type", "text/event-stream")
	x.w.WriteHeader(http.StatusOK)
	changes := make(chan string, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before waiting
	wg.Go(func() { p.follow(ctx, x, changes) })
	wg.Go(func() { p.untilSignedOut(ctx, x, cancel) })
	return p.stream(ctx, x, changes)
}

// follow gives a version for every change, and closes changes at the end.
func (p *Portal) follow(ctx context.Context, x *exchange, changes chan<- string) {
	defer close(changes)
	for v, err := range p.Desk.Follow(ctx, x.who.Principal, x.code()) {
		if err != nil {
			return
		}
		select {
		case changes <- version(v):
		case <-ctx.Done():
			return
		}
	}
}

// untilSignedOut ends the stream when its person's session does, and at once if it has ended since the request was let in.
func (p *Portal) untilSignedOut(ctx context.Context, x *exchange, end func()) {
	defer end()
	from := p.Ledger.Last()
	if _, err := p.People.SignedIn(ctx, x.cookie()); err != nil {
		return
	}
	for e, err := range p.Ledger.Watch(ctx, from) {
		if err != nil {
			return
		}
		if !concerns(e) {
			continue
		}
		if _, err := p.People.SignedIn(ctx, x.cookie()); err != nil {
			return
		}
	}
}

// concerns says whether an event may have ended somebody's session at the portal:
// it, their passkey, or what lets that count.
func concerns(e ledger.Event) bool {
	of, _, _ := strings.Cut(e.Kind, ".")
	return e.Kind == "session.signed-out" || of == "credential" || of == "person" || of == "policy"
}

// stream writes changes, and now and then that there are none.
func (p *Portal) stream(ctx context.Context, x *exchange, changes <-chan string) error {
	ping := time.NewTicker(streamPing)
	defer ping.Stop()
	out := patient(x.w)
	for {
		var err error
		select {
		case v, more := <-changes:
			if !more {
				_, _ = out.Write([]byte("event: end\ndata: .\n\n")) // the browser shall not come back by itself
				return nil
			}
			_, err = fmt.Fprintf(out, "event: version\ndata: %s\n\n", v)
		case <-ping.C:
			_, err = out.Write([]byte(": still here\n\n"))
		case <-p.quit:
			return nil
		case <-ctx.Done():
			_, _ = out.Write([]byte("event: end\ndata: .\n\n")) // the browser shall not come back by itself
			return nil
		}
		if err != nil {
			return nil // the reader has gone
		}
	}
}

// A patientWriter gives each write its own time, where a whole answer may take longer
// than the server's limit.
type patientWriter struct {
	w      http.ResponseWriter
	c      *http.ResponseController
	within time.Duration
}

func patient(w http.ResponseWriter) *patientWriter {
	return &patientWriter{w, http.NewResponseController(w), writeWithin}
}

func (w *patientWriter) Write(b []byte) (int, error) {
	_ = w.c.SetWriteDeadline(time.Now().Add(w.within)) // where the connection has none, none is needed
	n, err := w.w.Write(b)
	if err == nil {
		_ = w.c.Flush() // likewise
	}
	return n, err
}
