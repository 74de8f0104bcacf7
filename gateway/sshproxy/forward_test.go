package sshproxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// A tunnelHouse has OpenSSH's sshd behind the door, and rules for tunnels.
type tunnelHouse struct {
	*house
	client *harness.Client
	login  string
	user   string
}

func newTunnelHouse(t *testing.T, rules ...policy.Rule) *tunnelHouse {
	t.Helper()
	h, c := withOpenSSH(t)
	sshd := harness.StartSSHDWith(t, h.Keys.TargetCA.PublicKey(), "AllowTcpForwarding yes\nAllowAgentForwarding yes\nX11Forwarding yes\nX11UseLocalhost yes\n")
	n := &tunnelHouse{house: h, client: c, login: harness.Login(t)}
	n.user = n.login + "%db1.prod"
	p := *h.Policy()
	target := *p.Targets["db1.prod"]
	target.Address, target.HostKey, target.Logins = sshd.Addr, ssh.FingerprintSHA256(sshd.HostKey), []policy.Login{{Name: n.login, One: true}}
	target.Customers = []string{"nord"}
	p.Targets = map[string]*policy.Target{"db1.prod": &target}
	p.Rules = slices.Clone(p.Rules)
	for _, r := range rules {
		base := p.Rules[0]
		base.Name, base.Actions, base.Bounds, base.Record = r.Name, r.Actions, r.Bounds, r.Record
		p.Rules = append(p.Rules, base)
	}
	h.SetPolicy(&p)
	return n
}

func leadsTo(to ...string) policy.Rule {
	return policy.Rule{Name: "tunnel to " + to[0], Actions: []policy.Action{policy.Forward}, Bounds: policy.Bounds{To: to}}
}

// allow gets a grant for an action, and touches.
func (n *tunnelHouse) allow(t *testing.T, do policy.Action, to string) string {
	t.Helper()
	v, err := n.Desk.Submit(t.Context(), n.Eng.Principal, approvals.Application{
		Target: "db1.prod", Login: n.login, Customer: "nord", Do: do, To: to, Need: policy.Need{Reason: "outage", Text: "with a real sshd"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []*world.Human{n.Ceo, n.Ann} {
		if err := n.Approve(t, by, v.Request.ID); err != nil {
			t.Fatal(err)
		}
	}
	k := n.knock(n.Eng, n.login)
	k.Customer, k.Do, k.To = "nord", do, to
	a, err := n.Gateway.Enter(t.Context(), k)
	if err != nil || a.Verdict != policy.Prove {
		t.Fatalf("got %v %q, %v", a.Verdict, a.Why, err)
	}
	n.Touch(t, n.Eng, a.Terminal)
	return v.Request.ID
}

// dialled opens a tunnel.
func dialled(c *ssh.Client, to string) (ssh.Channel, error) {
	host, port, _ := net.SplitHostPort(to)
	var at uint32
	_, _ = fmt.Sscan(port, &at)
	ch, requests, err := c.OpenChannel("direct-tcpip", ssh.Marshal(destination{host, at, "127.0.0.1", 1}))
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(requests)
	return ch, nil
}

// server answers each connection with serve, on loopback.
func server(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	return l.Addr().String()
}

func echoes(c net.Conn) { _, _ = io.Copy(c, c) }

func TestATunnelLeadsWhereItsRuleSaysAndIsRecorded(t *testing.T) {
	to := server(t, func(c net.Conn) { // answers after the end of what it reads: half-closed
		b, _ := io.ReadAll(c)
		_, _ = c.Write(append([]byte("got "), b...))
	})
	n := newTunnelHouse(t, leadsTo(to))
	code := n.allow(t, policy.Forward, to)
	got := n.client.Run("hello", append([]string{"-W", to}, harness.To(n.user, n.Addr)...)...)
	if got.Stdout != "got hello" || got.Code != 0 {
		t.Fatalf("got %+v", got)
	}
	p := n.recording(t, code)
	tracks := p.Tracks()
	if len(tracks) != 1 || tracks[0].Header.Kind != "fwd" || tracks[0].Header.Command != to {
		t.Fatalf("got %+v", tracks)
	}
	if in, out := recorded(t, p, "fwd0", recorder.CodeInput), recorded(t, p, "fwd0", recorder.CodeOutput); string(in) != "hello" || string(out) != "got hello" {
		t.Errorf("recorded %q and %q", in, out)
	}
	r, err := n.Gateway.Receipt(t.Context(), n.Eng.Principal, code)
	text, jerr := json.Marshal(r)
	if err != nil || jerr != nil || !strings.Contains(string(text), `"kind":"fwd","command":"`+to+`"`) {
		t.Errorf("the receipt does not tell of it: %v, %s", err, text)
	}
}

func TestManyTunnelsCarryMuch(t *testing.T) {
	to := server(t, echoes)
	n := newTunnelHouse(t, leadsTo(to))
	n.allow(t, policy.Forward, to)
	c := n.dial(t, n.user, n.Eng)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			ch, err := dialled(c, to)
			if err != nil {
				t.Error(err)
				return
			}
			defer ch.Close()
			sent := bytes.Repeat([]byte{byte(i)}, 1<<20)
			go func() {
				_, _ = ch.Write(sent)
				_ = ch.CloseWrite()
			}()
			if got, err := io.ReadAll(ch); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("tunnel %d: %d bytes came back, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
}

func TestB10ATunnelElsewhereIsRefused(t *testing.T) {
	touched := make(chan string, 100)
	canary := server(t, func(net.Conn) { touched <- "canary" })
	_, port, _ := net.SplitHostPort(canary)
	to := server(t, echoes)
	n := newTunnelHouse(t, leadsTo(to))
	c := n.dial(t, n.user, n.Eng)
	if _, err := dialled(c, to); err == nil || !strings.Contains(err.Error(), "no grant for a tunnel to "+to+"; ask: ssh GATEWAY request "+n.user+" --do forward --to "+to) {
		t.Errorf("without a grant: %v", err)
	}
	n.allow(t, policy.Shell, "")
	if _, err := dialled(c, to); err == nil || !strings.Contains(err.Error(), "no grant for a tunnel") {
		t.Errorf("with a grant for a shell: %v", err)
	}
	n.allow(t, policy.Forward, to)
	for _, elsewhere := range []string{
		canary, "localhost:" + port, "127.0.0.9:" + port, "127.1:" + port, "2130706433:" + port, "0x7f.0.0.1:" + port, "0177.0.0.1:" + port, "[::ffff:127.0.0.1]:" + port,
		"[::1]:" + port, "0.0.0.0:" + port, "[::]:" + port, ":" + port, "127.0.0.1.:" + port, "LOCALHOST.:" + port, n.Addr, "[fe80::1%lo]:" + port, "127.0.0.1:0",
	} {
		if ch, err := dialled(c, elsewhere); err == nil {
			_ = ch.Close()
			t.Errorf("%s was opened", elsewhere)
		} else if !strings.Contains(err.Error(), "lockbox: ") {
			t.Errorf("%s: %v", elsewhere, err)
		}
	}
	select {
	case <-touched:
		t.Error("something was reached that is not listed")
	default:
	}
	n.close(t)
	if got := strings.Join(n.refusedOf(t), "\n"); !strings.Contains(got, "forward "+canary) {
		t.Errorf("it is not in the log: %s", got)
	}
}

func TestTheTargetsRefusalIsPassedOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	n := newTunnelHouse(t, leadsTo(nobody))
	n.allow(t, policy.Forward, nobody)
	_, err = dialled(n.dial(t, n.user, n.Eng), nobody)
	var no *ssh.OpenChannelError
	if !errors.As(err, &no) || no.Reason != ssh.ConnectionFailed || !strings.HasPrefix(no.Message, "db1.prod: ") {
		t.Errorf("got %v", err)
	}
}

func TestSSHInATunnelIsRefused(t *testing.T) {
	for _, who := range []string{"client", "server"} {
		to := server(t, func(c net.Conn) {
			if who == "server" {
				_, _ = io.WriteString(c, "SSH-2.0-hidden\r\n")
			}
			_, _ = io.Copy(io.Discard, c)
		})
		n := newTunnelHouse(t, leadsTo(to))
		n.allow(t, policy.Forward, to)
		ch, err := dialled(n.dial(t, n.user, n.Eng), to)
		if err != nil {
			t.Fatal(err)
		}
		if who == "client" {
			for _, b := range "SSH-2.0-hidden\r\n" {
				_, _ = ch.Write([]byte(string(b))) // it may be closed by then
			}
		}
		if b, _ := io.ReadAll(ch); len(b) > 0 {
			t.Errorf("%s: %q came through", who, b)
		}
		n.close(t)
		if got := strings.Join(n.refusedOf(t), "\n"); !strings.Contains(got, "SSH in "+to) {
			t.Errorf("%s: it is not in the log: %s", who, got)
		}
	}
}

func TestATunnelIsCutWithItsGrant(t *testing.T) {
	to := server(t, echoes)
	n := newTunnelHouse(t, leadsTo(to))
	code := n.allow(t, policy.Forward, to)
	ch, err := dialled(n.dial(t, n.user, n.Eng), to)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(ch)
	_, _ = io.WriteString(ch, "one\n")
	if got, err := r.ReadString('\n'); got != "one\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	began := time.Now()
	if err := n.Desk.Revoke(t.Context(), n.Ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadString('\n'); err == nil || time.Since(began) > time.Second {
		t.Errorf("cut after %s: %v", time.Since(began), err)
	}
}

// TestATunnelIsCutWithItsRule: the address is not listed any more.
func TestATunnelIsCutWithItsRule(t *testing.T) {
	to := server(t, echoes)
	n := newTunnelHouse(t, leadsTo(to))
	n.allow(t, policy.Forward, to)
	ch, err := dialled(n.dial(t, n.user, n.Eng), to)
	if err != nil {
		t.Fatal(err)
	}
	p := *n.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[1].Bounds.To = []string{"127.0.0.1:1"}
	n.SetPolicy(&p)
	late := time.AfterFunc(10*time.Second, func() { _ = ch.Close() })
	defer late.Stop()
	began := time.Now()
	if _, err := io.ReadAll(ch); time.Since(began) > 8*time.Second {
		t.Errorf("still open after %s: %v", time.Since(began), err)
	}
}

// TestTwoGrantsOnOneLogin: a shell under one, tunnels under two others, on one connection.
func TestTwoGrantsOnOneLogin(t *testing.T) {
	one, two := server(t, echoes), server(t, echoes)
	n := newTunnelHouse(t, leadsTo(one), leadsTo(two))
	n.allow(t, policy.Shell, "")
	n.allow(t, policy.Forward, one)
	c := n.dial(t, n.user, n.Eng)
	if got := run(t, c, "echo hi"); got.Stdout != "hi\n" {
		t.Fatalf("got %+v", got)
	}
	if _, err := dialled(c, two); err == nil || !strings.Contains(err.Error(), "no grant for a tunnel to "+two) {
		t.Errorf("the other address: %v", err)
	}
	n.allow(t, policy.Forward, two)
	for _, to := range []string{one, two} {
		ch, err := dialled(c, to)
		if err != nil {
			t.Fatalf("%s: %v", to, err)
		}
		_, _ = io.WriteString(ch, "x")
		b := make([]byte, 1)
		if _, err := io.ReadFull(ch, b); err != nil || string(b) != "x" {
			t.Errorf("%s: %q, %v", to, b, err)
		}
		_ = ch.Close()
	}
	if got := run(t, c, "echo again"); got.Stdout != "again\n" {
		t.Errorf("got %+v", got)
	}
}

// TestOneAsksForATunnelAndTouches: with nothing but the words that a client prints.
func TestOneAsksForATunnelAndTouches(t *testing.T) {
	to := server(t, echoes)
	n := newTunnelHouse(t, leadsTo(to))
	n.allow(t, policy.Shell, "")
	for command, want := range map[string]string{
		"request db1.prod --do fly --reason x": "there is no action", "request db1.prod --to 0.0.0.0:1 --reason x": "--to is where a tunnel ends",
		"request db1.prod --do shell --to " + to: "--to is where a tunnel ends", "request db1.prod --to 127.0.0.1:1 --reason because of it all": "only to the addresses it lists",
	} {
		if got := run(t, n.dial(t, "me", n.Eng), command); got.Status == 0 || !strings.Contains(got.Stderr, want) {
			t.Errorf("%s: got %+v", command, got)
		}
	}
	asked := run(t, n.dial(t, "me", n.Eng), "request "+n.user+" --do forward --to "+to+" --code outage --reason INC-1: look at the table")
	if asked.Status != 0 {
		t.Fatalf("got %+v", asked)
	}
	mine, err := n.Desk.Mine(t.Context(), n.Eng.ID)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(mine, func(v approvals.View) bool { return slices.Contains(v.Request.Actions, policy.Forward) })
	if i < 0 || !slices.Equal(mine[i].Request.To, []string{to}) {
		t.Fatalf("got %+v", mine)
	}
	code := mine[i].Request.ID
	c := n.dial(t, n.user, n.Eng)
	if _, err := dialled(c, to); err == nil || !strings.Contains(err.Error(), "request "+code+" for a tunnel to "+to+" waits for its approval: "+portal+"/r/"+code) {
		t.Errorf("while it waits: %v", err)
	}
	for _, by := range []*world.Human{n.Ceo, n.Ann} {
		if err := n.Approve(t, by, code); err != nil {
			t.Fatal(err)
		}
	}
	_, err = dialled(c, to)
	if err == nil || !strings.Contains(err.Error(), portal+"/t/"+code) {
		t.Fatalf("before the touch: %v", err)
	}
	_, number, _ := strings.Cut(err.Error(), "type the number ")
	open, terr := n.Desk.Touches(t.Context(), n.Eng.Principal, code)
	if terr != nil || len(open) != 1 {
		t.Fatalf("got %d touches, %v", len(open), terr)
	}
	n.TouchNumber(t, n.Eng, open[0].ID, number[:2])
	if _, err := dialled(c, to); err != nil {
		t.Errorf("after the touch: %v", err)
	}
}
