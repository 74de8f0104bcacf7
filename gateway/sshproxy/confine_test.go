package sshproxy

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/world"
)

// pending is a terminal that waits for an approval.
func pending(t *testing.T, h *house, w wayIn) (*ssh.Client, *screenful, string) {
	t.Helper()
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	c := w.dial(t, h, "support_nord", h.Eng)
	f := onScreen(t, c, "")
	f.expect(`waiting for a board member`)
	return c, f, code
}

func kinds() []string {
	return []string{
		"direct-tcpip", "forwarded-tcpip", "x11", "direct-streamlocal@openssh.com", "forwarded-streamlocal@openssh.com",
		"tun@openssh.com", "auth-agent@openssh.com", "session@example.com",
	}
}

// wantRefused opens every kind of channel and asks every kind of global request.
func wantRefused(t *testing.T, c *ssh.Client) {
	t.Helper()
	where := ssh.Marshal(struct {
		Host string
		Port uint32
		From string
		At   uint32
	}{"127.0.0.1", 22, "127.0.0.1", 1})
	for _, kind := range kinds() {
		if ch, _, err := c.OpenChannel(kind, where); err == nil {
			_ = ch.Close()
			t.Errorf("a channel of type %s was opened", kind)
		} else if !strings.Contains(err.Error(), "lockbox: ") {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	for _, kind := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "hostkeys-prove-00@openssh.com", "no-more-sessions@openssh.com", "x"} {
		if ok, _, err := c.SendRequest(kind, true, where[:13]); ok || err != nil {
			t.Errorf("%s: got %v, %v", kind, ok, err)
		}
	}
}

func TestB01B12NothingButSessionsEvenWhilePending(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, target := stubHouse(t, echo)
		c, f, code := pending(t, h, w)
		wantRefused(t, c)
		if got := run(t, c, "true"); got.Status != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, `"code":"LBX-PENDING"`) {
			t.Errorf("exec while pending: got %+v", got)
		}
		if got := subsystem(t, c, "sftp"); got.Status != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, `"code":"LBX-POLICY"`) {
			t.Errorf("sftp: got %+v", got)
		}
		if conns, _, _ := target.counts(); conns != 0 {
			t.Errorf("%d connections to the target while pending", conns)
		}
		for _, who := range []*world.Human{h.Ceo, h.Ann} {
			if err := h.Approve(t, who, code); err != nil {
				t.Fatal(err)
			}
		}
		h.touchShown(t, f, h.Eng)
		f.expect(`recorded`)
		wantRefused(t, c)
		if conns, auths, channels := target.counts(); target.entered() != 1 || auths == 0 || channels != 1 {
			t.Errorf("the target saw %d connections, %d logins, %d channels", conns, auths, channels)
		}
	})
}

// subsystem asks for one, and takes what comes.
func subsystem(t *testing.T, c *ssh.Client, name string) (r result) {
	t.Helper()
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	if ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ N string }{name})); !ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
	stdout, err := io.ReadAll(ch)
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := io.ReadAll(ch.Stderr())
	if err != nil {
		t.Fatal(err)
	}
	r.Stdout, r.Stderr = string(stdout), string(stderr)
	for q := range requests {
		if q.Type == "exit-status" {
			r.Status = int(binary.BigEndian.Uint32(q.Payload))
		}
	}
	return r
}

func TestB02AStormOfResizesBlocksNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, _ := stubHouse(t, echo)
		c, f, _ := pending(t, h, w)
		storm := func() {
			t.Helper()
			for i := range 500 {
				if err := f.s.WindowChange(10+i%50, 80); err != nil {
					t.Fatal(err)
				}
				if err := f.s.Signal(ssh.SIGUSR1); err != nil {
					t.Fatal(err)
				}
			}
			from := time.Now()
			if ok, _, err := c.SendRequest(keepAliveRequest, true, nil); !ok || err != nil || time.Since(from) > time.Second {
				t.Errorf("keep-alive: %v, %v after %s", ok, err, time.Since(from))
			}
		}
		storm()
		f.send("\x03")
		f.expect(`stays open`)
		if got := f.wait(time.Second); got != 75 {
			t.Errorf("exit %d, want 75", got)
		}
		code := h.granted(t, h.Eng, 30*time.Minute)
		c = w.dial(t, h, "support_nord", h.Eng)
		f = onScreen(t, c, "")
		f.expect(`recorded`)
		storm()
		from := time.Now()
		if err := h.Desk.Revoke(t.Context(), h.Ann.Principal, code, ""); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if took := time.Since(from); took > time.Second {
			t.Errorf("the connection ended %s after the revocation", took)
		}
	})
}

func TestB03EveryChannelEndsWithTheGrant(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h := newHouse(t)
		code := h.granted(t, h.Eng, time.Hour)
		c := w.dial(t, h, "support_nord", h.Eng)
		f := onScreen(t, c, "")
		f.expect(`recorded`)
		g := onScreen(t, c, "")
		g.expect(`recorded`)
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		s.Stderr = &stderr
		if err := s.Start("sleep 60"); err != nil {
			t.Fatal(err)
		}
		from := time.Now()
		if err := h.Desk.Revoke(t.Context(), h.Ann.Principal, code, "seen enough"); err != nil {
			t.Fatal(err)
		}
		if got := f.wait(time.Second); got != 77 {
			t.Errorf("first shell: exit %d, want 77", got)
		}
		if got := g.wait(time.Second); got != 77 {
			t.Errorf("second shell: exit %d, want 77", got)
		}
		f.expect(`revoked by ann@nord\.x: seen enough`)
		if got := exitOf(t, s.Wait()); got != 255 || !strings.Contains(stderr.String(), `"code":"LBX-REVOKED"`) {
			t.Errorf("exec: exit %d, %q", got, stderr.String())
		}
		_ = c.Wait()
		if took := time.Since(from); took > time.Second {
			t.Errorf("the connection ended %s after the revocation", took)
		}
		if got := run(t, w.dial(t, h, "support_nord", h.Eng), "true"); got.Status != 255 || !strings.Contains(got.Stderr, `"code":"LBX-NOGRANT"`) {
			t.Errorf("afterwards: got %+v", got)
		}
	})
}

func TestAClientThatReadsNothingIsCutInTime(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h := newHouse(t)
		code := h.granted(t, h.Eng, time.Hour)
		c := w.dial(t, h, "support_nord", h.Eng)
		ch, requests, err := c.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		if _, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ C string }{"yes"})); err != nil {
			t.Fatal(err)
		}
		if _, err := ch.Read(make([]byte, 1)); err != nil { // and nothing more: the window fills
			t.Fatal(err)
		}
		from := time.Now()
		if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if took := time.Since(from); took > time.Second {
			t.Errorf("the connection ended %s after the revocation", took)
		}
	})
}

func TestB11AConnectionWithoutAChannelEnds(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, _ := stubHouse(t, echo, func(d *Door) { d.Limits.Idle = 300 * time.Millisecond })
		c := w.dial(t, h, "support_nord", h.Eng)
		from := time.Now()
		_ = c.Wait()
		if took := time.Since(from); took > 2*time.Second {
			t.Errorf("it lasted %s", took)
		}
	})
}

func TestAChannelOnWhichNothingRunsIsClosed(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, _ := stubHouse(t, echo, func(d *Door) { d.Limits.Grace, d.Limits.Idle = 300*time.Millisecond, 300*time.Millisecond })
		c := w.dial(t, h, "support_nord", h.Eng)
		ch, _, err := c.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ch.Read(make([]byte, 1)); err == nil {
			t.Error("it says something")
		}
		_ = c.Wait()
	})
}
