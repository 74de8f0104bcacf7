package sshproxy

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
)

// hostCert is a host certificate as ca signs it for a target on loopback, changed by with.
func hostCert(t *testing.T, ca ssh.Signer, with func(*ssh.Certificate)) ssh.Signer {
	t.Helper()
	key := newSigner(t)
	now := uint64(time.Now().Unix())
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "db1", ValidPrincipals: []string{"127.0.0.1"}, ValidAfter: now - 60, ValidBefore: now + 3600,
	}
	with(cert)
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// TestA16AHostCertificateIsOfThePinnedCAForThisHost: where the policy pins the
// CA, nothing else shows who the target is.
func TestA16AHostCertificateIsOfThePinnedCAForThisHost(t *testing.T) {
	h, target := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 0) }, func(d *Door) { d.Limits.Spares = -1 })
	ca, other := newSigner(t), newSigner(t)
	p := *h.Policy()
	db := *p.Targets["db1.prod"]
	db.HostKey, db.HostCA = "", ssh.FingerprintSHA256(ca.PublicKey())
	p.Targets = map[string]*policy.Target{"db1.prod": &db}
	h.SetPolicy(&p)
	h.granted(t, h.Eng, time.Hour)
	same := func(*ssh.Certificate) {}
	for _, tt := range []struct {
		rule string
		host ssh.Signer
		in   bool
	}{
		{"signed for this host", hostCert(t, ca, same), true},
		{"signed for this host among others", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"other", "127.0.0.1"} }), true},
		{"signed by another CA", hostCert(t, other, same), false},
		{"signed for another host", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"127.0.0.2"} }), false},
		{"signed for every host", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidPrincipals = nil }), false},
		{"a comma is no second host", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"x,127.0.0.1"} }), false},
		{"signed for a person", hostCert(t, ca, func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), false},
		{"it is over", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Unix()) - 1 }), false},
		{"it has not begun", hostCert(t, ca, func(c *ssh.Certificate) { c.ValidAfter = uint64(time.Now().Unix()) + 600 }), false},
		{"with a critical option", hostCert(t, ca, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": "y"} }), false},
		{"the CA's own key", ca, false},
		{"a plain key", newSigner(t), false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			target.mu.Lock()
			target.host = tt.host
			target.mu.Unlock()
			_, before, _ := target.counts()
			got := run(t, h.dial(t, login, h.Eng), "true")
			_, after, _ := target.counts()
			if in := got.Status == 0; in != tt.in || !tt.in && (after != before || !strings.Contains(got.Stderr, `"code":"LBX-TARGET"`)) {
				t.Errorf("got %+v, and %d certificates were shown", got, after-before)
			}
		})
	}
}
