package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func freshKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	k, err := ssh.NewPublicKey(pub)
	ok(t, err)
	return k
}

func ask(t *testing.T) CertAsk {
	return CertAsk{Pub: freshKey(t), Login: "deploy", Source: "127.0.0.1", KeyID: "lockbox 7KQM", Now: noon}
}

func TestATargetCertificateIsForOneLoginFromOnePlaceForMinutes(t *testing.T) {
	r, _ := newRing(t)
	c, err := r.TargetCert(ask(t))
	ok(t, err)
	if c.CertType != ssh.UserCert || len(c.ValidPrincipals) != 1 || c.ValidPrincipals[0] != "deploy" || c.KeyId != "lockbox 7KQM" {
		t.Errorf("got %+v", c)
	}
	if got, want := int64(c.ValidAfter), noon.Add(-30*time.Second).Unix(); got != want {
		t.Errorf("valid after %d, want %d", got, want)
	}
	if got, want := int64(c.ValidBefore), noon.Add(5*time.Minute).Unix(); got != want {
		t.Errorf("valid before %d, want %d", got, want)
	}
	if len(c.CriticalOptions) != 1 || c.CriticalOptions["source-address"] != "127.0.0.1" || len(c.Extensions) != 0 {
		t.Errorf("got %v, %v", c.CriticalOptions, c.Extensions)
	}
	if !bytes.Equal(c.SignatureKey.Marshal(), r.TargetCA.PublicKey().Marshal()) {
		t.Error("another key signed it")
	}
	again, err := r.TargetCert(ask(t))
	ok(t, err)
	if again.Serial == c.Serial {
		t.Error("two certificates have one serial")
	}
}

// The certificate is shown to the library's own checker, which does as sshd does.
func TestWhoTakesATargetCertificate(t *testing.T) {
	r, _ := newRing(t)
	c, err := r.TargetCert(ask(t))
	ok(t, err)
	for _, v := range []struct {
		name  string
		ca    ssh.Signer
		login string
		from  string
		at    time.Duration
		want  bool
	}{
		{"the target", r.TargetCA, "deploy", "127.0.0.1", 0, true},
		{"a target whose clock is behind", r.TargetCA, "deploy", "127.0.0.1", -29 * time.Second, true},
		{"before its time", r.TargetCA, "deploy", "127.0.0.1", -31 * time.Second, false},
		{"after its time", r.TargetCA, "deploy", "127.0.0.1", 5*time.Minute + time.Second, false},
		{"another login", r.TargetCA, "root", "127.0.0.1", 0, false},
		{"from another place", r.TargetCA, "deploy", "127.0.0.2", 0, false},
		{"who trusts the people CA", r.PeopleCA, "deploy", "127.0.0.1", 0, false},
		{"who trusts the host key", r.Host, "deploy", "127.0.0.1", 0, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			checker := ssh.CertChecker{
				IsUserAuthority: func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), v.ca.PublicKey().Marshal()) },
				Clock:           func() time.Time { return noon.Add(v.at) },
			}
			perms, err := checker.Authenticate(conn{v.login, v.from}, c)
			if err == nil && perms.CriticalOptions["source-address"] != v.from {
				err = ssh.ErrNoAuth
			}
			if (err == nil) != v.want {
				t.Errorf("got %v, want taken: %v", err, v.want)
			}
		})
	}
}

type conn struct{ login, from string }

func (c conn) User() string          { return c.login }
func (c conn) SessionID() []byte     { return nil }
func (c conn) ClientVersion() []byte { return nil }
func (c conn) ServerVersion() []byte { return nil }
func (c conn) RemoteAddr() net.Addr  { return &net.TCPAddr{IP: net.ParseIP(c.from), Port: 1} }
func (c conn) LocalAddr() net.Addr   { return &net.TCPAddr{} }

func TestWhatATargetCertificateMayNotBe(t *testing.T) {
	r, _ := newRing(t)
	inner, err := r.TargetCert(ask(t))
	ok(t, err)
	for _, c := range []struct {
		name   string
		change func(*CertAsk)
		want   string // "" is signed
	}{
		{"as it is", func(*CertAsk) {}, ""},
		{"a minute", func(a *CertAsk) { a.For = time.Minute }, ""},
		{"a network", func(a *CertAsk) { a.Source = "10.0.0.0/8" }, ""},
		{"IPv6", func(a *CertAsk) { a.Source = "2001:db8::1" }, ""},
		{"a terminal", func(a *CertAsk) { a.Extensions = []string{"permit-pty"} }, ""},
		{"no login", func(a *CertAsk) { a.Login = "" }, "login"},
		{"two logins", func(a *CertAsk) { a.Login = "deploy,root" }, "login"},
		{"a login and a space", func(a *CertAsk) { a.Login = "root " }, "login"},
		{"a login and a new line", func(a *CertAsk) { a.Login = "root\n" }, "login"},
		{"a login and a NUL", func(a *CertAsk) { a.Login = "root\x00" }, "login"},
		{"a look-alike", func(a *CertAsk) { a.Login = "rооt" }, "login"},
		{"a pattern", func(a *CertAsk) { a.Login = "*" }, "login"},
		{"an option", func(a *CertAsk) { a.Login = "-oX" }, "login"},
		{"a long login", func(a *CertAsk) { a.Login = strings.Repeat("a", 65) }, "login"},
		{"no source", func(a *CertAsk) { a.Source = "" }, "source"},
		{"a host name", func(a *CertAsk) { a.Source = "localhost" }, "source"},
		{"two sources", func(a *CertAsk) { a.Source = "127.0.0.1,10.0.0.1" }, "source"},
		{"anywhere", func(a *CertAsk) { a.Source = "0.0.0.0/0" }, "source"},
		{"anywhere in IPv6", func(a *CertAsk) { a.Source = "::" }, "source"},
		{"a zone", func(a *CertAsk) { a.Source = "fe80::1%eth0" }, "source"},
		{"no key id", func(a *CertAsk) { a.KeyID = "" }, "key id"},
		{"a key id of two lines", func(a *CertAsk) { a.KeyID = "a\nb" }, "key id"},
		{"six minutes", func(a *CertAsk) { a.For = 6 * time.Minute }, "life"},
		{"no time at all", func(a *CertAsk) { a.For = -time.Minute }, "life"},
		{"no clock", func(a *CertAsk) { a.Now = time.Time{} }, "no time"},
		{"no key", func(a *CertAsk) { a.Pub = nil }, "no key"},
		{"a certificate as key", func(a *CertAsk) { a.Pub = inner }, "certificate itself"},
		{"the gateway's host key", func(a *CertAsk) { a.Pub = r.Host.PublicKey() }, "own"},
		{"the CA's key", func(a *CertAsk) { a.Pub = r.TargetCA.PublicKey() }, "own"},
		{"a file that runs at login", func(a *CertAsk) { a.Extensions = []string{"permit-user-rc"} }, "extension"},
		{"no touch", func(a *CertAsk) { a.Extensions = []string{"no-touch-required"} }, "extension"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ask(t)
			c.change(&a)
			cert, err := r.TargetCert(a)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, %v, want it to say %q", cert, err, c.want)
			}
		})
	}
}

// TestNamesAreWhatTheirFormsSay holds what checks each name against the form it is to have, byte by byte.
func TestNamesAreWhatTheirFormsSay(t *testing.T) {
	for _, c := range []struct {
		form string
		is   func(string) bool
		most int
	}{
		{`\A[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\z`, isLogin, 64},
		{`\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}\z`, isHost, 253},
		{`\A[ -~]{1,512}\z`, isKeyID, 512},
	} {
		form := regexp.MustCompile(c.form)
		all := []string{"", strings.Repeat("a", c.most), strings.Repeat("a", c.most+1), "rооt", "a\xffb"}
		for b := range 256 {
			all = append(all, string([]byte{byte(b)}), string([]byte{'a', byte(b)}), string([]byte{'a', byte(b), 'z'}))
		}
		for _, s := range all {
			if got, want := c.is(s), form.MatchString(s); got != want {
				t.Errorf("%q is %s: got %v, want %v", s, c.form, got, want)
			}
		}
	}
}

func ecdsaPEM(t *testing.T) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	b, err := ssh.MarshalPrivateKey(k, "")
	ok(t, err)
	return string(pem.EncodeToMemory(b))
}

func lockedPEM(t *testing.T) string {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	b, err := ssh.MarshalPrivateKeyWithPassphrase(k, "", []byte("correct horse"))
	ok(t, err)
	return string(pem.EncodeToMemory(b))
}
