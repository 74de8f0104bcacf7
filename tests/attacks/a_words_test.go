package attacks

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/gateway/sshproxy"
	"lockbox/tests/world"
)

// TestA24 compares what is answered to whom, and how fast. Names say nothing:
// there is none that is known. Whether a key is known the protocol itself tells
// to who has its public half (PK_OK), but not whether it was known once.
func TestA24NobodyLearnsWhoExists(t *testing.T) {
	f := newPorch(t)
	gone := f.Enrol(t, invite("gone@x.eu"), true)
	f.Confirm(t, f.Cto, gone)
	must(t, f.People.RemoveSSHKey(t.Context(), gone.ID, ssh.FingerprintSHA256(gone.SSH.PublicKey())))
	stranger := newKey(t).PublicKey()
	malformed := blob(ssh.KeyAlgoED25519, []byte{1})
	attempts := map[string][]byte{
		"a target, nobody's key": offer("db1.prod", stranger), "no target, nobody's key": offer("db9.prod", stranger),
		"a person, nobody's key": offer(f.Eng.ID, stranger), "nobody, nobody's key": offer("eve@x.eu", stranger),
		"a person, a key that was removed": offer(gone.ID, gone.SSH.PublicKey()),
		"a target, no key at all":          offerBlob("db1.prod", ssh.KeyAlgoED25519, malformed), "no target, no key at all": offerBlob("db9.prod", ssh.KeyAlgoED25519, malformed),
		"a target, a password": text(append(request("db1.prod", "password"), 0), "x"), "no target, a password": text(append(request("db9.prod", "password"), 0), "x"),
	}
	took := map[string][]float64{}
	failure := append(text([]byte{msgAuthFailure}, "publickey"), 0)
	for range 60 {
		r := greeted(t, f.addr, true)
		for range 2 { // not first on a connection always
			for what, p := range attempts { // in any order
				from := time.Now()
				kind, answer := r.ask(p)
				took[what] = append(took[what], float64(time.Since(from)))
				if kind != msgAuthFailure || !bytes.Equal(answer, failure) {
					t.Fatalf("%s: got %d %q", what, kind, answer)
				}
			}
		}
		_ = r.Close()
	}
	for _, pair := range [][2]string{
		{"a target, nobody's key", "no target, nobody's key"}, {"a person, nobody's key", "nobody, nobody's key"},
		{"a person, a key that was removed", "a person, nobody's key"}, {"a target, no key at all", "no target, no key at all"},
		{"a target, a password", "no target, a password"},
	} {
		d := apart(took[pair[0]], took[pair[1]])
		t.Logf("%s | %s: %.2f", pair[0], pair[1], d)
		if d > 0.5 { // 0.21 is p = 0.01 for 120 each; what can be told apart has nearly 1
			t.Errorf("%q and %q can be told apart by time: %.2f", pair[0], pair[1], d)
		}
	}
}

// apart is the statistic of Kolmogorov and Smirnov: how far two distributions are from each other, 0 to 1.
func apart(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	most := 0.0
	for _, at := range append(slices.Clone(a), b...) {
		i, _ := slices.BinarySearch(a, math.Nextafter(at, math.Inf(1)))
		j, _ := slices.BinarySearch(b, math.Nextafter(at, math.Inf(1)))
		most = max(most, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return most
}

func TestA43ANameIsNoTextForATerminal(t *testing.T) {
	f := newPorch(t)
	const evil = "\x1b]0;owned\x07\x1b[2J\r\n\u202eroot\u0085"
	for _, user := range []string{evil + "%db1.prod", "x%" + evil + ".prod", evil, strings.Repeat("å", 4_000) + ".prod", "\x00.prod", "%\xff\xfe."} {
		c, err := f.login("", user, f.Eng.SSH)
		if err != nil {
			t.Errorf("%.20q: %v", user, err)
			continue
		}
		for _, terminal := range []bool{true, false} {
			s, err := c.NewSession()
			must(t, err)
			if terminal {
				must(t, s.RequestPty("xterm", 24, 80, nil))
			}
			both, _ := s.CombinedOutput("true") // refused
			said := string(both)
			if said == "" || strings.Contains(said, "owned\x07") || strings.Contains(said, "[2J\r") || strings.ContainsAny(said, "\u202e\u0085\x00") || len(said) > 4096 {
				t.Errorf("%.20q, terminal %v: is told %.300q", user, terminal, said)
			}
			if !terminal && strings.ContainsAny(said, "\x1b\r\x07") {
				t.Errorf("%.20q: is told %.300q", user, said)
			}
		}
		_ = c.Close()
	}
	if kind, answer := greeted(t, f.addr, true).ask(request(evil, "none")); kind != msgAuthFailure || bytes.Contains(answer, []byte("owned")) { // no banner
		t.Errorf("before one is known: got %d %q", kind, answer)
	}
}

func TestA44AKeyThatIsUploadedIsReadFast(t *testing.T) {
	w := newWorld(t)
	for what, line := range map[string]string{
		"10 MiB": strings.Repeat("A", 10<<20), "10 MiB of options": strings.Repeat(`a="b",`, 10<<20/6) + " ssh-ed25519 AAAA", "an open quote": `command="` + strings.Repeat(`\"`, 5<<20),
		"spaces": strings.Repeat(" ", 10<<20), "lines": strings.Repeat("\n", 10<<20), "base64": "ssh-ed25519 " + strings.Repeat("QUFB", 2<<20),
		"options": `from="*",no-pty ` + line(w.Eng), "two keys": line(w.Eng) + "\n" + line(w.Mate), "nothing": "",
	} {
		from := time.Now()
		if _, err := w.People.BeginSSHKey(t.Context(), w.Eng.ID, line); err == nil {
			t.Errorf("%s: taken", what)
		}
		if took := time.Since(from); took > 50*time.Millisecond {
			t.Errorf("%s: it took %s", what, took)
		}
	}
}

func TestA45WithoutItsHostKeyTheDoorStaysShut(t *testing.T) {
	for what, spoil := range map[string]func(file string) error{
		"missing": os.Remove, "empty": func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"for all to read": func(f string) error { return os.Chmod(f, 0o644) },
		"rubbish":         func(f string) error { return os.WriteFile(f, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"), 0o600) },
		"a folder":        func(f string) error { return errorsOf(os.Remove(f), os.Mkdir(f, 0o700)) },
	} {
		dir := filepath.Join(t.TempDir(), "keys")
		_, err := keys.Create(dir, world.Log)
		must(t, err)
		host, err := filepath.Glob(filepath.Join(dir, "host"))
		if err != nil || len(host) != 1 {
			t.Fatalf("got %v, %v", host, err)
		}
		must(t, spoil(host[0]))
		if _, err := keys.Load(dir); err == nil {
			t.Errorf("a host key that is %s is loaded", what)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	if err := (&sshproxy.Door{Keys: &keys.Ring{}, Report: func(error) {}}).Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), "host key") {
		t.Errorf("a door without a host key: %v", err)
	}
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return fmt.Errorf("spoil: %w", err)
		}
	}
	return nil
}

// TestA05A06 holds the library to what certificates of ours rest on.
func TestA05A06WhatACallbackLimitsTheLibraryKeeps(t *testing.T) {
	key := newKey(t)
	limited := &ssh.Permissions{CriticalOptions: map[string]string{"source-address": "10.0.0.0/8"}}
	pass := &ssh.Permissions{}
	for what, c := range map[string]*ssh.ServerConfig{
		"offered": {PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return limited, nil }},
		"verified": {
			PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return pass, nil },
			VerifiedPublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey, *ssh.Permissions, string) (*ssh.Permissions, error) {
				return limited, nil
			},
		},
		"a first step with limits": {
			PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return pass, nil },
			VerifiedPublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey, *ssh.Permissions, string) (*ssh.Permissions, error) {
				return limited, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return pass, nil }}}
			},
		},
	} {
		c.AddHostKey(newKey(t))
		l := listen(t)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				_, _, _, err = ssh.NewServerConn(conn, c)
			}
			if err == nil {
				t.Errorf("%s: came in", what)
			}
		}()
		conn, err := ssh.Dial("tcp", l.Addr().String(), &ssh.ClientConfig{
			User: "x", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { return nil }, Timeout: 5 * time.Second,
		})
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s: came in from elsewhere", what)
		}
	}
}
