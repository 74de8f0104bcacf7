package sshproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway/sshproxy/target"
	"lockbox/policy"
	"lockbox/tests/world"
)

// endedAs waits until the end of a session is written down, with its kind.
func (h *house) endedAs(t *testing.T, kind target.Kind) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for e, err := range h.Ledger.Watch(ctx, -1) {
		if err != nil {
			t.Fatalf("no session ended as %q: %v", kind, err)
		}
		if e.Kind == "session.close" && e.Detail["target"] == string(kind) {
			return
		}
	}
}

// TestEachFailureOfATargetIsSaidInOneSentenceWithWhatToDoNext: to the person
// without an address, to the log as a kind, to operators in full.
func TestEachFailureOfATargetIsSaidInOneSentenceWithWhatToDoNext(t *testing.T) {
	for _, tt := range []struct {
		address string
		kind    target.Kind
		en, da  string
		retry   bool
	}{
		{unused(t), target.Refused, "db1.prod cannot be reached: connection refused", "db1.prod kan ikke nås: forbindelsen blev afvist", true},
		{speaking(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), target.NoSSH, "does not speak SSH", "taler ikke SSH", false},
		{speaking(t, "Exceeded MaxStartups\r\n"), target.Full, "takes no more connections", "ikke flere forbindelser", true},
		{"169.254.169.254:80", target.Forbidden, "of a kind that no target has", "som intet mål har", false},
		{"127.0.0.1:9", target.Ourselves, "leads back to this gateway", "fører tilbage til denne gateway", false},
	} {
		h, stub := stubHouse(t, echo, func(d *Door) { d.Own = []net.Addr{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}} })
		h.repoint(tt.address)
		h.granted(t, h.Eng, time.Hour)
		for lang, want := range map[string]string{"C": tt.en, "da_DK.UTF-8": tt.da} {
			got := run(t, h.dial(t, login, h.Eng), "true", "LANG="+lang, "LOCKBOX_EXIT=sysexits")
			lines := strings.Split(strings.TrimSpace(got.Stderr), "\n")
			if got.Status != 69 || got.Stdout != "" || len(lines) != 3 || !strings.Contains(lines[0], want) ||
				!strings.Contains(got.Stderr, `"code":"LBX-TARGET"`) || strings.Contains(got.Stderr, `"retryable":true`) != tt.retry {
				t.Errorf("%s, %s: got %+v", tt.kind, lang, got)
			}
			if host, _, _ := net.SplitHostPort(tt.address); strings.Contains(got.Stderr, host) {
				t.Errorf("%s: an address of the inside is told: %s", tt.kind, got.Stderr)
			}
		}
		h.endedAs(t, tt.kind)
		if _, auths, _ := stub.counts(); auths != 0 {
			t.Errorf("%d certificates were shown", auths)
		}
	}
}

// repoint gives the target another address.
func (h *house) repoint(address string) {
	p := *h.Policy()
	db := *p.Targets["db1.prod"]
	db.Address = address
	p.Targets = map[string]*policy.Target{"db1.prod": &db}
	h.SetPolicy(&p)
}

func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// speaking is an address where somebody says one thing and hangs up.
func speaking(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 64))
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// TestWhoAsksHearsThatTheTargetDoesNotAnswerNow: the request is sent all the same.
func TestWhoAsksHearsThatTheTargetDoesNotAnswerNow(t *testing.T) {
	h, stub := stubHouse(t, echo)
	h.repoint(unused(t))
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect("Kind of reason")
	f.send("1\r")
	f.expect("Reason")
	f.send("INC-1: two rows\r")
	f.expect("How long")
	f.send("1h\r")
	f.expect("Send")
	f.send("y\r")
	f.expect("sent")
	f.expect(`db1\.prod does not answer as it should now \(connection refused\)`)
	if _, auths, _ := stub.counts(); auths != 0 {
		t.Errorf("%d certificates were shown", auths)
	}
}

// TestWhoMayNotAskHasNothingLookedAt: a look signs nothing and names no login, and
// who may not ask for a target has none looked at.
func TestWhoMayNotAskHasNothingLookedAt(t *testing.T) {
	h, stub := stubHouse(t, echo)
	ask := "request db1.prod --for 1h --code outage --reason INC-1: two rows"
	if got := run(t, h.dial(t, "x", h.Eng), ask+" --login root"); got.Status == 0 {
		t.Errorf("got %+v", got)
	}
	if conns, _, _ := stub.counts(); conns != 0 {
		t.Errorf("%d connections", conns)
	}
	if got := run(t, h.dial(t, "x", h.Eng), ask+" --login support_nord"); got.Status != 0 || strings.Contains(got.Stdout, "does not answer") {
		t.Errorf("got %+v", got)
	}
	if _, auths, channels := stub.counts(); auths+channels != 0 {
		t.Errorf("%d certificates and %d channels", auths, channels)
	}
}

// TestB15WhatRunsOnIsNotClaimedToBeGone: the end of a session that could start
// something says that nobody knows.
func TestB15WhatRunsOnIsNotClaimedToBeGone(t *testing.T) {
	h, _ := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 0) })
	code := h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	run(t, c, "setsid sleep 600 &")
	_ = c.Close()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for e, err := range h.Ledger.Watch(ctx, -1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == "session.close" {
			if e.Detail["left"] != "unknown" || e.Detail["target"] != "" {
				t.Errorf("got %v", e.Detail)
			}
			break
		}
	}
	all, err := h.Gateway.SessionsOf(t.Context(), h.Ceo.Principal, code)
	if err != nil || len(all) != 1 || !all[0].Left {
		t.Errorf("the timeline: %+v, %v", all, err)
	}
	r, err := h.Gateway.Receipt(t.Context(), h.Ceo.Principal, code)
	if err != nil {
		t.Fatal(err)
	}
	sum, _, err := r.Summary(approvals.Pinned{
		Log: world.Log, LogKey: h.Keys.LogKey, Party: world.Party(), Executives: []string{h.Ceo.Fingerprint}, Customers: map[string][]string{"nord": {h.Ann.Fingerprint}},
	})
	if err != nil || !strings.Contains(sum.Text(), "may still run on the target") {
		t.Errorf("the receipt: %v\n%s", err, sum.Text())
	}
}

// TestG17AHostileTargetEndsItsOwnSessionAlone: whatever it says of how a program ended.
func TestG17AHostileTargetEndsItsOwnSessionAlone(t *testing.T) {
	payloads := map[string][]byte{
		"nothing": nil, "one byte": {7}, "too much": make([]byte, 64<<10), "a signal without an end": {0xff, 0xff, 0xff, 0xff, 'K'},
	}
	for what, payload := range payloads {
		for _, kind := range []string{"exit-status", "exit-signal", "eow@openssh.com", "xon-xoff", "x"} {
			t.Run(kind+" of "+what, func(t *testing.T) {
				h, _ := stubHouse(t, func(ch ssh.Channel, r *ssh.Request) {
					if strings.Contains(string(r.Payload), "well") {
						ends(ch, 0)
						return
					}
					_, _ = ch.SendRequest(kind, false, payload)
					ends(ch, 3)
				})
				h.granted(t, h.Eng, time.Hour)
				c := h.dial(t, login, h.Eng)
				run(t, c, "ill")
				if got := run(t, h.dial(t, login, h.Eng), "well"); got.Status != 0 {
					t.Errorf("another session got %+v", got)
				}
			})
		}
	}
}

// TestAConnectionIsKeptAheadForWhoHasJustTouched, and claimed with their own certificate.
func TestAConnectionIsKeptAheadForWhoHasJustTouched(t *testing.T) {
	h, stub := stubHouse(t, echo)
	h.Grant(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect("Touch your passkey")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); ; {
		if conns, auths, _ := stub.counts(); conns == 1 && auths == 0 {
			break
		}
		select {
		case <-late:
			t.Fatal("nothing is kept ahead")
		case <-tick.C:
		}
	}
	h.Door.ways().Close() // no more are made
}

// TestTheEndSaysHowMuchWasRun, in numbers, and nothing of what.
func TestTheEndSaysHowMuchWasRun(t *testing.T) {
	h, _ := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 3) })
	h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	run(t, c, "cat /etc/secret-1")
	run(t, c, "cat /etc/secret-2")
	_ = c.Close()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for e, err := range h.Ledger.Watch(ctx, -1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != "session.close" {
			continue
		}
		if e.Detail["commands"] != "2" || e.Detail["exit"] != "3" || e.Detail["seconds"] == "" || strings.Contains(fmt.Sprint(e.Detail), "secret") {
			t.Errorf("got %v", e.Detail)
		}
		return
	}
}
