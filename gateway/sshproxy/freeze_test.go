package sshproxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/world"
)

// A stream is numbers in order, eight bytes each: whoever reads one knows
// whether a byte is missing, doubled or changed.
type stream struct{ next uint64 }

func (s *stream) fill(p []byte) []byte {
	for i := 0; i+8 <= len(p); i += 8 {
		binary.BigEndian.PutUint64(p[i:], s.next)
		s.next++
	}
	return p
}

// A canary reads a stream, and counts.
type canary struct {
	n     atomic.Int64 // bytes
	wrong atomic.Bool
	rest  []byte
	want  uint64
}

func (c *canary) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	c.rest = append(c.rest, p...)
	for len(c.rest) >= 8 {
		if binary.BigEndian.Uint64(c.rest) != c.want {
			c.wrong.Store(true)
		}
		c.want++
		c.rest = c.rest[8:]
	}
	return len(p), nil
}

// pour writes a stream until stop, in whole numbers.
func pour(w io.Writer, stop <-chan struct{}) {
	s, buf := stream{}, make([]byte, 4096)
	for !closed(stop) {
		if _, err := w.Write(s.fill(buf)); err != nil {
			return
		}
	}
}

// busy is a program that reads one stream and writes another.
func busy(heard *canary, stop <-chan struct{}) func(ssh.Channel, *ssh.Request) {
	return func(ch ssh.Channel, _ *ssh.Request) {
		var read sync.WaitGroup
		read.Go(func() { _, _ = io.Copy(heard, ch) })
		pour(ch, stop)
		_ = ch.CloseWrite()
		read.Wait()
		ends(ch, 7)
	}
}

// extension asks for more time under a grant.
func (h *house) extension(t *testing.T, code string) string {
	t.Helper()
	h.happens(t, "session.open")
	v, err := h.Desk.Extend(t.Context(), h.Eng.Principal, code, 10*time.Minute, "two rows are left to mend")
	if err != nil {
		t.Fatal(err)
	}
	return v.Request.ID
}

func (h *house) approved(t *testing.T, code string) {
	t.Helper()
	for _, by := range []*world.Human{h.Ceo, h.Ann} {
		if err := h.Approve(t, by, code); err != nil {
			t.Fatal(err)
		}
	}
}

// happens waits for an event.
func (h *house) happens(t *testing.T, kind string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for e, err := range h.Ledger.Watch(ctx, -1) {
		if err != nil {
			t.Fatalf("no %s: %v", kind, err)
		}
		if e.Kind == kind {
			return
		}
	}
}

// still waits until a count does not grow for half a second, then says by how much
// it grows in d. What was on its way before has to come to its end first, and who
// reads it may get no processor for a while.
func still(t *testing.T, d time.Duration, count *atomic.Int64) int64 {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := int64(-1)
	for tries, same := 0, 0; same < 5 && tries < 100; tries++ {
		n := count.Load()
		if same++; n != last {
			last, same = n, 0
		}
		<-tick.C
	}
	<-time.After(d)
	return count.Load() - last
}

func TestA11NoByteOfABusySessionPassesWhileItIsFrozen(t *testing.T) {
	heard, stop, quit := new(canary), make(chan struct{}), make(chan struct{})
	h, _ := stubHouse(t, busy(heard, stop))
	code := h.short(t, 6*time.Second) // a busy machine takes a while until the session is there and the extension asked for
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
	x := h.extension(t, code)
	stderr.expect(`lockbox: time is up; frozen while extension ` + x + ` waits for its approval; (5\d|60) s`)
	if more := still(t, 1500*time.Millisecond, &seen.n); more != 0 {
		t.Errorf("%d bytes came to the client while frozen", more)
	}
	if more := still(t, 500*time.Millisecond, &heard.n); more != 0 {
		t.Errorf("%d bytes went to the target while frozen", more)
	}
	if got := run(t, c, "true"); got.Status != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, "LBX-PENDING") || !strings.Contains(got.Stderr, x) {
		t.Errorf("another session on the same connection: got %+v", got)
	}
	seenBefore, heardBefore := seen.n.Load(), heard.n.Load()
	h.approved(t, x)
	stderr.expect(`lockbox: goes on under grant ` + x + `; (10:00|09:5\d) left`)
	<-time.After(300 * time.Millisecond)
	close(quit)
	close(stop)
	pouring.Wait()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if got := exitOf(t, s.Wait()); got != 7 {
		t.Errorf("exit %d, want 7", got)
	}
	if seen.n.Load() <= seenBefore || heard.n.Load() <= heardBefore || seen.wrong.Load() || heard.wrong.Load() || len(seen.rest)+len(heard.rest) != 0 {
		t.Errorf("it did not go on exactly: %d → %d to the client, %d → %d to the target", seenBefore, seen.n.Load(), heardBefore, heard.n.Load())
	}
}

// TestA11WhatAClientDidNotTakeBeforeTheEndItDoesNotGetAfter has a client that
// leaves a write of the gateway half done, and asks for the rest after the end.
func TestA11WhatAClientDidNotTakeBeforeTheEndItDoesNotGetAfter(t *testing.T) {
	stop := make(chan struct{})
	h, _ := stubHouse(t, busy(new(canary), stop))
	code := h.short(t, 2*time.Second)
	s, err := h.dial(t, login, h.Eng).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("busy"); err != nil {
		t.Fatal(err)
	}
	x := h.extension(t, code)
	h.happens(t, "session.frozen")
	<-time.After(2 * settled)
	seen, done := new(canary), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(seen, out)
	}()
	more := still(t, time.Second, &seen.n)
	if window := int64(2 << 20); more != 0 || seen.n.Load() > window {
		t.Errorf("%d bytes came, %d of them late; the client had room for %d", seen.n.Load(), more, window)
	}
	before := seen.n.Load()
	h.approved(t, x)
	h.happens(t, "session.extended")
	<-time.After(300 * time.Millisecond)
	close(stop)
	<-done
	if seen.n.Load() <= before || seen.wrong.Load() {
		t.Errorf("it did not go on exactly: %d → %d", before, seen.n.Load())
	}
}

func TestA11AFrozenTerminalSaysSoAndPassesNoRequests(t *testing.T) {
	h, target := stubHouse(t, echo)
	code := h.short(t, 2*time.Second)
	c := h.dial(t, login, h.Eng)
	f := onScreen(t, c, "")
	f.send("before\r")
	f.expect("before")
	x := h.extension(t, code)
	f.expect(`─ time is up; frozen while extension ` + x + ` waits for its approval; (59|60) s`)
	f.send("typed\r")
	if err := f.s.WindowChange(33, 99); err != nil {
		t.Fatal(err)
	}
	if err := f.s.Signal(ssh.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-time.After(500 * time.Millisecond)
	for _, r := range target.seen() {
		if strings.HasPrefix(r, "window-change") || strings.HasPrefix(r, "signal") {
			t.Errorf("%q passed while frozen", r)
		}
	}
	if text, _ := f.read(); strings.Contains(text, "typed") {
		t.Error("what was typed passed while frozen")
	}
	h.approved(t, x)
	on := `─ goes on under grant ` + x
	f.expect(`(?s)` + on + `.*typed|typed.*` + on) // whichever is first
	late := time.After(2 * time.Second)
	for !strings.Contains(strings.Join(target.seen(), "\n"), "signal") {
		select {
		case <-late:
			t.Fatalf("the signal was lost: %q", target.seen())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestA11AFrozenSessionIsCut(t *testing.T) {
	for _, row := range []struct {
		rule  string
		grace time.Duration
		do    func(*house, string, string) error
		why   string
	}{
		{"after its grace", time.Second, func(*house, string, string) error { return nil }, `the time of the grant is up; extension \w+ was not decided in time`},
		{"when the request is taken back", 0, func(h *house, _, x string) error {
			return h.Desk.Withdraw(context.Background(), h.Eng.Principal, x)
		}, `extension \w+ was withdrawn`},
	} {
		h, _ := stubHouse(t, echo)
		h.Gateway.Grace = row.grace
		code := h.short(t, 1500*time.Millisecond)
		c := h.dial(t, login, h.Eng)
		f := onScreen(t, c, "")
		f.send("before\r")
		f.expect("before")
		x := h.extension(t, code)
		f.expect(`frozen while extension`)
		f.send("typed\r")
		if err := row.do(h, code, x); err != nil {
			t.Fatal(err)
		}
		f.expect(row.why)
		if got := f.wait(row.grace + time.Second); got != 77 {
			t.Errorf("%s: exit %d, want 77", row.rule, got)
		}
		gone := make(chan struct{})
		go func() {
			_ = c.Wait()
			close(gone)
		}()
		select {
		case <-gone:
		case <-time.After(time.Second):
			t.Errorf("%s: the connection lives on", row.rule)
		}
		if text, _ := f.read(); strings.Contains(text, "typed") {
			t.Errorf("%s: what was typed after the end passed", row.rule)
		}
	}
}

func TestAClientThatLeavesWhileFrozenLeavesNothingBehind(t *testing.T) {
	heard, stop := new(canary), make(chan struct{})
	h, _ := stubHouse(t, busy(heard, stop))
	defer close(stop)
	code := h.short(t, 1500*time.Millisecond)
	c := h.dial(t, login, h.Eng)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdin = bytes.NewReader(make([]byte, 64<<20))
	if err := s.Start("busy"); err != nil {
		t.Fatal(err)
	}
	h.extension(t, code)
	h.happens(t, "session.frozen")
	_ = c.Close()
	h.happens(t, "session.close")
}
