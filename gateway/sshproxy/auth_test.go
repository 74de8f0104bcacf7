package sshproxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"lockbox/policy"
	"lockbox/tests/e2e/harness"
)

func TestA01NobodyComesInWithoutAKey(t *testing.T) {
	h, target := stubHouse(t, echo)
	config, err := h.Door.config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if config.NoClientAuth {
		t.Error("the configuration lets in clients without authentication")
	}
	for what, auth := range map[string][]ssh.AuthMethod{
		"nothing":              nil,
		"a password":           {ssh.Password("")},
		"keyboard-interactive": {ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return nil, nil })},
		"an unknown key":       {ssh.PublicKeys(newSigner(t))},
	} {
		c := h.clientConfig("db1.prod")
		c.Auth = auth
		if conn, err := ssh.Dial("tcp", h.Addr, c); err == nil {
			_ = conn.Close()
			t.Errorf("%s: came in", what)
		} else if !strings.Contains(err.Error(), "no supported methods remain") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if conns, _, _ := target.counts(); conns != 0 {
		t.Errorf("%d connections to the target", conns)
	}
}

func TestA01AConfigurationThatLetsAnybodyInIsRefused(t *testing.T) {
	h, _ := stubHouse(t, echo)
	for what, spoil := range map[string]func(*ssh.ServerConfig){
		"no authentication": func(c *ssh.ServerConfig) { c.NoClientAuth = true },
		"passwords": func(c *ssh.ServerConfig) {
			c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }
		},
		"no proof of the key": func(c *ssh.ServerConfig) { c.VerifiedPublicKeyCallback = nil },
		"nobody to refuse":    func(c *ssh.ServerConfig) { c.NoClientAuthCallback = nil },
		"the library's lists": func(c *ssh.ServerConfig) { c.MACs = nil },
		"keyboard-interactive": func(c *ssh.ServerConfig) {
			c.KeyboardInteractiveCallback = func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) { return nil, nil }
		},
	} {
		c, err := h.Door.config(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		spoil(c)
		if sound(c) == nil {
			t.Errorf("%s: taken", what)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Door{Report: func(error) {}}).Serve(t.Context(), l); err == nil {
		t.Error("a door without a host key opens")
	}
}

// A mute key is offered, and cannot sign.
type mute struct {
	agent.ExtendedAgent
	silent []byte
}

func (m mute) SignWithFlags(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	if bytes.Equal(key.Marshal(), m.silent) {
		return nil, errors.New("no")
	}
	return m.ExtendedAgent.SignWithFlags(key, data, flags)
}

// serveAgent gives the path of an agent's socket.
func serveAgent(t *testing.T, a agent.Agent) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(a, c) }()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		_ = os.RemoveAll(dir)
	})
	return path
}

func TestA02A03AKeyThatIsOnlyOfferedIsNobody(t *testing.T) {
	h := newHouse(t)
	mine, theirs := harness.NewIdentity(t), harness.NewIdentity(t)
	h.addKey(t, h.Eng, mine)
	h.addKey(t, h.Mate, theirs) // known, but only its public half is here
	ring := agent.NewKeyring().(agent.ExtendedAgent)
	for _, i := range []harness.Identity{theirs, mine} {
		if err := ring.Add(agent.AddedKey{PrivateKey: i.Key}); err != nil {
			t.Fatal(err)
		}
	}
	c := h.openSSH(t, harness.NewIdentity(t))
	cmd := []string{"-o", "IdentitiesOnly=no", "-o", "IdentityAgent=" + serveAgent(t, mute{ring, theirs.Public(t).Marshal()})}
	got := c.Run("", append(cmd, append(harness.To("cli", h.Addr), "request", "db1.prod", "--customer", "nord", "--code", "outage", "--reason", "who am I here?")...)...)
	if got.Code != 0 {
		t.Fatalf("exit %d: %s", got.Code, got.Stderr)
	}
	for who, want := range map[string]int{h.Eng.ID: 1, h.Mate.ID: 0} {
		all, err := h.Desk.Mine(t.Context(), who)
		if err != nil || len(all) != want {
			t.Errorf("%s has %d requests, want %d (%v)", who, len(all), want, err)
		}
	}
	if err := ring.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if err := ring.Add(agent.AddedKey{PrivateKey: theirs.Key}); err != nil {
		t.Fatal(err)
	}
	if got := c.Run("", append(cmd, append(harness.To("cli", h.Addr), "status")...)...); got.Code != 255 || !strings.Contains(got.Stderr, "Permission denied") {
		t.Errorf("a public key alone: exit %d, %q", got.Code, got.Stderr)
	}
}

func TestTheUserNameSaysNothingAboutWhoItIs(t *testing.T) {
	h := newHouse(t)
	for _, user := range []string{"root", h.Mate.ID, "mate", "cli"} {
		if got := run(t, h.dial(t, user, h.Eng), "status --json"); user == h.Mate.ID {
			if got.Status != 255 || !strings.Contains(got.Stderr, `"code":"LBX-TARGET"`) { // a dotted name is a target, never the command line
				t.Errorf("as %s: got %+v", user, got)
			}
		} else if got.Status != 0 || got.Stdout != "[]\n" {
			t.Errorf("as %s: got %+v", user, got)
		}
	}
}

func TestA05TheLibraryIsNewEnough(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var minor, patch int
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), "golang.org/x/crypto v0.%d.%d", &minor, &patch); n == 2 {
			if minor < 56 {
				t.Errorf("x/crypto v0.%d.%d: at least v0.56 is needed", minor, patch)
			}
			return
		}
	}
	t.Error("go.mod names no x/crypto")
}

func TestA07A08NoCertificateComesIn(t *testing.T) {
	h, target := stubHouse(t, echo)
	year := func(c *ssh.Certificate) {
		c.ValidAfter, c.ValidBefore = uint64(time.Now().Add(-time.Hour).Unix()), uint64(time.Now().Add(time.Hour).Unix())
	}
	other := newSigner(t)
	for what, make := range map[string]func(*ssh.Certificate) ssh.Signer{
		"of the people CA":   func(*ssh.Certificate) ssh.Signer { return h.Keys.PeopleCA },
		"of the target CA":   func(*ssh.Certificate) ssh.Signer { return h.Keys.TargetCA },
		"of the host key":    func(*ssh.Certificate) ssh.Signer { return h.Keys.Host },
		"of an unknown CA":   func(*ssh.Certificate) ssh.Signer { return other },
		"without principals": func(c *ssh.Certificate) ssh.Signer { c.ValidPrincipals = nil; return h.Keys.PeopleCA },
		"without a touch": func(c *ssh.Certificate) ssh.Signer {
			c.Extensions = map[string]string{"no-touch-required": ""}
			return h.Keys.PeopleCA
		},
		"signed by a person's key": func(*ssh.Certificate) ssh.Signer { return h.Eng.SSH },
	} {
		cert := &ssh.Certificate{Key: h.Eng.SSH.PublicKey(), CertType: ssh.UserCert, KeyId: h.Eng.ID, ValidPrincipals: []string{h.Eng.ID, "cli"}}
		year(cert)
		if err := cert.SignCert(rand.Reader, make(cert)); err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewCertSigner(cert, h.Eng.SSH)
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range []string{"cli", "db1.prod", h.Eng.ID} {
			if c, err := ssh.Dial("tcp", h.Addr, h.clientConfig(user, s)); err == nil {
				_ = c.Close()
				t.Errorf("a certificate %s came in as %s", what, user)
			}
		}
	}
	if conns, _, _ := target.counts(); conns != 0 {
		t.Errorf("%d connections to the target", conns)
	}
}

func TestA30WeakAndHugeKeysAreNotLookedUp(t *testing.T) {
	for _, c := range []struct {
		bits uint
		ok   bool
	}{{2048, false}, {3071, false}, {3072, true}, {4096, true}, {4097, false}, {16384, false}} {
		k, err := ssh.NewPublicKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), int(c.bits)-1, 1), E: 65537})
		if err != nil {
			t.Fatal(err)
		}
		if got := fit(k) == nil; got != c.ok {
			t.Errorf("RSA of %d bits: taken %v, want %v", c.bits, got, c.ok)
		}
	}
}

// people stands before the directory.
type people struct {
	People
	before func(ssh.PublicKey)
}

func (p people) BySSHKey(ctx context.Context, k ssh.PublicKey) (policy.Principal, error) {
	p.before(k)
	return p.People.BySSHKey(ctx, k)
}
