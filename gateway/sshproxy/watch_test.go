package sshproxy

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

// session is the one that is open.
func (h *house) session(t *testing.T) string {
	t.Helper()
	h.happens(t, "session.open")
	open := h.Gateway.Visits()
	if len(open) != 1 {
		t.Fatalf("%d sessions are open", len(open))
	}
	return open[0].ID
}

// watches lets who watch the open session until leave.
func (h *house) watches(t *testing.T, who *world.Human, session string) (leave func()) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	if _, _, err := h.Gateway.Watch(ctx, who.Principal, session, "to see what is done"); err != nil {
		t.Fatal(err)
	}
	return leave
}

// mustWatch is a grant under which one of those who decide has to watch.
func (h *house) mustWatch(t *testing.T) {
	t.Helper()
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	for _, by := range []*world.Human{h.Ceo, h.Ann} {
		b, err := h.Desk.Prepare(t.Context(), by.Principal, code, policy.Terms{Watched: true})
		if err == nil {
			_, err = h.Desk.Approve(t.Context(), by.Principal, b.Nonce, h.Sign(t, by, statement.ForApproval, b.Statement))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.touched(t, h.Eng, "support_nord")
}

func TestTheTerminalIsToldWhoWatches(t *testing.T) {
	h, _ := stubHouse(t, echo)
	h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	f := onScreen(t, c, "")
	f.expect(`This session is recorded\.`)
	id := h.session(t)
	leave := h.watches(t, h.Ann, id)
	f.expect(`─ Nord Legal watches since \d\d:\d\d:\d\d`)
	h.watches(t, h.Ceo, id)
	f.expect(`─ Ceo watches since`)
	g := onScreen(t, c, "")
	g.expect(`This session is recorded, and watched by Nord Legal, Ceo\.`)
	leave()
	h.happens(t, "session.unwatched")
	h.watches(t, h.Ann, id) // the page was loaded anew
	h.watches(t, h.Cto, id)
	f.expect(`─ Cto watches since`)
	if text, _ := f.read(); strings.Count(text, "─ Nord Legal watches") != 1 {
		t.Errorf("it is told too often:\n%s", text)
	}
}

func TestNobodyWritesIntoAProgramThatHasTheWholeScreen(t *testing.T) {
	h, _ := stubHouse(t, echo)
	h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`recorded`)
	f.send("\x1b[?1049h editing\r")
	f.expect(`editing`)
	h.watches(t, h.Ann, h.session(t))
	f.expect("\x1b\\]2;lockbox · Nord Legal watches since [0-9:]+\x07")
	if text, _ := f.read(); strings.Contains(text, "─ Nord Legal") {
		t.Errorf("it stands in the program:\n%q", text)
	}
}

func TestB33NothingReachesTheTargetUntilOneOfThoseWhoDecideWatches(t *testing.T) {
	h, target := stubHouse(t, echo)
	h.mustWatch(t)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	page := f.expect(`nothing passes until a board member or Nord Legal watches:\s+(http\S+/s/[0-9A-Z]{26})`)[1]
	id := h.session(t)
	if !strings.HasSuffix(page, id) {
		t.Errorf("it leads to %s, not to %s", page, id)
	}
	f.send("typed too early\r")
	own := h.watches(t, h.Eng, id)
	<-time.After(300 * time.Millisecond)
	if conns, _, _ := target.counts(); conns != 0 {
		t.Errorf("%d connections to the target", conns)
	}
	leave := h.watches(t, h.Ann, id)
	f.expect(`recorded, and watched by (Eng, Nord Legal|Nord Legal, Eng)\.`)
	own()
	f.send("hello\r")
	f.expect(`hello`)
	if text, _ := f.read(); strings.Contains(text, "too early") {
		t.Error("what was typed before passed")
	}
	from := time.Now()
	leave()
	f.expect(`(?s)─ frozen: none of those who decide watches any more.*` + page + `.*(1m|59s)\s+the\s+session\s+ends`)
	if took := time.Since(from); took > time.Second {
		t.Errorf("it was paused %s after", took)
	}
	f.send("unseen\r")
	h.watches(t, h.Cto, id)
	f.expect(`(?s)the session goes on.*unseen|unseen.*the session goes on`)
}

func TestWhoWaitsForAWatcherCanLeave(t *testing.T) {
	h, target := stubHouse(t, echo)
	h.mustWatch(t)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`nothing passes until`)
	f.send("\x03")
	f.expect(`Not started`)
	if got := f.wait(2 * time.Second); got != 75 {
		t.Errorf("exit %d, want 75", got)
	}
	h.happens(t, "session.close")
	if conns, _, _ := target.counts(); conns != 0 {
		t.Errorf("%d connections to the target", conns)
	}
}

func TestASecondChannelIsToldThatTheFirstWaitsForAWatcher(t *testing.T) {
	h, target := stubHouse(t, echo)
	h.mustWatch(t)
	c := h.dial(t, login, h.Eng)
	f := onScreen(t, c, "")
	f.expect(`nothing passes until`)
	id := h.session(t)
	from := time.Now()
	got := run(t, c, "true")
	if got.Status != 255 || !strings.Contains(got.Stderr, "nothing passes in this session until one of those who decide watches it") || !strings.Contains(got.Stderr, "LBX-PENDING") {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(from); took > 2*time.Second {
		t.Errorf("it was told after %s", took)
	}
	if n := len(h.Gateway.Visits()); n != 1 {
		t.Errorf("%d sessions are open", n)
	}
	if conns, _, _ := target.counts(); conns != 0 {
		t.Errorf("%d connections to the target", conns)
	}
	h.watches(t, h.Ann, id)
	f.expect(`recorded, and watched by Nord Legal\.`)
	g := onScreen(t, c, "")
	g.expect(`recorded, and watched by Nord Legal\.`)
	if n := len(h.Gateway.Visits()); n != 1 {
		t.Errorf("%d sessions are open", n)
	}
}

func TestWhoHasNoTerminalIsToldForWhomItWaits(t *testing.T) {
	h, _ := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 3) })
	h.mustWatch(t)
	c := h.dial(t, login, h.Eng)
	var got result
	var done sync.WaitGroup
	done.Go(func() { got = run(t, c, "true") })
	h.watches(t, h.Ceo, h.session(t))
	done.Wait()
	if got.Status != 3 || !strings.Contains(got.Stderr, "lockbox: nothing passes until a board member or Nord Legal watches: ") {
		t.Errorf("got %+v", got)
	}
}

func TestNoBytePassesAfterSomebodyFroze(t *testing.T) {
	heard, stop, quit := new(canary), make(chan struct{}), make(chan struct{})
	h, _ := stubHouse(t, busy(heard, stop))
	h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	seen, stderr := new(canary), newScreenful(t)
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdout, s.Stderr = seen, stderr
	if err := s.Start("busy"); err != nil {
		t.Fatal(err)
	}
	var pouring sync.WaitGroup
	pouring.Go(func() { pour(in, quit) })
	id := h.session(t)
	<-time.After(300 * time.Millisecond)
	if err := h.Gateway.Freeze(t.Context(), h.Ann.Principal, id, "what is this?"); err != nil {
		t.Fatal(err)
	}
	stderr.expect(`lockbox: frozen by Nord Legal \(what is this\?\); nothing passes until they let it go on, and in (5m|5m0s|4m59s) the session ends`)
	before, beforeTarget := seen.n.Load(), heard.n.Load()
	<-time.After(1500 * time.Millisecond)
	if more := seen.n.Load() - before; more > 2<<20 { // what was under way when it was frozen
		t.Errorf("%d bytes came to the client", more)
	}
	if more := still(t, time.Second, &seen.n) + still(t, 0, &heard.n); more != 0 {
		t.Errorf("%d bytes passed while frozen (%d before)", more, beforeTarget)
	}
	if got := run(t, c, "true"); got.Status != 255 || !strings.Contains(got.Stderr, "frozen by Nord Legal") || !strings.Contains(got.Stderr, "LBX-PENDING") {
		t.Errorf("another session on the same connection: got %+v", got)
	}
	if err := h.Gateway.Thaw(t.Context(), h.Ann.Principal, id); err != nil {
		t.Fatal(err)
	}
	stderr.expect(`lockbox: the session goes on`)
	<-time.After(300 * time.Millisecond)
	close(quit)
	close(stop)
	pouring.Wait()
	_ = in.Close() // it may be gone
	if got := exitOf(t, s.Wait()); got != 7 {
		t.Errorf("exit %d, want 7", got)
	}
	if seen.n.Load() <= before || seen.wrong.Load() || heard.wrong.Load() {
		t.Errorf("it did not go on exactly: %d → %d", before, seen.n.Load())
	}
}

func TestAnEndedSessionSaysByWhom(t *testing.T) {
	h, _ := stubHouse(t, echo)
	h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`recorded`)
	if err := h.Gateway.EndSession(t.Context(), h.Ann.Principal, h.session(t), "enough"); err != nil {
		t.Fatal(err)
	}
	f.expect(`the session was ended by Nord Legal: enough`)
	if got := f.wait(time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
}

func TestAnAudienceTellsEachOnce(t *testing.T) {
	a, at := audience{}, time.Now()
	for i, row := range []struct {
		after time.Duration
		now   []string
		want  []string
	}{
		{0, []string{"a"}, []string{"a"}},
		{0, []string{"a", "b"}, []string{"b"}},
		{0, []string{"b"}, nil},
		{time.Second, []string{"a", "b"}, nil},
		{0, nil, nil},
		{soonBack + time.Second, []string{"a"}, []string{"a"}},
	} {
		at = at.Add(row.after)
		if got := a.fresh(row.now, at); !slices.Equal(got, row.want) {
			t.Errorf("%d: got %q, want %q", i, got, row.want)
		}
	}
}
