package sshproxy

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// loggedIn is a new key that stands for somebody from 127.0.0.1, as OpenSSH has it.
func (h *house) loggedIn(t *testing.T, who *world.Human) harness.Identity {
	t.Helper()
	i := harness.NewIdentity(t)
	i.Cert = h.LogIn(t, who, i.Public(t), "127.0.0.1", 0)
	return i
}

func (h *house) ssh(t *testing.T, c *harness.Client, more ...string) harness.Result {
	t.Helper()
	return c.Run("", append(harness.To(login, h.Addr), more...)...)
}

func (h *house) freshFor(fresh time.Duration) {
	p := *h.Policy()
	p.Rules = append([]policy.Rule(nil), p.Rules...)
	for i := range p.Rules {
		p.Rules[i].Fresh = fresh
	}
	h.SetPolicy(&p)
}

// TestALoginOpensSessionsWithoutAnotherTouch: C3, with OpenSSH in batch mode.
func TestALoginOpensSessionsWithoutAnotherTouch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Grant(t, h.Eng, time.Hour)
	i := h.loggedIn(t, h.Eng)
	c := h.openSSH(t, i)
	if got := h.ssh(t, c, "echo in; exit 7"); got.Code != 7 || got.Stdout != "in\n" || got.Stderr != "" {
		t.Errorf("got %+v", got)
	}
	raw := h.openSSH(t, harness.Identity{Key: i.Key})
	if got := h.ssh(t, raw, "true"); got.Code != 255 || !strings.Contains(got.Stderr, "Permission denied") {
		t.Errorf("the key without its certificate: %+v", got)
	}
	elsewhere := h.ssh(t, c, "-b", "127.0.0.2", "-o", "LogLevel=INFO", "true")
	if elsewhere.Code != 255 || !strings.Contains(elsewhere.Stderr, "counts from 127.0.0.1 only, and you come from 127.0.0.2") || !strings.Contains(elsewhere.Stderr, "gælder kun fra") {
		t.Errorf("from elsewhere: %+v", elsewhere)
	}
	h.freshFor(time.Nanosecond)
	if got := h.ssh(t, c, "true"); got.Code == 0 || !strings.Contains(got.Stderr, `"code":"LBX-TOUCH"`) {
		t.Errorf("when the touch is not fresh any more: %+v", got)
	}
	h.freshFor(15 * time.Minute)
	if err := h.People.EndLogin(t.Context(), h.Eng.ID, ssh.FingerprintSHA256(i.Public(t))); err != nil {
		t.Fatal(err)
	}
	if got := h.ssh(t, c, "-o", "LogLevel=INFO", "true"); got.Code != 255 || !strings.Contains(got.Stderr, "your login was ended; run `lockbox login` again") {
		t.Errorf("after the logout: %+v", got)
	}
}

// TestALoginThatEndsTakesItsSessionsWithIt within a second, on both ways in.
func TestALoginThatEndsTakesItsSessionsWithIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Grant(t, h.Eng, time.Hour)
	for _, through := range []bool{false, true} {
		i := h.loggedIn(t, h.Eng)
		user := login
		if through {
			user = "me"
		}
		c, err := ssh.Dial("tcp", h.Addr, h.clientConfig(user, i.Signer(t)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		in := c
		if through {
			in = h.through(t, c, "support_nord", i.Signer(t))
		}
		s, err := in.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.StdoutPipe()
		if err == nil {
			err = s.Start("echo in; cat")
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := h.People.EndLogin(t.Context(), h.Eng.ID, ssh.FingerprintSHA256(i.Public(t))); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		if took := time.Since(began); took > time.Second {
			t.Errorf("through %v: it lasted %s after the logout", through, took)
		}
		if got := run(t, in, "true"); got.Status == 0 {
			t.Errorf("through %v: the connection that is open lets in again: %+v", through, got)
		}
	}
}

// A soft is an sk- key (PROTOCOL.u2f) without a device: flags is what it says of who was there.
type soft struct {
	key   ed25519.PrivateKey
	flags byte
}

const (
	present  = 0x01
	verified = 0x04
	app      = "ssh:"
)

func (s soft) PublicKey() ssh.PublicKey {
	k, err := ssh.ParsePublicKey(ssh.Marshal(struct{ Type, Key, App string }{
		ssh.KeyAlgoSKED25519, string(s.key.Public().(ed25519.PublicKey)), app,
	}))
	if err != nil {
		panic(err)
	}
	return k
}

func (s soft) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	where, what := sha256.Sum256([]byte(app)), sha256.Sum256(data)
	said := binary.BigEndian.AppendUint32([]byte{s.flags}, 0) // a counter that never counts
	message := append(append(where[:], said...), what[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(s.key, message), Rest: said}, nil
}

// TestA10A11ASecurityKeyCountsWithAPasskeyTouchElsewhere: an sk- key somebody
// touched, and a fresh passkey touch of its person at another terminal. That the
// key itself verified somebody is never believed: with no passkey touch it is
// not enough, whatever its flags say; without presence it opens nothing.
func TestA10A11ASecurityKeyCountsWithAPasskeyTouchElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ask, err := h.People.BeginSSHKey(t.Context(), h.Eng.ID, string(ssh.MarshalAuthorizedKey(soft{key: key}.PublicKey())))
	if err == nil {
		_, err = h.People.AddSSHKey(t.Context(), ask.ID, h.Eng.Answer(t, ask.Options))
	}
	if err != nil {
		t.Fatal(err)
	}
	h.Grant(t, h.Eng, time.Hour)
	enters := func(s ssh.Signer) (string, error) { // "" when it does
		c, err := ssh.Dial("tcp", h.Addr, h.clientConfig(login, s))
		if err != nil {
			return "", err
		}
		defer c.Close()
		return run(t, c, "true").Stderr, nil
	}
	for _, flags := range []byte{0, verified} {
		if _, err := enters(soft{key, flags}); err == nil {
			t.Errorf("A10: with the flags %#x it opens the door", flags)
		}
	}
	if got, err := enters(soft{key, present | verified}); err != nil || !strings.Contains(got, "LBX-TOUCH") {
		t.Errorf("A11: without a passkey touch: %q, %v", got, err)
	}
	k := h.knock(h.Eng, "support_nord")
	k.From = netip.MustParseAddr("127.0.0.9") // at another terminal
	a, err := h.Gateway.Enter(t.Context(), k)
	if err != nil || a.Verdict != policy.Prove {
		t.Fatalf("got %v %q, %v", a.Verdict, a.Why, err)
	}
	h.Touch(t, h.Eng, a.Terminal)
	if got, err := enters(soft{key, present}); err != nil || got != "" {
		t.Errorf("after a touch at another terminal: %q, %v", got, err)
	}
	if got, err := enters(h.Eng.SSH); err != nil || !strings.Contains(got, "LBX-TOUCH") {
		t.Errorf("any other key: %q, %v", got, err)
	}
	h.freshFor(time.Nanosecond)
	if got, err := enters(soft{key, present}); err != nil || !strings.Contains(got, "LBX-TOUCH") {
		t.Errorf("when the touch is not fresh: %q, %v", got, err)
	}
}

// TestA10NoCertificateWaivesTheTouch: not even one of the people CA.
func TestA10NoCertificateWaivesTheTouch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	waiver := &ssh.Certificate{
		Key: soft{key: key}.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{h.Eng.ID}, KeyId: "lockbox login of " + h.Eng.ID, ValidBefore: ssh.CertTimeInfinity,
		Permissions: ssh.Permissions{Extensions: map[string]string{"no-touch-required": ""}},
	}
	if err := waiver.SignCert(rand.Reader, h.Keys.PeopleCA); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewCertSigner(waiver, soft{key, 0})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ssh.Dial("tcp", h.Addr, h.clientConfig(login, s)); err == nil {
		_ = c.Close()
		t.Error("it opens the door")
	}
}

// TestACertificateOfTheOtherAuthorityOpensNothing: C2, what targets trust the door does not.
func TestACertificateOfTheOtherAuthorityOpensNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	i := h.loggedIn(t, h.Eng)
	for name, ca := range map[string]ssh.Signer{"target": h.Keys.TargetCA, "host": h.Keys.Host} {
		c := *i.Cert
		if err := c.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewCertSigner(&c, harness.Identity{Key: i.Key}.Signer(t))
		if err != nil {
			t.Fatal(err)
		}
		if conn, err := ssh.Dial("tcp", h.Addr, h.clientConfig(login, s)); err == nil {
			_ = conn.Close()
			t.Errorf("one of the %s key opens the door", name)
		}
	}
}
