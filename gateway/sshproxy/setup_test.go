package sshproxy

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func setupOf(t *testing.T) Setup {
	return Setup{
		Host: "gw.example.eu", Port: 2222, HostKey: authorized(newSigner(t).PublicKey()), HostCA: authorized(newSigner(t).PublicKey()),
		Targets: []SetupTarget{{"db1.prod", "support_nord"}, {"db2.prod", ""}},
	}
}

func TestASetupIsReadByOpenSSH(t *testing.T) {
	s := setupOf(t)
	for _, locale := range []string{"", "da_DK.UTF-8"} {
		text, err := s.Config(locale, SetupNames{Gateway: "gw", Identity: "/home/a b/100%/id", Known: "/x/known hosts"})
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
		s.Targets = append([]SetupTarget{}, good.Targets...)
		change(&s)
		if s.Valid() == nil {
			t.Errorf("%s is valid", rule)
		}
	}
	for rule, n := range map[string]SetupNames{
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
	good, err := json.Marshal(Setup{Host: "gw", Port: 22, HostKey: key, HostCA: key, Targets: []SetupTarget{{"a.b", "c"}}})
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
		config, err := s.Config("", SetupNames{Gateway: "lockbox"})
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

func TestTheGatewayTellsWhatClientsNeed(t *testing.T) {
	h, _ := stubHouse(t, echo)
	p := *h.Policy()
	hidden := *p.Targets["db1.prod"]
	hidden.Name, hidden.Labels = "db9.secret", nil
	p.Targets["db9.secret"] = &hidden
	h.SetPolicy(&p)
	c := h.dial(t, "me", h.Eng)
	var s Setup
	got := run(t, c, "ssh-config --json")
	if err := json.Unmarshal([]byte(got.Stdout), &s); err != nil || got.Status != 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if len(s.Targets) != 1 || s.Targets[0] != (SetupTarget{"db1.prod", "support_nord"}) || s.Host != "localhost" || knownhosts.Normalize(h.Addr) == "" {
		t.Errorf("got %+v", s)
	}
	text := run(t, c, "ssh-config --gateway gw.example.eu:2200", "LANG=da_DK.UTF-8").Stdout
	for _, want := range []string{"# Til ~/.ssh/config", "  HostName gw.example.eu\n  Port 2200\n", "Host db1.prod\n  ProxyJump lockbox\n", "@cert-authority db1.prod " + s.HostCA, "[gw.example.eu]:2200 " + s.HostKey} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Errorf("it names what is hidden:\n%s", text)
	}
	for _, bad := range []string{"ssh-config x", "ssh-config --gateway -oProxyCommand=x", "ssh-config --gateway a:0", "ssh-config --gateway"} {
		if got := run(t, c, bad); got.Status != 2 {
			t.Errorf("%s: got %+v", bad, got)
		}
	}
}
