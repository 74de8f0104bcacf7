package sshproxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/sshproxy/sshconfig"
	"lockbox/tests/e2e/harness"
)

// configured gives the client the files that the gateway's own ssh-config makes,
// and nothing but the host CA to know targets by.
func (h *house) configured(t *testing.T, c *harness.Client) {
	t.Helper()
	p := strings.Split(h.Addr, ":")
	s := sshconfig.Setup{
		Host: p[0], HostKey: sshconfig.Line(h.Keys.Host.PublicKey()), HostCA: sshconfig.Line(h.Keys.HostCA.PublicKey()), Targets: []sshconfig.Target{{Name: "db1.prod", Login: "support_nord"}},
	}
	s.Port = port(t, h.Addr)
	text, err := s.Config("", sshconfig.Names{Gateway: "lockbox", Known: filepath.Join(c.Dir, "known_hosts")})
	if err != nil || s.Valid() != nil {
		t.Fatal(err, s.Valid())
	}
	own, err := os.ReadFile(filepath.Join(c.Dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"known_hosts": strings.Join(s.KnownHosts(), "\n") + "\n", "config": text + "\nHost *\n" + string(own)} {
		if err := os.WriteFile(filepath.Join(c.Dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func port(t *testing.T, addr string) (n int) {
	t.Helper()
	_, text, ok := strings.Cut(addr, ":")
	for _, d := range text {
		n = n*10 + int(d-'0')
	}
	if !ok || n == 0 {
		t.Fatalf("%s has no port", addr)
	}
	return n
}

// jumpHouse has OpenSSH's sshd behind the door, and its client in front, that goes there by ssh-config's file.
func jumpHouse(t *testing.T) (h *house, c *harness.Client, to string) {
	t.Helper()
	h, c, user := sshdHouse(t)
	h.configured(t, c)
	name, _, _ := strings.Cut(user, "%")
	return h, c, name + "@db1.prod"
}

// tool runs a program that runs ssh, in the client's folder.
func tool(t *testing.T, c *harness.Client, input, name string, args ...string) (string, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.Dir
	cmd.Env = append(c.Command().Env, "GIT_SSH_COMMAND=ssh -F "+filepath.Join(c.Dir, "config"), "GIT_CONFIG_NOSYSTEM=1")
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestOpenSSHJumps(t *testing.T) {
	_, c, to := jumpHouse(t)
	if got := c.Run("in\x00put", to, "cat; echo err >&2; exit 3"); got != (harness.Result{Stdout: "in\x00put", Stderr: "err\n", Code: 3}) {
		t.Errorf("got %+v", got)
	}
	if got := c.Run("", to, "kill -TERM $$"); got.Code != 255 {
		t.Errorf("a signal: got %+v", got)
	}
	p := c.Terminal(to)
	p.Expect("This session is recorded.", 10*time.Second)
	p.Send("stty -echo; stty size\r")
	p.Expect("24 80", 10*time.Second)
	p.Resize(100, 30)
	p.Send("sleep .2; stty size\r")
	p.Expect("30 100", 10*time.Second)
	p.Send("exit 12\r")
	if got := p.Wait(10 * time.Second); got != 12 {
		t.Errorf("exit %d, want 12", got)
	}
	// By hand, without a block in the file.
	if got := c.Run("", "-J", "lockbox", "-o", "ProxyJump=lockbox", to, "echo by hand"); got.Stdout != "by hand\n" || got.Code != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestOpenSSHsToolsJump(t *testing.T) {
	_, c, to := jumpHouse(t)
	config := filepath.Join(c.Dir, "config")
	there := t.TempDir()
	data := make([]byte, 300_000)
	_, _ = rand.Read(data)
	file := filepath.Join(c.Dir, "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	same := func(what string, err error, out, copied string) {
		t.Helper()
		if got, rerr := os.ReadFile(copied); err != nil || rerr != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %v, %v, %d bytes\n%s", what, err, rerr, len(got), out)
		}
	}
	out, err := tool(t, c, "", "scp", "-O", "-q", "-F", config, file, to+":"+there+"/scp")
	same("scp -O there", err, out, there+"/scp")
	out, err = tool(t, c, "", "scp", "-O", "-q", "-F", config, to+":"+there+"/scp", "back")
	same("scp -O back", err, out, filepath.Join(c.Dir, "back"))
	out, err = tool(t, c, "", "rsync", "-e", "ssh -F "+config, file, to+":"+there+"/rsync")
	same("rsync", err, out, there+"/rsync")
	for _, args := range [][]string{
		{"init", "-q", "--bare", there + "/repo.git"}, {"init", "-q", "work"},
		{"-C", "work", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "first"},
		{"-C", "work", "push", "-q", to + ":" + there + "/repo.git", "HEAD:main"},
		{"clone", "-q", "-b", "main", to + ":" + there + "/repo.git", "clone"},
	} {
		if out, err := tool(t, c, "", "git", args...); err != nil {
			t.Errorf("git %v: %v\n%s", args, err, out)
		}
	}
	if out, err := tool(t, c, "", "git", "-C", "clone", "log", "--format=%s"); err != nil || out != "first\n" {
		t.Errorf("git log: %q, %v", out, err)
	}
}

func TestOpenSSHJumpsWithOneMaster(t *testing.T) {
	for _, where := range []string{"around", "within"} {
		t.Run(where, func(t *testing.T) {
			h, c, to := jumpHouse(t)
			config := filepath.Join(c.Dir, "config")
			own, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			host := map[string]string{"around": "lockbox", "within": "db1.prod"}[where]
			block := "Host " + host + "\n  ControlMaster auto\n  ControlPath " + filepath.Join(c.Dir, "m") + "\n  ControlPersist 30\n"
			if err := os.WriteFile(config, []byte(block+string(own)), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Run("", "-O", "exit", host) })
			for range 12 {
				if got := c.Run("", to, "echo hi"); got.Stdout != "hi\n" || got.Code != 0 {
					t.Fatalf("got %+v", got)
				}
			}
			shell := c.Terminal(to)
			shell.Expect("This session is recorded.", 10*time.Second)
			if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code(t, h), ""); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			shell.Expect("revoked by ceo@x.eu", 5*time.Second)
			if got := shell.Wait(5 * time.Second); got != 77 && got != 255 {
				t.Errorf("the shell: exit %d", got)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("the shell lived %s longer", took)
			}
			for until := time.Now().Add(5 * time.Second); where == "within" && time.Now().Before(until); {
				if _, err := os.Stat(filepath.Join(c.Dir, "m")); err != nil {
					break // the master is gone
				}
			}
			if got := c.Run("", to, "echo hi"); got.Code != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, `"code":"LBX-NOGRANT"`) {
				t.Errorf("after the end: got %+v", got)
			}
		})
	}
}

func TestB34WhatOpenSSHIsToldOfOtherWays(t *testing.T) {
	h, c, to := jumpHouse(t)
	config := filepath.Join(c.Dir, "config")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.ReplaceAll(text, []byte("LogLevel ERROR"), []byte("LogLevel INFO")), 0o600); err != nil {
		t.Fatal(err) // as it is by default: the one in the middle tells of it
	}
	for rule, args := range map[string][]string{
		"-W to no target":      {"-W", "127.0.0.1:22", "lockbox"},
		"-W to another port":   {"-W", "db1.prod:5432", "lockbox"},
		"-J to no target":      {"-J", "lockbox", "-o", "ProxyJump=lockbox", "root@10.0.0.5"},
		"-L on the gateway":    {"-o", "ExitOnForwardFailure=yes", "-W", "[::1]:5432", "lockbox"},
		"-J from a target":     {"-J", "lockbox," + to, "-o", "ProxyJump=lockbox," + to, "root@db2.prod"},
		"-J through user name": {"-W", "db1.prod:22", "-l", "db1.prod", "lockbox"},
	} {
		got := c.Run("", args...)
		if got.Code != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, "lockbox: ") {
			t.Errorf("%s: got %+v", rule, got)
		}
	}
	// A key of somebody else, inside.
	i := harness.NewIdentity(t)
	h.addKey(t, h.Mate, i)
	mate := h.openSSH(t, i)
	other := filepath.Join(mate.Dir, "id")
	got := c.Run("", "-o", "IdentityFile="+other, to, "true") // and then the client's own
	if got.Code != 0 || !strings.Contains(got.Stderr, "lockbox: this key is another person's") {
		t.Errorf("got %+v", got)
	}
}
