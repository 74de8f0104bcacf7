package sshproxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/e2e/harness"
)

func TestPostgreSQLInATunnelIsUnderstood(t *testing.T) {
	pg := harness.StartPostgres(t)
	rule := leadsTo(pg.Addr)
	rule.Bounds.SQL = &policy.SQL{TargetTLS: "require"}
	n := newTunnelHouse(t, rule)
	code := n.allow(t, policy.Forward, pg.Addr)
	local := freeAddr(t)
	_, port, _ := net.SplitHostPort(local)
	p := n.client.Start(append([]string{"-N", "-L", local + ":" + pg.Addr}, harness.To(n.user, n.Addr)...)...)
	var out []byte
	var err error
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); { // until ssh listens
		c := exec.Command("psql", "-X", "-At", "-h", "127.0.0.1", "-p", port, "-U", pg.User, "-d", "postgres", "-c", "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
		c.Env = []string{"PGPASSWORD=" + pg.Password}
		if out, err = c.CombinedOutput(); err == nil {
			break
		}
	}
	if err != nil || string(out) != "t\n" {
		t.Fatalf("psql: %v: %s", err, out)
	}
	c, err := pgx.Connect(t.Context(), pg.DSN(local))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "select $1::text", "Ida Jensen"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close(context.Background())
	p.Kill()
	play := n.recording(t, code)
	var all []string
	for _, track := range play.Tracks() {
		if track.Header.Kind != "sql" || track.Header.Command != pg.Addr {
			t.Errorf("got %+v", track.Header)
		}
		all = append(all, string(recorded(t, play, track.Name, recorder.CodeObject)))
	}
	text := strings.Join(all, "")
	for _, want := range []string{`"sql":"select ssl from pg_stat_ssl`, `"tag":"SELECT 1"`, `"params":["Ida Jensen"]`, `"user":"app"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not recorded in %s", want, text)
		}
	}
	if strings.Contains(text, pg.Password) {
		t.Error("the password is recorded")
	}
	var sql bytes.Buffer
	if err := play.SQL(&sql, play.Tracks()[0].Name, recorder.Form{}); err != nil || !strings.Contains(sql.String(), "select ssl from pg_stat_ssl where pid = pg_backend_pid();\n-- SELECT 1, 1 row") {
		t.Errorf("exported %v: %s", err, sql.String())
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestB13TheAgentIsOnlyReachedWherePermitted(t *testing.T) {
	n := newTunnelHouse(t)
	n.allow(t, policy.Shell, "")
	socket := anAgent(t)
	with := func() string {
		c := n.client.Command(append([]string{"-A", "-o", "IdentityAgent=" + socket}, append(harness.To(n.user, n.Addr), "ssh-add -l; echo at $SSH_AUTH_SOCK")...)...)
		out, _ := c.CombinedOutput() // ssh-add -l fails where there is no agent
		return string(out)
	}
	if out := with(); !strings.Contains(out, "at\n") {
		t.Errorf("without a rule: %s", out)
	}
	permit := policy.Rule{Name: "agent", Actions: []policy.Action{policy.Exec, policy.Agent}}
	n = newTunnelHouse(t, permit)
	p := *n.Policy()
	p.Rules = p.Rules[1:]
	n.SetPolicy(&p)
	code := n.allow(t, policy.Exec, "")
	if out := with(); !strings.Contains(out, "no identities") || strings.Contains(out, "at\n") {
		t.Errorf("with a rule: %s", out)
	}
	play := n.recording(t, code)
	if tracks := play.Tracks(); len(tracks) != 2 || tracks[1].Header.Kind != "fwd" || tracks[1].Header.Command != "agent" {
		t.Errorf("got %+v", tracks)
	}
}

// anAgent starts ssh-agent without keys.
func anAgent(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "a")
	p := harness.Start(t, exec.Command("ssh-agent", "-D", "-a", socket))
	p.Expect("SSH_AUTH_SOCK", 10*time.Second)
	return socket
}

// TestB13WhatTheTargetOpensIsRefused but for what was lent to a program that runs.
func TestB13WhatTheTargetOpensIsRefused(t *testing.T) {
	h, s := stubHouse(t, echo)
	p := *h.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Actions = []policy.Action{policy.Shell, policy.Exec, policy.X11}
	h.SetPolicy(&p)
	h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	came := map[string]<-chan ssh.NewChannel{}
	for _, kind := range append(kinds(), "session") {
		came[kind] = c.HandleChannelOpen(kind)
	}
	open := s.opens
	start := func(x11 bool) func() { return lends(t, c, x11) }
	done := start(false)
	for kind := range came {
		if _, err := open(kind); err == nil {
			t.Errorf("%s was opened towards the client", kind)
		}
	}
	done()
	done = start(true)
	go display(came["x11"])
	ch, err := open("x11")
	if err != nil {
		t.Fatalf("the display that was lent: %v", err)
	}
	_, _ = io.WriteString(ch, "window")
	b := make([]byte, 6)
	if _, err := io.ReadFull(ch, b); err != nil || string(b) != "window" {
		t.Errorf("got %q, %v", b, err)
	}
	_ = ch.Close()
	if _, err := open("auth-agent@openssh.com"); err == nil {
		t.Error("the agent was reached")
	}
	done()
	if _, err := open("x11"); err == nil {
		t.Error("the display was reached after the program")
	}
	for kind, offered := range came {
		if kind == "x11" {
			continue
		}
		select {
		case <-offered:
			t.Errorf("the client was offered %s", kind)
		default:
		}
	}
}

// opens opens a channel from the target.
func (s *stub) opens(kind string) (ssh.Channel, error) {
	ch, requests, err := s.last().OpenChannel(kind, ssh.Marshal(struct {
		From string
		Port uint32
	}{"127.0.0.1", 6000}))
	if err == nil {
		go ssh.DiscardRequests(requests)
	}
	return ch, err
}

// display gives back what is drawn on it.
func display(offers <-chan ssh.NewChannel) {
	for offered := range offers {
		ch, requests, err := offered.Accept()
		if err != nil {
			continue
		}
		go ssh.DiscardRequests(requests)
		_, _ = io.Copy(ch, ch)
		_ = ch.Close()
	}
}

// lends starts a program that may be lent the display, if that is offered, and never the agent.
func lends(t *testing.T, c *ssh.Client, x11 bool) (done func()) {
	t.Helper()
	one, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := one.SendRequest("auth-agent-req@openssh.com", true, nil); ok || err != nil {
		t.Errorf("the agent, which no rule permits: %v, %v", ok, err)
	}
	if x11 {
		ok, err := one.SendRequest("x11-req", true, ssh.Marshal(struct {
			Single bool
			A, B   string
			Screen uint32
		}{false, "MIT-MAGIC-COOKIE-1", "00", 0}))
		if !ok || err != nil {
			t.Errorf("the display, which a rule permits: %v, %v", ok, err)
		}
	}
	in, _ := one.StdinPipe()
	out, _ := one.StdoutPipe()
	if err := one.Start("echo"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "x")
	_, _ = io.ReadFull(out, make([]byte, 1)) // it runs
	return func() {
		_ = in.Close()
		_ = one.Wait() // it may be cut
	}
}
