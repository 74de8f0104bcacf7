package sshproxy

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
)

func TestJumpWorksAsIfDirect(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	outer := h.dial(t, "me", h.Eng)
	c := h.through(t, outer, "support_nord", h.Eng.SSH)
	if got := run(t, c, "echo out; echo err >&2; exit 3"); got != (result{"out\n", "err\n", 3}) {
		t.Errorf("got %+v", got)
	}
	f := onScreen(t, c, "")
	f.expect(`This session is recorded`)
	f.send("exit 11\r")
	if got := f.wait(5 * time.Second); got != 11 {
		t.Errorf("exit %d, want 11", got)
	}
	all, err := h.Gateway.SessionsOf(t.Context(), h.Ceo.Principal, code(t, h))
	if err != nil || len(all) == 0 || all[0].Remote != "127.0.0.1" || all[0].Login != "support_nord" {
		t.Errorf("got %+v, %v", all, err)
	}
	if got := run(t, outer, "grants"); !strings.Contains(got.Stdout, "db1.prod") {
		t.Errorf("a command on the connection around it: got %+v", got)
	}
}

func code(t *testing.T, h *house) string {
	t.Helper()
	open, err := h.Desk.Mine(t.Context(), h.Eng.ID)
	if err != nil || len(open) == 0 {
		t.Fatalf("got %d requests, %v", len(open), err)
	}
	return open[0].Request.ID
}

func TestJumpLeadsToTargetsOfThisPersonOnly(t *testing.T) {
	h, target := stubHouse(t, echo)
	p := *h.Policy()
	hidden := *p.Targets["db1.prod"]
	hidden.Name, hidden.Labels = "db9.secret", nil
	p.Targets["db9.secret"] = &hidden
	h.SetPolicy(&p)
	outer := h.dial(t, "me", h.Eng)
	text := func(to string) string {
		t.Helper()
		c, err := outer.Dial("tcp", to)
		if err == nil {
			_ = c.Close()
			t.Errorf("%s was opened", to)
			return ""
		}
		host, _, _ := strings.Cut(to, ":")
		return strings.ReplaceAll(err.Error(), host, "HOST")
	}
	none := text("nobody.prod:22")
	if !strings.Contains(none, "`targets` lists") || !strings.Contains(none, "administratively prohibited") {
		t.Errorf("got %q", none)
	}
	for _, to := range []string{"db9.secret:22", "db9.secret:5432", "127.0.0.1:22", "localhost:22", "DB1.PROD:22", "db1:22", target.addr} {
		if got := text(to); got != none {
			t.Errorf("%s: got %q, want what is said of no target: %q", to, got, none)
		}
	}
	if got := text("db1.prod:5432"); !strings.Contains(got, "port 5432") {
		t.Errorf("got %q", got)
	}
	// A user name with a dot is no target, whether there is one or not.
	for _, user := range []string{"eng.last", "db9.secret", "support%db9.secret"} {
		if _, err := h.tryThrough(h.dial(t, user, h.Eng), "support_nord", h.Eng.SSH); err != nil {
			t.Errorf("through %s@: %v", user, err)
		}
	}
	if _, err := h.dial(t, "db1.prod", h.Eng).Dial("tcp", "db1.prod:22"); err == nil {
		t.Error("-J from a target")
	}
	if conns, _, _ := target.counts(); conns != 0 {
		t.Errorf("%d connections to the target", conns)
	}
}

func TestB34TheOneInsideIsTheOneOutside(t *testing.T) {
	h, _ := stubHouse(t, echo)
	h.granted(t, h.Eng, time.Hour)
	outer := h.dial(t, "me", h.Eng)
	if _, err := h.tryThrough(outer, "support_nord", h.Mate.SSH); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("another person's key: got %v", err)
	}
	if _, err := h.tryThrough(outer, "support_nord", newSigner(t)); err == nil {
		t.Error("nobody's key came in")
	}
	h.through(t, outer, "support_nord", h.Eng.SSH)
}

func TestJumpSaysWhichLoginsThereAre(t *testing.T) {
	h, _ := stubHouse(t, echo)
	bothWays(t, func(t *testing.T, w wayIn) {
		got := run(t, w.dial(t, h, "root", h.Eng), "true")
		if got.Status != 255 || !strings.Contains(got.Stderr, `has no login "root"`) || !strings.Contains(got.Stderr, "support_nord, support_syd, deploy") || !strings.Contains(got.Stderr, `"code":"LBX-TARGET"`) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestJumpEndsWithTheConnectionAroundIt(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	outer := h.dial(t, "me", h.Eng)
	c := h.through(t, outer, "support_nord", h.Eng.SSH)
	f := onScreen(t, c, "")
	f.expect(`recorded`)
	_ = outer.Close()
	_ = c.Wait()
	for until := time.Now().Add(5 * time.Second); len(h.Gateway.Visits()) > 0; {
		if time.Now().After(until) {
			t.Fatal("the visit goes on")
		}
	}
	all, err := h.Gateway.SessionsOf(t.Context(), h.Ceo.Principal, code(t, h))
	if err != nil || len(all) != 1 || strings.Contains(all[0].Cause, "lost") {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestARevokedJumpEndsAndTheConnectionAroundItStays(t *testing.T) {
	h := newHouse(t)
	code := h.granted(t, h.Eng, time.Hour)
	outer := h.dial(t, "me", h.Eng)
	c := h.through(t, outer, "support_nord", h.Eng.SSH)
	f := onScreen(t, c, "")
	f.expect(`recorded`)
	from := time.Now()
	if err := h.Desk.Revoke(t.Context(), h.Ann.Principal, code, "seen enough"); err != nil {
		t.Fatal(err)
	}
	f.expect(`revoked by ann@nord\.x: seen enough`)
	if got := f.wait(time.Second); got != 77 {
		t.Errorf("exit %d, want 77", got)
	}
	_ = c.Wait()
	if took := time.Since(from); took > time.Second {
		t.Errorf("it ended %s after the revocation", took)
	}
	if got := run(t, outer, "grants"); got.Status != 0 {
		t.Errorf("the connection around it: got %+v", got)
	}
	again := h.through(t, outer, "support_nord", h.Eng.SSH)
	if got := run(t, again, "true"); got.Status != 255 || !strings.Contains(got.Stderr, `"code":"LBX-NOGRANT"`) {
		t.Errorf("afterwards: got %+v", got)
	}
}

func TestTheDoorSaysGoodbyeThroughAJump(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.through(t, h.dial(t, "me", h.Eng), "support_nord", h.Eng.SSH), "")
	f.expect(`recorded`)
	go h.stop()
	f.expect(`the gateway is closing`)
	if got := f.wait(2 * time.Second); got != 69 {
		t.Errorf("exit %d, want 69", got)
	}
}

func TestAHandshakeInAJumpHasItsTime(t *testing.T) {
	h, _ := stubHouse(t, echo, func(d *Door) { d.Limits.Grace = 300 * time.Millisecond })
	outer := h.dial(t, "me", h.Eng)
	socket, err := outer.Dial("tcp", "db1.prod:22")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	buf := make([]byte, 4096)
	for err == nil { // its version and what it offers, then nothing
		_, err = socket.Read(buf)
	}
	if took := time.Since(from); took > 2*time.Second {
		t.Errorf("it lasted %s", took)
	}
	if got := run(t, outer, "grants"); got.Status != 0 {
		t.Errorf("the connection around it: got %+v", got)
	}
}

func TestHandshakesThatComeToNothingEndTheConnection(t *testing.T) {
	h, _ := stubHouse(t, echo)
	outer := h.dial(t, "me", h.Eng)
	n := 0
	for ; n < 2*failedJumps; n++ {
		socket, err := outer.Dial("tcp", "db1.prod:22")
		if err != nil {
			break
		}
		_, _ = socket.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		_, _ = socket.Read(make([]byte, 1))
		_ = socket.Close()
	}
	if n > failedJumps+2*4 {
		t.Errorf("%d handshakes came to nothing, and the connection lives", n)
	}
}

// faulty people panic at a call that is counted down to.
type faulty struct {
	People
	calls atomic.Int64
}

func (f *faulty) BySSHKey(ctx context.Context, key ssh.PublicKey) (policy.Principal, error) {
	if f.calls.Add(-1) == 0 {
		panic("a fault of ours")
	}
	return f.People.BySSHKey(ctx, key)
}

func TestAPanicInAJumpStaysThere(t *testing.T) {
	people := &faulty{}
	h, _ := stubHouse(t, echo, func(d *Door) { people.People, d.People = d.People, people })
	outer := h.dial(t, "me", h.Eng)
	people.calls.Store(2) // where the channel is opened, then in the handshake
	if _, err := h.tryThrough(outer, "support_nord", h.Eng.SSH); err == nil {
		t.Error("it was opened")
	}
	if left := people.calls.Load(); left > 0 {
		t.Errorf("nothing panicked: %d", left)
	}
	h.through(t, outer, "support_nord", h.Eng.SSH)
}

func TestWithoutAHostCAJumpShowsTheHostKey(t *testing.T) {
	h, _ := stubHouse(t, echo, func(d *Door) {
		ring := *d.Keys
		ring.HostCA = nil
		d.Keys = &ring
	})
	outer := h.dial(t, "me", h.Eng)
	if _, err := h.tryThrough(outer, "support_nord", h.Eng.SSH); err == nil {
		t.Error("there was a certificate")
	}
	socket, err := outer.Dial("tcp", "db1.prod:22")
	if err != nil {
		t.Fatal(err)
	}
	conn, _, _, err := ssh.NewClientConn(socket, "db1.prod:22", h.clientConfig("support_nord", h.Eng.SSH))
	if err != nil {
		t.Fatal(errors.Join(err, socket.Close()))
	}
	_ = conn.Close()
}
