package sshproxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestA38SilentConnectionsDieAndShutOutNobody(t *testing.T) {
	const grace = 2 * time.Second
	h, _ := stubHouse(t, echo, func(d *Door) { d.Limits.Grace = grace })
	began := time.Now()
	var silent []net.Conn
	for i := range 500 {
		c, err := net.Dial("tcp", h.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
		if i%10 != 0 {
			continue
		}
		go func() { // one byte at a time
			tick := time.NewTicker(grace / 20)
			defer tick.Stop()
			for _, b := range []byte("SSH-2.0-trickle" + strings.Repeat(".", 200)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				<-tick.C
			}
		}()
	}
	from := time.Now()
	if got := run(t, h.dial(t, "cli", h.Eng), "help"); got.Status != 0 {
		t.Errorf("among silent connections: got %+v", got)
	}
	if took := time.Since(from); took > time.Second {
		t.Errorf("a login took %s among silent connections", took)
	}
	for _, c := range silent {
		if err := c.SetReadDeadline(began.Add(grace + 3*time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatalf("a connection still lives %s after it was accepted", time.Since(began))
		}
	}
}

func TestAnOldGuestLeavesForANewOne(t *testing.T) {
	l := newLobby(Limits{Startups: 3, PerSource: 2}.orDefault(), func(error) {})
	guest := func(from string) (*guest, net.Conn) {
		a, b := net.Pipe()
		t.Cleanup(func() { _, _ = a.Close(), b.Close() })
		return l.admit(addressed{a, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}), b
	}
	gone := func(c net.Conn) bool {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		return err == io.EOF
	}
	first, a := guest("[2001:db8::1]:1")
	_, b := guest("[2001:db8::2]:1") // of the same network
	if _, c := guest("[2001:db8::3]:1"); !gone(a) || gone(b) || gone(c) {
		t.Error("the oldest of a source has to leave")
	}
	if first.authenticated() {
		t.Error("who had to leave is let in")
	}
	_, d := guest("192.0.2.1:1")
	if _, e := guest("192.0.2.2:1"); !gone(b) || gone(d) || gone(e) {
		t.Error("the oldest of all has to leave")
	}
	l.close()
	if last, f := guest("192.0.2.3:1"); !gone(d) || !gone(f) || last.authenticated() {
		t.Error("a closed lobby admits nobody")
	}
}

func TestWhoHasWaitedLongOrSaysNothingLeavesFirst(t *testing.T) {
	for _, c := range []struct {
		rule string
		ages []time.Duration
		said []int64
		want int
	}{
		{"all speak", []time.Duration{3, 2, 1}, []int64{9, 9, 9}, 0},
		{"one is silent", []time.Duration{3, 2, 1}, []int64{9, 9, 0}, 2},
		{"one has waited long", []time.Duration{waitedLong + 1, 2, 1}, []int64{9, 9, 0}, 0},
		{"two are silent", []time.Duration{3, 2, 1}, []int64{9, 0, 0}, 1},
	} {
		l := newLobby(Limits{}.orDefault(), func(error) {})
		for i, age := range c.ages {
			g := &guest{since: time.Now().Add(-age * time.Millisecond)}
			if age > waitedLong {
				g.since = time.Now().Add(-age)
			}
			g.heard.Store(c.said[i])
			l.waiting = append(l.waiting, g)
		}
		if got := l.next(func(*guest) bool { return true }); got != c.want {
			t.Errorf("%s: %d leaves, want %d", c.rule, got, c.want)
		}
	}
}

type addressed struct {
	net.Conn
	from net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.from }

func TestA39APanicEndsOneConnection(t *testing.T) {
	var armed atomic.Bool
	var mu sync.Mutex
	bad := newSigner(t)
	var reported []string
	h, _ := stubHouse(t, echo, func(d *Door) {
		d.Report = func(err error) {
			mu.Lock()
			defer mu.Unlock()
			reported = append(reported, err.Error())
		}
		known := d.People
		d.People = people{known, func(k ssh.PublicKey) {
			if string(k.Marshal()) == string(bad.PublicKey().Marshal()) {
				panic("during authentication")
			}
			if armed.Load() {
				panic("in a session")
			}
		}}
	})
	if _, err := ssh.Dial("tcp", h.Addr, h.clientConfig("cli", bad)); err == nil {
		t.Error("a panic let somebody in")
	}
	other := h.dial(t, "cli", h.Mate)
	c := h.dial(t, "cli", h.Eng)
	armed.Store(true)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run("help"); err == nil {
		t.Error("the session that panicked ended well")
	}
	if err := c.Wait(); err == nil {
		t.Error("its connection lives")
	}
	armed.Store(false)
	if got := run(t, other, "help"); got.Status != 0 {
		t.Errorf("another connection: got %+v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(reported) != 2 || !strings.Contains(reported[1], "in a session") {
		t.Errorf("reported %q", reported)
	}
}

func TestTheDoorClosesWithNothingLeft(t *testing.T) {
	h, _ := stubHouse(t, func(ch ssh.Channel, r *ssh.Request) {
		if r.Type == "shell" {
			echo(ch, r)
			return
		}
		_, _ = ch.Write([]byte("hi\n"))
		ends(ch, 3)
	})
	h.granted(t, h.Eng, time.Hour)
	run(t, h.dial(t, login, h.Eng), "true") // whatever starts once has started
	before := runtime.NumGoroutine()
	for range 100 {
		c := h.dial(t, login, h.Eng)
		for range 2 {
			if got := run(t, c, "x"); got != (result{"hi\n", "", 3}) {
				t.Fatalf("got %+v", got)
			}
		}
		_ = c.Close()
	}
	left := 0
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		if left = runtime.NumGoroutine(); left <= before+2 {
			break
		}
		runtime.Gosched()
	}
	if left > before+2 {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after 200 sessions\n%s", before, left, buf[:runtime.Stack(buf, true)])
	}
	c := h.dial(t, login, h.Eng)
	f := onScreen(t, c, "")
	f.expect(`recorded`)
	h.close(t)
	f.expect(`the gateway is closing`)
	if got := f.wait(time.Second); got != 69 {
		t.Errorf("exit %d, want 69", got)
	}
	if n := len(h.Gateway.Visits()); n != 0 {
		t.Errorf("%d visits are left", n)
	}
}

func TestAClientThatAnswersNothingIsCut(t *testing.T) {
	h, _ := stubHouse(t, echo, func(d *Door) { d.Limits.KeepAlive = 100 * time.Millisecond })
	conn, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	sc, _, _, err := ssh.NewClientConn(conn, h.Addr, h.clientConfig("cli", h.Eng.SSH)) // nobody reads its requests
	if err != nil {
		t.Fatal(err)
	}
	defer sc.Close()
	from := time.Now()
	_ = sc.Wait()
	if took := time.Since(from); took > 3*time.Second {
		t.Errorf("it was cut after %s", took)
	}
	c := h.dial(t, "cli", h.Eng) // this one answers
	gone := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		t.Error("a client that answers was cut")
	case <-time.After(time.Second):
	}
}

func TestAKeyThatIsTakenAwayOpensNoMoreChannels(t *testing.T) {
	h, _ := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 0) })
	h.granted(t, h.Eng, time.Hour)
	in, waits, cli := h.dial(t, login, h.Eng), h.dial(t, login, h.Eng), h.dial(t, "cli", h.Eng)
	if got := run(t, in, "x"); got.Status != 0 {
		t.Fatalf("got %+v", got)
	}
	gone := make(chan struct{})
	go func() {
		_ = in.Wait()
		close(gone)
	}()
	if err := h.People.RemoveSSHKey(t.Context(), h.Eng.ID, ssh.FingerprintSHA256(h.Eng.SSH.PublicKey())); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(time.Second):
		t.Error("who is in stays in")
	}
	for what, c := range map[string]*ssh.Client{"a program": waits, "the command line": cli} {
		if got := run(t, c, "status"); got.Status != 255 || !strings.Contains(got.Stderr, "not known here any more") {
			t.Errorf("%s: got %+v", what, got)
		}
	}
}

// A failing listener accepts nothing more.
type failing struct{ net.Listener }

func (failing) Accept() (net.Conn, error) { return nil, io.ErrUnexpectedEOF }

func TestADoorThatCannotAcceptSaysSo(t *testing.T) {
	h, _ := stubHouse(t, echo)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Door.Serve(t.Context(), failing{l}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}
