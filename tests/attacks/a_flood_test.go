package attacks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/sshproxy"
)

// in is a connection that is known as Eng.
func (f *porch) in(t *testing.T, user string) *raw {
	t.Helper()
	r := greeted(t, f.addr, true)
	if kind, answer := r.ask(r.prove(user, f.Eng.SSH)); kind != msgAuthSuccess {
		t.Fatalf("got %d %q", kind, answer)
	}
	return r
}

// open opens a channel, and gives the server's number for it.
func (r *raw) open(t *testing.T, kind string) uint32 {
	t.Helper()
	p := append(text([]byte{msgChannelOpen}, kind), 0, 0, 0, 7)
	must(t, r.send(append(binary.BigEndian.AppendUint32(p, 1<<20), 0, 0, 0x80, 0)))
	for {
		q, err := r.next()
		must(t, err)
		switch q[0] {
		case msgOpenConfirm:
			return binary.BigEndian.Uint32(q[5:])
		case msgGlobalRequest:
			continue // it asks whether we live
		}
		t.Fatalf("open %s: got %d %q", kind, q[0], q)
	}
}

func TestA33AFloodOfAnswersStopsNobody(t *testing.T) {
	f := newPorch(t)
	before := runtime.NumGoroutine()
	to := func(kind byte, channel uint32) []byte { return binary.BigEndian.AppendUint32([]byte{kind}, channel) }
	for what, flood := range map[string]func(r *raw) []byte{
		"global answers":       func(*raw) []byte { return []byte{msgRequestSuccess} },
		"global refusals":      func(*raw) []byte { return []byte{msgRequestFailure} },
		"answers of a channel": func(r *raw) []byte { return to(msgChannelSuccess, r.open(t, "session")) },
		"answers of none":      func(*raw) []byte { return to(msgChannelSuccess, 99) },
		"a channel is open":    func(r *raw) []byte { return append(to(msgOpenConfirm, r.open(t, "session")), make([]byte, 12)...) },
		"a channel is refused": func(r *raw) []byte {
			return text(text(append(to(msgOpenFailure, r.open(t, "session")), 0, 0, 0, 1), ""), "")
		},
		"requests of a channel": func(r *raw) []byte {
			return append(text(to(msgChannelRequest, r.open(t, "session")), "window-change"), 0)
		},
		"wants answers": func(r *raw) []byte {
			return append(text(to(msgChannelRequest, r.open(t, "session")), "nonsense@example.com"), 1)
		},
		"global requests":    func(*raw) []byte { return append(text([]byte{msgGlobalRequest}, "nonsense@example.com"), 1) },
		"data to none":       func(*raw) []byte { return text(to(msgChannelData, 99), "x") },
		"windows":            func(r *raw) []byte { return append(to(93, r.open(t, "session")), 0xff, 0xff, 0xff, 0xff) },
		"a kind that is not": func(*raw) []byte { return []byte{199} },
	} {
		r := f.in(t, "cli")
		p := flood(r)
		must(t, r.SetWriteDeadline(time.Now().Add(300*time.Millisecond))) // it may stop reading when nobody reads its answers
		for range 20_000 {
			if r.send(p) != nil {
				break
			}
		}
		f.wantOpen(t, "") // others are served
		_ = what
	}
	from := time.Now()
	f.close(t)
	if took := time.Since(from); took > 2*time.Second {
		t.Errorf("the door needs %s to close", took)
	}
	if left := settles(runtime.NumGoroutine, before); left > before {
		t.Errorf("%d goroutines before, %d after", before, left)
	}
}

// TestA38 has 5,000 silent and 500 trickling strangers, and somebody who works here.
func TestA38AFloodOfStrangersShutsOutNobody(t *testing.T) {
	const grace = 4 * time.Second
	for _, c := range []struct {
		what              string
		silent, trickling int
		from              func(i int) string
		exempt            bool
	}{
		{"from fifty addresses", 5000, 500, func(i int) string { return fmt.Sprintf("127.0.1.%d", i%50) }, false},
		{"from everywhere", 2000, 200, func(i int) string { return fmt.Sprintf("127.%d.%d.1", 1+i/200, 1+i%200) }, false},
		{"from the same address", 1000, 100, func(int) string { return "127.0.0.1" }, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := newPorch(t, func(d *sshproxy.Door) {
				d.Limits.Grace, d.Limits.PerPerson = grace, 100
				if !c.exempt {
					strict(d)
				}
			})
			before := runtime.NumGoroutine()
			var all sync.WaitGroup
			stop := make(chan struct{})
			for w := range 10 { // ten hands
				all.Go(func() { strangers(t, f.addr, c.from, w, c.silent/10, c.trickling/10, stop) })
			}
			var took []time.Duration
			for range 40 {
				from := time.Now()
				if c, err := f.login("127.0.0.1", "cli", f.Eng.SSH); err != nil {
					took = append(took, time.Hour)
					t.Logf("login: %v", err)
				} else {
					took = append(took, time.Since(from))
					_ = c.Close()
				}
			}
			slices.Sort(took)
			t.Logf("%d strangers: login p50 %s, p95 %s, longest %s", c.silent+c.trickling, took[20], took[37], took[39])
			if took[37] > time.Second {
				t.Errorf("p95 of logins is %s", took[37])
			}
			close(stop)
			all.Wait()
			f.wantOpen(t, "127.0.0.1")
			if left := settles(runtime.NumGoroutine, before+4); left > before+4 {
				t.Errorf("%d goroutines before, %d after", before, left)
			}
		})
	}
}

// strangers connect and say nothing, or a byte now and then, until they are all cut.
func strangers(t *testing.T, addr string, from func(int) string, hand, silent, trickling int, stop <-chan struct{}) {
	var trickle, rest []net.Conn
	for i := range silent + trickling {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from(hand*(silent+trickling) + i))}, Timeout: 10 * time.Second}
		c, err := d.Dial("tcp", addr)
		if err != nil {
			continue // nobody is owed anything
		}
		if i%11 == 0 {
			trickle = append(trickle, c)
			continue
		}
		rest = append(rest, c)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, b := range []byte("SSH-2.0-trickle" + strings.Repeat(".", 60)) {
		for _, c := range trickle {
			_, _ = c.Write([]byte{b}) // it may be cut
		}
		<-tick.C
	}
	<-stop
	for _, c := range append(rest, trickle...) {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err := io.Copy(io.Discard, c)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Error("a stranger is still there after the time it has")
		}
		_ = c.Close()
	}
}

func TestASourceThatKeepsFailingIsShutOut(t *testing.T) {
	f := newPorch(t, strict)
	unknown := newKey(t)
	const office, elsewhere = "127.0.2.1", "127.0.2.2"
	for i := 0; ; i++ {
		_, err := f.login(elsewhere, "cli", unknown)
		if err == nil {
			t.Fatal("an unknown key comes in")
		}
		if !strings.Contains(err.Error(), "no supported methods remain") {
			break // it was not spoken to
		}
		if i == 30 { // the door hears of an end later than the client
			t.Fatal("thirty connections that failed, and still it may try")
		}
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(elsewhere)}}
	c, err := d.Dial("tcp", f.addr)
	must(t, err)
	said, _ := io.ReadAll(c) // however it ends
	if !strings.HasPrefix(string(said), "lockbox: too many attempts") {
		t.Errorf("who is shut out is told %q", said)
	}
	f.wantOpen(t, office) // and from now on nothing counts there
	for range 30 {
		if _, err := f.login(office, "cli", unknown); err == nil || !strings.Contains(err.Error(), "no supported methods remain") {
			t.Fatalf("the agent of one shuts out the office: %v", err)
		}
	}
	f.wantOpen(t, office)
	if told := f.reported(); len(told) != 1 || !strings.Contains(told[0], elsewhere) {
		t.Errorf("reported %q", told)
	}
}

func TestAPersonHasSoManyConnectionsAndIsToldSo(t *testing.T) {
	f := newPorch(t, func(d *sshproxy.Door) { d.Limits.PerPerson = 3 })
	var open []*ssh.Client
	for range 6 {
		c, err := f.login("", "cli", f.Eng.SSH)
		if err != nil {
			t.Fatalf("a known key does not come in: %v", err)
		}
		defer c.Close()
		open = append(open, c)
	}
	served := 0 // which of them: as the door came to know them
	for i, c := range open {
		s, err := c.NewSession()
		must(t, err)
		out, err := s.CombinedOutput("help")
		if err == nil {
			served++
			continue
		}
		if !strings.Contains(string(out), "lockbox: you have 3 connections open") || !strings.Contains(string(out), `"retryable":true`) {
			t.Errorf("connection %d: %q, %v", i, out, err)
		}
		if _, err := c.Dial("tcp", "127.0.0.1:22"); err == nil || !strings.Contains(err.Error(), "you have 3 connections open") {
			t.Errorf("a forward: %v", err)
		}
	}
	if served != 3 {
		t.Errorf("%d connections are served, want 3", served)
	}
	if c, err := f.login("", "cli", f.Eng.SSH); err == nil { // told often enough
		if _, _, err := c.OpenChannel("session", nil); err == nil {
			t.Error("twice as many, and one more")
		}
		_ = c.Close()
	}
	if c, err := f.login("", "cli", f.Mate.SSH); err != nil {
		t.Errorf("another person: %v", err)
	} else {
		_ = c.Close()
	}
	for _, c := range open {
		_ = c.Close()
	}
	f.wantOpen(t, "")
}
