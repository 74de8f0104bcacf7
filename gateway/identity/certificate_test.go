package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestA08A09A10WhatACertificateMayNotSay: one with the right signature and a
// login behind it, but for one thing.
func TestA08A09A10WhatACertificateMayNotSay(t *testing.T) {
	w, d, e := logins(t)
	good := w.logIn(d, e.ID, 0)
	for name, change := range map[string]func(*ssh.Certificate){
		"A08 no principal":   func(c *ssh.Certificate) { c.ValidPrincipals = nil },
		"an empty principal": func(c *ssh.Certificate) { c.ValidPrincipals = []string{""} },
		"two principals":     func(c *ssh.Certificate) { c.ValidPrincipals = []string{e.ID, "ceo@example.eu"} },
		"the same one twice": func(c *ssh.Certificate) { c.ValidPrincipals = []string{e.ID, e.ID} },
		"somebody else": func(c *ssh.Certificate) {
			c.ValidPrincipals = []string{"ceo@example.eu"}
			c.KeyId = certID + "ceo@example.eu"
		},
		"A09 a comma":               func(c *ssh.Certificate) { c.ValidPrincipals = []string{e.ID + ",root"} },
		"A09 a space":               func(c *ssh.Certificate) { c.ValidPrincipals = []string{e.ID + " "} },
		"A09 a NUL":                 func(c *ssh.Certificate) { c.ValidPrincipals = []string{e.ID + "\x00"} },
		"A09 a look-alike":          func(c *ssh.Certificate) { c.ValidPrincipals = []string{"еng@example.eu"} },
		"A09 64 KiB":                func(c *ssh.Certificate) { c.ValidPrincipals = []string{strings.Repeat("a", 64<<10) + "@x.eu"} },
		"A10 no touch required":     func(c *ssh.Certificate) { c.Extensions = map[string]string{"no-touch-required": ""} },
		"any extension":             func(c *ssh.Certificate) { c.Extensions = map[string]string{"permit-pty": ""} },
		"no source":                 func(c *ssh.Certificate) { c.CriticalOptions = nil },
		"a wider source":            func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "203.0.113.0/24"} },
		"two sources":               func(c *ssh.Certificate) { c.CriticalOptions["source-address"] += ",198.51.100.1" },
		"another option":            func(c *ssh.Certificate) { c.CriticalOptions["force-command"] = "true" },
		"for ever":                  func(c *ssh.Certificate) { c.ValidBefore = ssh.CertTimeInfinity },
		"longer than was signed":    func(c *ssh.Certificate) { c.ValidBefore += 3600 },
		"shorter than was signed":   func(c *ssh.Certificate) { c.ValidBefore-- },
		"never":                     func(c *ssh.Certificate) { c.ValidBefore = c.ValidAfter },
		"a host's":                  func(c *ssh.Certificate) { c.CertType = ssh.HostCert },
		"another key":               func(c *ssh.Certificate) { c.Key = signer(t).PublicKey() },
		"what is reserved":          func(c *ssh.Certificate) { c.Reserved = []byte("x") },
		"a key id of somebody else": func(c *ssh.Certificate) { c.KeyId = certID + "ceo@example.eu" },
	} {
		c := *good
		c.CriticalOptions = map[string]string{"source-address": here.Source}
		change(&c)
		w.must(c.SignCert(rand.Reader, w.PeopleCA))
		if who, err := w.shows(&c, here.Source); err == nil || who.ID != "" {
			t.Errorf("%s: it opens the door for %q", name, who.ID)
		}
	}
	other := *good
	w.must(other.SignCert(rand.Reader, signer(t)))
	if _, err := w.shows(&other, here.Source); err == nil {
		t.Error("another authority's certificate opens the door")
	}
	forged := *good
	forged.Serial++
	if _, err := w.shows(&forged, here.Source); err == nil {
		t.Error("a certificate with a broken signature opens the door")
	}
	if _, err := w.shows(&ssh.Certificate{}, here.Source); err == nil {
		t.Error("nothing opens the door")
	}
	if _, err := w.shows(good, here.Source); err != nil {
		t.Error(err)
	}
}

// TestOnlyWhoHasTheKeyLogsOut: the certificate alone is no secret.
func TestOnlyWhoHasTheKeyLogsOut(t *testing.T) {
	w, d, e := logins(t)
	k := signer(t)
	b, err := w.BeginLogin(t.Context(), here, string(ssh.MarshalAuthorizedKey(k.PublicKey())), 0)
	w.must(err)
	ask, err := w.PrepareLogin(t.Context(), e.ID, b.Code, b.Number)
	w.must(err)
	w.must(w.LogIn(t.Context(), e.ID, ask.ID, d.get(ask.Options)))
	out, err := w.AwaitLogin(t.Context(), b.Secret)
	w.must(err)
	parsed, _, _, _, err := ssh.ParseAuthorizedKey(out.Certificate)
	w.must(err)
	c := parsed.(*ssh.Certificate)
	by := func(s ssh.Signer, text []byte) error {
		sig, err := s.Sign(rand.Reader, text)
		w.must(err)
		return w.Logout(t.Context(), here, c, sig)
	}
	wantRefusal(t, by(signer(t), LogoutText(c)), "not yours")
	wantRefusal(t, by(k, c.Marshal()), "not yours")
	if !w.holds(e.ID, c.Key) {
		t.Error("somebody else ended it")
	}
	w.must(by(k, LogoutText(c)))
	if w.holds(e.ID, c.Key) {
		t.Error("it counts after the logout")
	}
	wantRefusal(t, by(k, LogoutText(c)), "no such login")
}

// TestALoginIsProvenFromWhatWasSigned: whoever edits the row gets nothing.
func TestALoginIsProvenFromWhatWasSigned(t *testing.T) {
	w, d, e := logins(t)
	c := w.logIn(d, e.ID, 0)
	for was, is := range map[string]string{
		`"source":"203.0.113.7"`: `"source":"203.0.113.8"`,
		`"of":"` + e.ID + `"`:    `"of":"ceo@example.eu"`,
	} {
		w.engine.lie([]byte(was), []byte(is))
		if who, err := w.shows(c, here.Source); err == nil {
			t.Errorf("with %s it opens the door for %q", is, who.ID)
		}
		w.engine.lie(nil, nil)
	}
	l := SSHLogin{Of: e.ID}
	if _, err := l.said("lockbox.test"); err == nil {
		t.Error("nothing is said")
	}
}

// FuzzACertificateNobodySigned: no bytes open the door that the people CA did not sign, or panic.
func FuzzACertificateNobodySigned(f *testing.F) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	ca, err := ssh.NewSignerFromKey(key)
	if err != nil {
		f.Fatal(err)
	}
	c := &ssh.Certificate{
		Key: ca.PublicKey(), CertType: ssh.UserCert, KeyId: certID + "eng@example.eu", ValidPrincipals: []string{"eng@example.eu"}, ValidAfter: 1, ValidBefore: 2,
		Permissions: ssh.Permissions{CriticalOptions: map[string]string{sourceAddress: "203.0.113.7"}},
	}
	if err := c.SignCert(rand.Reader, ca); err != nil {
		f.Fatal(err)
	}
	if who, err := certified(c, ca.PublicKey()); err != nil || who != "eng@example.eu" {
		f.Fatalf("got %q, %v", who, err)
	}
	good := c.Marshal()
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ssh.ParsePublicKey(b)
		c, ok := k.(*ssh.Certificate)
		if err != nil || !ok {
			return
		}
		if who, err := certified(c, ca.PublicKey()); err == nil && !bytes.Equal(b, good) {
			t.Errorf("it opens the door for %q", who)
		}
	})
}
