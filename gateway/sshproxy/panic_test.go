package sshproxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// bursting issues no tokens.
type bursting struct{}

func (bursting) Issue(context.Context, policy.Principal, string, []string, time.Duration) (string, time.Time, error) {
	panic("in a command")
}

// TestA39 has a part of ours panic on one connection: in the handler of a
// command, in what decides whether a session may go on, in the recorder, and in
// what makes the certificate for a target. Only that connection ends.
func TestA39APanicInAPartEndsOneConnection(t *testing.T) {
	for what, burst := range map[string]func(h *house, armed *atomic.Bool, c *ssh.Client) error{
		"a command": func(_ *house, _ *atomic.Bool, c *ssh.Client) error { return shortly(c, "token") },
		"the decision": func(h *house, armed *atomic.Bool, c *ssh.Client) error {
			armed.Store(true)
			return shortly(c, "true")
		},
	} {
		t.Run(what, func(t *testing.T) {
			var armed atomic.Bool
			var reported atomic.Int32
			h, _ := stubHouse(t, echo, func(d *Door) {
				d.Tokens = bursting{}
				d.Report = func(error) { reported.Add(1) }
			})
			inForce := h.Desk.Policy
			h.Desk.Policy = func() *policy.Policy {
				if armed.Swap(false) {
					panic("in a decision")
				}
				return inForce()
			}
			h.granted(t, h.Eng, time.Hour)
			user := map[bool]string{true: "cli", false: login}[what == "a command"]
			other, c := h.dial(t, "cli", h.Mate), h.dial(t, user, h.Eng)
			if err := burst(h, &armed, c); err == nil {
				t.Error("what panicked ended well")
			}
			if err := c.Wait(); err == nil {
				t.Error("its connection lives")
			}
			if got := run(t, other, "help"); got.Status != 0 {
				t.Errorf("another connection: got %+v", got)
			}
			if reported.Load() == 0 {
				t.Error("nobody hears of it")
			}
		})
	}
}

func shortly(c *ssh.Client, command string) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	return s.Run(command)
}

// TestA39 has the recorder, and what minds a session, panic while it runs.
func TestA39APanicBesideASessionEndsThatSession(t *testing.T) {
	for _, what := range []string{"the recorder", "the minder"} {
		t.Run(what, func(t *testing.T) {
			var armed atomic.Bool
			h, _ := stubHouse(t, echo)
			now, inForce := h.Shelf.Now, h.Desk.Policy
			h.Shelf.Now = func() time.Time {
				if what == "the recorder" && armed.Swap(false) {
					panic("in the recorder")
				}
				return now()
			}
			h.Desk.Policy = func() *policy.Policy {
				if what == "the minder" && armed.Swap(false) {
					panic("in the minder")
				}
				return inForce()
			}
			code := h.granted(t, h.Eng, time.Hour)
			other, c := h.dial(t, "cli", h.Mate), h.dial(t, login, h.Eng)
			s, in := cat(t, c)
			armed.Store(true)
			if what == "the minder" {
				h.poke(t, code)
			}
			_, _ = io.WriteString(in, "two\n")
			ended := make(chan struct{})
			go func() {
				_ = s.Wait()
				close(ended)
			}()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("the session goes on")
			}
			if got := run(t, other, "help"); got.Status != 0 {
				t.Errorf("another connection: got %+v", got)
			}
			if armed.Load() {
				t.Error("nothing panicked")
			}
		})
	}
}

// cat is a session that gives back what it gets, and has done so once.
func cat(t *testing.T, c *ssh.Client) (*ssh.Session, io.Writer) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("cat"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "one\n")
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "one") {
		t.Fatalf("got %q, %v", line, err)
	}
	return s, in
}

// poke appends an event about a request, so that visits under it ask again at once.
func (h *house) poke(t *testing.T, code string) {
	t.Helper()
	err := h.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "test.poke", Actor: "test", Subjects: []string{code}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestA39 has a panic between the moment when a connection is proven and the one
// when it is served, as welcome has it: its person is not counted for ever.
func TestA39APanicBeforeAConnectionIsServedLeavesNobodyCounted(t *testing.T) {
	limits := Limits{}.orDefault()
	l := newLobby(limits, func(error) {})
	a, b := net.Pipe()
	defer b.Close()
	g := &guest{Conn: a, lobby: l, gone: make(chan struct{})}
	conn := &ssh.ServerConn{Permissions: &ssh.Permissions{ExtraData: map[any]any{proven{}: identity{who: policy.Principal{ID: "eng"}}}}}
	func() {
		defer func() { _ = recover() }() // ours, below
		defer g.leave()
		if !g.join(conn, &limits) || l.crowd.in["eng"] != 1 {
			t.Errorf("counted: %v", l.crowd.in)
		}
		panic("before it is served")
	}()
	if len(l.crowd.in) != 0 {
		t.Errorf("still counted: %v", l.crowd.in)
	}
}
