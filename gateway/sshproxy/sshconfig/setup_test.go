package sshconfig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func newKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	raw, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func setupOf(t *testing.T) Setup {
	return Setup{
		Host: "gw.example.eu", Port: 2222, HostKey: Line(newKey(t)), HostCA: Line(newKey(t)),
		Targets: []Target{{"db1.prod", "support_nord"}, {"db2.prod", ""}},
	}
}

func TestASetupIsReadByOpenSSH(t *testing.T) {
	s := setupOf(t)
	for _, locale := range []string{"", "da_DK.UTF-8"} {
		text, err := s.Config(locale, Names{Gateway: "gw", Identity: "/home/a b/100%/id", Known: "/x/known hosts"})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for host, want := range map[string][]string{
			"gw":                {"hostname gw.example.eu", "port 2222", "user lockbox", "identityfile /home/a b/100%%/id", "userknownhostsfile /x/known hosts"},
			"db1.prod@gw":       {"hostname gw.example.eu", "user db1.prod"},
			"db1.prod":          {"hostname db1.prod", "port 22", "user support_nord", "proxyjump gw", "identitiesonly yes"},
			"deploy@db2.prod":   {"user deploy", "proxyjump gw"},
			"other.example.com": {"hostname other.example.com"},
		} {
			out, err := exec.Command("ssh", "-G", "-F", file, host).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, text)
			}
			for _, line := range want {
				if !strings.Contains("\n"+string(out), "\n"+line) {
					t.Errorf("%s: no line %q", host, line)
				}
			}
			if strings.Contains(string(out), "proxyjump") != strings.Contains(strings.Join(want, " "), "proxyjump") {
				t.Errorf("%s: got\n%s", host, out)
			}
		}
	}
}

func TestASetupIsOneLineForEachThing(t *testing.T) {
	good := setupOf(t)
	for rule, change := range map[string]func(*Setup){
		"host of two lines":   func(s *Setup) { s.Host = "gw\n  ProxyCommand id" },
		"host of two words":   func(s *Setup) { s.Host = "gw x" },
		"an option":           func(s *Setup) { s.Host = "-oProxyCommand=id" },
		"a token":             func(s *Setup) { s.Host = "%h" },
		"no host":             func(s *Setup) { s.Host = "" },
		"no port":             func(s *Setup) { s.Port = 0 },
		"a port too many":     func(s *Setup) { s.Port = 65536 },
		"a pattern":           func(s *Setup) { s.Targets[0].Name = "*" },
		"a negation":          func(s *Setup) { s.Targets[0].Name = "!db1.prod" },
		"two targets":         func(s *Setup) { s.Targets[0].Name = "a.b c.d" },
		"a target and a line": func(s *Setup) { s.Targets[0].Name = "a.b\nHost *" },
		"login and a line":    func(s *Setup) { s.Targets[0].Login = "x\n  ProxyCommand id" },
		"login of two words":  func(s *Setup) { s.Targets[0].Login = "x y" },
		"no host key":         func(s *Setup) { s.HostKey = "" },
		"two host keys":       func(s *Setup) { s.HostKey += "\n" + s.HostKey },
		"a CA that is none":   func(s *Setup) { s.HostCA = "*" },
	} {
		s := good
		s.Targets = append([]Target{}, good.Targets...)
		change(&s)
		if s.Valid() == nil {
			t.Errorf("%s is valid", rule)
		}
	}
	for rule, n := range map[string]Names{
		"a path and a line": {Gateway: "gw", Known: "/a\n  ProxyCommand id"}, "a quote": {Gateway: "gw", Identity: `/a"b`}, "a variable": {Gateway: "gw", Known: "/${HOME}"},
		"a name and a line": {Gateway: "gw\nHost *"}, "a pattern": {Gateway: "*"}, "no name": {}, "an option": {Gateway: "-x"},
	} {
		if text, err := good.Config("", n); err == nil {
			t.Errorf("%s: got %q", rule, text)
		}
	}
}

func FuzzSetup(f *testing.F) {
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIZ1IpiVj5rYHmFA6iFoEPk4Yl5vUCl5kXhUnIZJVXUq"
	good, err := json.Marshal(Setup{Host: "gw", Port: 22, HostKey: key, HostCA: key, Targets: []Target{{"a.b", "c"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte(`"a.b"`), []byte(`"a.b\nHost *"`)))
	lines := regexp.MustCompile(`^(#[^\n]*|Host [a-z0-9._ -]+|  (HostName [A-Za-z0-9.:_-]+|Port \d+|User \S+|ServerAliveInterval 30|ProxyJump lockbox)|)$`)
	f.Fuzz(func(t *testing.T, text []byte) {
		var s, again Setup
		if json.Unmarshal(text, &s) != nil || s.Valid() != nil {
			return
		}
		config, err := s.Config("", Names{Gateway: "lockbox"})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(config, "\n") {
			if !lines.MatchString(line) {
				t.Errorf("%q is written", line)
			}
		}
		for _, line := range s.KnownHosts() {
			if _, _, _, _, rest, err := ssh.ParseKnownHosts([]byte(line)); err != nil || len(bytes.TrimSpace(rest)) > 0 || strings.Contains(line, "\n") {
				t.Errorf("%q is written: %v", line, err)
			}
		}
		if b, err := json.Marshal(s); err != nil || json.Unmarshal(b, &again) != nil || len(again.KnownHosts()) != len(s.KnownHosts()) {
			t.Errorf("%s is written back as %s", text, b)
		}
	})
}
