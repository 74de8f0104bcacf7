package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pairOf writes a certificate for a host, and its key, and gives both as text.
func pairOf(t *testing.T, host string, number int64, ends time.Time) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: ends, DNSNames: []string{host}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	must(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// TestD34ACertificateIsReadAgainWhenItsFilesChange: what is shown afterwards is
// spoken as before, and what is no good is refused.
func TestD34ACertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	const host = "a.gw.example.eu"
	dir, later := t.TempDir(), time.Now().Add(90*24*time.Hour)
	files := Certificate{filepath.Join(dir, "x.crt"), filepath.Join(dir, "x.key")}
	put := func(cert, key []byte) {
		must(t, os.WriteFile(files.Cert, cert, 0o600))
		must(t, os.WriteFile(files.Key, key, 0o600))
	}
	first, firstKey := pairOf(t, "*.gw.example.eu", 1, later)
	second, secondKey := pairOf(t, "*.gw.example.eu", 2, later)
	other, otherKey := pairOf(t, "*.elsewhere.eu", 3, later)
	old, oldKey := pairOf(t, "*.gw.example.eu", 4, time.Now().Add(-time.Minute))
	put(first, firstKey)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l, s, err := secure(l, files, host)
	must(t, err)
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = c.(*tls.Conn).Handshake(); _ = c.Close() }()
		}
	}()
	for _, c := range []struct {
		name      string
		cert, key []byte
		refused   string
		serial    int64
	}{
		{"as it was", first, firstKey, "", 1},
		{"a new one", second, secondKey, "", 2},
		{"the key of another", first, secondKey, "does not match", 2},
		{"half a file", second[:40], secondKey, "PEM", 2},
		{"for other names", other, otherKey, "is not for " + host, 2},
		{"out of date", old, oldKey, "is valid from", 2},
		{"the first again", first, firstKey, "", 1},
	} {
		put(c.cert, c.key)
		_, err := s.renew(time.Now())
		if (err == nil) != (c.refused == "") || err != nil && (!strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "still shown")) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if _, err := s.renew(time.Now()); err != nil {
			t.Errorf("%s: it is told twice: %v", c.name, err)
		}
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		must(t, err)
		state := conn.ConnectionState()
		_ = conn.Close()
		if got := state.PeerCertificates[0].SerialNumber.Int64(); got != c.serial || state.Version != tls.VersionTLS13 {
			t.Errorf("%s: got certificate %d by %s, want %d", c.name, got, tls.VersionName(state.Version), c.serial)
		}
		if _, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
			t.Errorf("%s: TLS 1.2 is spoken", c.name)
		}
	}
	must(t, os.Remove(files.Key))
	if _, err := s.renew(time.Now()); err == nil {
		t.Error("a key that has gone is not told")
	}
}
