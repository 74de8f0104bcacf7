package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lockbox/gateway/sshproxy"
	"lockbox/gateway/sshproxy/sshconfig"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// sshDoor is a door of its own, and OpenSSH's client on the path that comes in there as eng.
func sshDoor(t *testing.T) (w *world.World, addr string) {
	t.Helper()
	w = world.New(t, "127.0.0.1:1", "SHA256:AAAA")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	door := &sshproxy.Door{Gateway: w.Gateway, Desk: w.Desk, People: w.People, Keys: w.Keys, Portal: "http://localhost:8080", Report: func(err error) { t.Log(err) }}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
	})
	i := harness.NewIdentity(t)
	ask, err := w.People.BeginSSHKey(t.Context(), w.Eng.ID, authorizedKey(t, i))
	must(t, err)
	_, err = w.People.AddSSHKey(t.Context(), ask.ID, w.Eng.Answer(t, ask.Options))
	must(t, err)
	c := harness.OpenSSH(t, i).Trust(l.Addr().String(), w.Keys.Host.PublicKey())
	config := filepath.Join(c.Dir, "config")
	own, err := os.ReadFile(config)
	must(t, err)
	host, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	alias := fmt.Sprintf("Host mygw\n  HostName %s\n  Port %s\nHost *\n", host, port)
	must(t, os.WriteFile(config, append([]byte(alias), own...), 0o600))
	real, err := exec.LookPath("ssh")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(c.Dir, "ssh"), fmt.Appendf(nil, "#!/bin/sh\nexec %s -F %s \"$@\"\n", real, config), 0o700))
	t.Setenv("PATH", c.Dir+":"+os.Getenv("PATH"))
	return w, l.Addr().String()
}

func authorizedKey(t *testing.T, i harness.Identity) string {
	return sshconfig.Line(i.Signer(t).PublicKey())
}

func TestSSHConfigAsksTheGateway(t *testing.T) {
	w, addr := sshDoor(t)
	known := filepath.Join(t.TempDir(), "known_hosts")
	must(t, os.WriteFile(known, []byte("other.example ssh-ed25519 AAAA"), 0o600))
	var text string
	for range 2 { // the second time adds nothing
		var out, errs bytes.Buffer
		if code := Main(t.Context(), []string{"ssh-config", addr, "--known-hosts", known}, &out, &errs); code != 0 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		text = out.String()
	}
	_, port, _ := net.SplitHostPort(addr)
	for _, want := range []string{"Host lockbox\n  HostName 127.0.0.1\n  Port " + port + "\n", "Host db1.prod\n  ProxyJump lockbox\n", "  User support_nord\n", known} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	lines, err := os.ReadFile(known)
	must(t, err)
	want := "other.example ssh-ed25519 AAAA\n[127.0.0.1]:" + port + " " + sshconfig.Line(w.Keys.Host.PublicKey()) + "\n@cert-authority db1.prod " + sshconfig.Line(w.Keys.HostCA.PublicKey()) + "\n"
	if string(lines) != want {
		t.Errorf("got %q, want %q", lines, want)
	}
	var out, errs bytes.Buffer
	if code := Main(t.Context(), []string{"ssh-config", "mygw"}, &out, &errs); code != 0 || strings.Contains(out.String(), "HostName") || !strings.Contains(out.String(), "ProxyJump mygw") {
		t.Errorf("by a name of ssh_config: exit %d\n%s%s", code, out.String(), errs.String())
	}
	for _, bad := range []string{"-oProxyCommand=id", "me@gw", "gw:0", "gw:x", ""} {
		if code := Main(t.Context(), []string{"ssh-config", "--", bad}, &out, &errs); code != exitUsage {
			t.Errorf("%q: exit %d", bad, code)
		}
	}
}

// An answer ends up where ssh does as it reads.
func TestSSHConfigTakesNoOrdersFromAGateway(t *testing.T) {
	dir := t.TempDir()
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIZ1IpiVj5rYHmFA6iFoEPk4Yl5vUCl5kXhUnIZJVXUq"
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for rule, answer := range map[string]string{
		"a target and an order": `{"host":"h","port":22,"host_key":"` + key + `","host_ca":"","targets":[{"target":"a.b\n  ProxyCommand id","login":""}]}`,
		"a login and an order":  `{"host":"h","port":22,"host_key":"` + key + `","host_ca":"","targets":[{"target":"a.b","login":"x\n  ProxyCommand id"}]}`,
		"every host":            `{"host":"h","port":22,"host_key":"` + key + `","host_ca":"` + key + `","targets":[{"target":"*","login":""}]}`,
		"a field that is new":   `{"host":"h","port":22,"host_key":"` + key + `","host_ca":"","targets":[],"config":"Host *"}`,
		"no answer":             `hello`,
	} {
		script := "#!/bin/sh\n[ \"$1\" = -G ] && { echo hostname gw.example; echo port 22; exit; }\ncat <<'END'\n" + answer + "\nEND\n"
		must(t, os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700))
		var out, errs bytes.Buffer
		if code := Main(t.Context(), []string{"ssh-config", "gw.example"}, &out, &errs); code != exitUnavailable || out.Len() > 0 {
			t.Errorf("%s: exit %d\n%s%s", rule, code, out.String(), errs.String())
		}
	}
}
