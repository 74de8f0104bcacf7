package portal

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/tests/world"
)

// mustWatch opens a session that one who decides has to watch.
func (s *stage) mustWatch() (*gateway.Visit, *recorder.Track) {
	s.t.Helper()
	code := s.World.Ask(s.t, s.Eng, "nord", time.Hour)
	for _, h := range []*world.Human{s.Ceo, s.Ann} {
		b, err := s.World.Desk.Prepare(s.t.Context(), h.Principal, code, policy.Terms{Watched: true})
		must(s.t, err)
		_, err = s.World.Desk.Approve(s.t.Context(), h.Principal, b.Nonce, s.World.Sign(s.t, h, statement.ForApproval, b.Statement))
		must(s.t, err)
	}
	return s.opened("support_nord")
}

// stands waits until whether something passes is as wanted, and gives how long that took.
func stands(t *testing.T, v *gateway.Visit, open bool) time.Duration {
	t.Helper()
	from, late := time.Now(), time.After(20*time.Second)
	for v.Open() != open {
		_, moved := v.Halted()
		if v.Open() == open {
			break
		}
		select {
		case <-moved:
		case <-late:
			t.Fatalf("open is %v after 20 s", v.Open())
		}
	}
	return time.Since(from)
}

// A swallow passes packets between a browser and the portal until its network
// dies: then it takes them, and closes nothing.
type swallow struct {
	dead atomic.Bool
	in   net.Listener
	wg   sync.WaitGroup
}

func newSwallow(t *testing.T, to string) *swallow {
	t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &swallow{in: in}
	s.wg.Go(func() {
		for {
			a, err := in.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", strings.TrimPrefix(to, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			stop := context.AfterFunc(t.Context(), func() { _, _ = a.Close(), b.Close() })
			s.wg.Go(func() { s.pass(a, b) })
			s.wg.Go(func() { defer stop(); s.pass(b, a) })
		}
	})
	t.Cleanup(func() { _ = in.Close(); s.wg.Wait() })
	return s
}

func (s *swallow) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err == nil && !s.dead.Load() {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// gone is how long a session that has to be watched may go on after its watcher has gone.
const gone = 3*time.Second + time.Second

// A watcher whose network dies, who does not answer, or who does not read, watches no more (B33).
func TestB33WhoIsNotThereDoesNotWatch(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, tr := s.mustWatch()
	must(t, tr.Output([]byte("secret\r\n")))
	id := v.Session.ID
	if stands(t, v, false); v.Open() {
		t.Fatal("something passes although nobody watches")
	}
	ann := s.visitor(s.Ann)
	ann.post("/s/"+id, "purpose", "to see what is done")
	if page := ann.get("/s/" + id); !strings.Contains(page.body, "Nothing passes until one of those who decide watches.") {
		t.Errorf("the page does not say why it stands still: %s", body(page))
	}

	w := ann.watches(at, id)
	stands(t, v, true)
	<-time.After(goneAfter + time.Second)
	if !v.Open() {
		t.Fatal("nothing passes although somebody watches")
	}
	w.until("that it goes on", func(l watchLine) bool { return l.State != nil && l.State.Held == "" })
	w.deaf.Store(true) // the page is frozen, or looks elsewhere
	if took := stands(t, v, false); took > gone {
		t.Errorf("who does not answer watches for %s", took)
	}
	if end := w.until("that it was gone", func(l watchLine) bool { return l.End != nil }); !end.End.Gone {
		t.Errorf("%+v", end.End)
	}

	dying := newSwallow(t, at)
	w = ann.watches("http://"+dying.in.Addr().String(), id)
	stands(t, v, true)
	w.until("the screen", shows("secret"))
	dying.dead.Store(true)
	if took := stands(t, v, false); took > gone {
		t.Errorf("who has no network watches for %s", took)
	}
}

// Who reads an open session part by part is told of as who watches it (B32).
func TestB32NobodyReadsAnOpenSessionUnseen(t *testing.T) {
	s := newStage(t)
	v, tr := s.openSession()
	must(t, tr.Output([]byte("secret\r\n")))
	_, moved := v.Halted()
	aud := s.visitor(s.Aud)
	if got := aud.get("/s/" + v.Session.ID + "/text/pty0"); got.status != http.StatusForbidden || len(v.Watchers()) != 0 {
		t.Errorf("%d, %v watch", got.status, v.Watchers())
	}
	aud.looks(v.Session.ID)
	select {
	case <-moved:
	default:
		t.Error("the terminal is not told")
	}
	if got := v.Watchers(); len(got) != 1 || got[0].ID != s.Aud.ID {
		t.Errorf("%v watch", got)
	}
	if got := aud.get("/s/" + v.Session.ID + "/part/pty0?from=0"); got.status != http.StatusOK {
		t.Errorf("%d", got.status)
	}
}

// Who does not read what is sent to them watches no more, and holds nothing open.
func TestB33WhoDoesNotReadDoesNotWatch(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, tr := s.mustWatch()
	id := v.Session.ID
	ann := s.visitor(s.Ann)
	ann.post("/s/"+id, "purpose", "to see what is done")
	c, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	must(t, err)
	defer func() { _ = c.Close() }()
	must(t, c.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(c, "POST /s/%s/live HTTP/1.1\r\nHost: localhost:8080\r\nSec-Fetch-Site: same-origin\r\nCookie: %s=%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n",
		id, ann.cookies[0].Name, ann.cookies[0].Value)
	must(t, err)
	stands(t, v, true)
	screen := []byte(strings.Repeat("much to read ", 2000) + "\r\n")
	for range 200 {
		must(t, tr.Output(screen))
	}
	if took := stands(t, v, false); took > gone {
		t.Errorf("who does not read watches for %s", took)
	}
	for late := time.After(10 * time.Second); ; {
		s.Portal.streams.mu.Lock()
		left := s.Portal.streams.all
		s.Portal.streams.mu.Unlock()
		if left == 0 {
			break
		}
		select {
		case <-late:
			t.Fatalf("%d streams are held open", left)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// No other person's answer, no old one and none of another session is a sign of life.
func TestB33OnlyTheWatchersPageAnswersForIt(t *testing.T) {
	s := newStage(t)
	at := s.served()
	v, _ := s.mustWatch()
	id := v.Session.ID
	ann, eng := s.visitor(s.Ann), s.visitor(s.Eng)
	ann.post("/s/"+id, "purpose", "to see what is done")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/s/"+id+"/live", strings.NewReader(""))
	must(t, err)
	r.Host = "localhost:8080"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(ann.cookies[0])
	got, err := http.DefaultClient.Do(r)
	must(t, err)
	defer func() { _ = got.Body.Close() }()
	stands(t, v, true)
	w := &watching{t: t, lines: make(chan watchLine, 1000)}
	var reading sync.WaitGroup
	reading.Go(func() { defer close(w.lines); w.read(got.Body, func(word string) { w.lines <- watchLine{Word: word} }) })
	defer reading.Wait()
	defer cancel()
	word := w.until("a word", func(l watchLine) bool { return l.Word != "" }).Word
	from := time.Now()
	for v.Open() && time.Since(from) < 3*gone {
		eng.beats(ctx, at, id, word)
		if got := eng.post("/s/"+id+"/beat", "word", word); got.status != http.StatusNoContent || got.body != "" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		ann.beats(ctx, at, strings.Repeat("0", 26), word)
		ann.beats(ctx, at, id, word) // again and again
		<-time.After(100 * time.Millisecond)
	}
	if took := time.Since(from); took > gone {
		t.Errorf("it went on for %s", took)
	}
}
