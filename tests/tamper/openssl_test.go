package tamper

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readme gives the lines that README shows between its openssl markers.
func readme(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(must(os.ReadFile("../../README.md"))(t)), "<!-- openssl -->")
	lines, _, ok := strings.Cut(rest, "<!-- /openssl -->")
	if !ok {
		t.Fatal("README has no openssl lines")
	}
	return lines
}

// run runs lines of a shell in a folder that has evidence.json, pins.json and lockbox.
func run(t *testing.T, dir, lines string) (string, error) {
	t.Helper()
	c := exec.Command("bash", "-e", "-o", "pipefail", "-c", lines)
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	return string(out), err
}

// TestTheSignatureHoldsWithOpensslAlone runs the lines that README shows, and
// runs them on what was changed.
func TestTheSignatureHoldsWithOpensslAlone(t *testing.T) {
	s := newScene(t)
	lines := readme(t)
	folder := func() string {
		dir := t.TempDir()
		for from, to := range map[string]string{s.path("receipt.json"): "evidence.json", s.path("pins.json"): "pins.json", s.program: "lockbox"} {
			ok(t, os.Symlink(from, filepath.Join(dir, to)))
		}
		return dir
	}
	holds := func(out string, err error) bool {
		return err == nil && strings.Contains(out, "Verified OK") && strings.Contains(out, "it is this statement that was signed")
	}
	out, err := run(t, folder(), lines)
	if !holds(out, err) {
		t.Fatalf("%v\n%s", err, out)
	}
	extract, rest, _ := strings.Cut(strings.TrimSpace(lines), "\n")
	for _, file := range []string{"statement", "clientData", "authenticatorData", "signature", "key.pem"} {
		dir := folder()
		if out, err := run(t, dir, extract); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		path := filepath.Join(dir, "votes", "1", file)
		b := must(os.ReadFile(path))(t)
		b[len(b)/2] ^= 1
		ok(t, os.WriteFile(path, b, 0o600))
		if out, err := run(t, dir, "cd votes/1\n"+rest); holds(out, err) {
			t.Errorf("a changed %s passes:\n%s", file, out)
		}
	}
}

// TestOpensslReadsEachKindOfKey: the lines for ES256 and RS256, and the one for EdDSA.
func TestOpensslReadsEachKindOfKey(t *testing.T) {
	_, ed := must2(ed25519.GenerateKey(rand.Reader))(t)
	for _, k := range []struct {
		name string
		key  crypto.Signer
		hash crypto.Hash
		line string
	}{
		{"ES256", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t), crypto.SHA256, "openssl dgst -sha256 -verify key.pem -signature signature signed"},
		{"RS256", must(rsa.GenerateKey(rand.Reader, 2048))(t), crypto.SHA256, "openssl dgst -sha256 -verify key.pem -signature signature signed"},
		{"EdDSA", ed, 0, "openssl pkeyutl -verify -rawin -pubin -inkey key.pem -sigfile signature -in signed"},
	} {
		t.Run(k.name, func(t *testing.T) {
			signed := []byte("authenticator data and the hash of the client data")
			message := signed
			if k.hash != 0 {
				sum := sha256.Sum256(signed)
				message = sum[:]
			}
			dir := t.TempDir()
			for name, b := range map[string][]byte{
				"signed": signed, "signature": must(k.key.Sign(rand.Reader, message, k.hash))(t),
				"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(k.key.Public()))(t)}),
			} {
				ok(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
			}
			if out, err := run(t, dir, k.line); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func must2[A, B any](a A, b B, err error) func(testing.TB) (A, B) {
	return func(t testing.TB) (A, B) {
		t.Helper()
		ok(t, err)
		return a, b
	}
}
