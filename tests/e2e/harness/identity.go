package harness

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// An Identity is an SSH key and perhaps a certificate for it.
type Identity struct {
	Key  ed25519.PrivateKey
	Cert *ssh.Certificate // nil: the key alone
}

// NewIdentity makes a new key.
func NewIdentity(t testing.TB) Identity {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Identity{Key: key}
}

// Signer signs with the certificate if there is one, else with the key.
func (i Identity) Signer(t testing.TB) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromSigner(i.Key)
	if err != nil {
		t.Fatal(err)
	}
	if i.Cert == nil {
		return s
	}
	if s, err = ssh.NewCertSigner(i.Cert, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Public is the plain public key, with or without a certificate.
func (i Identity) Public(t testing.TB) ssh.PublicKey {
	t.Helper()
	return Identity{Key: i.Key}.Signer(t).PublicKey()
}

// Certified returns i with a user certificate of ca for login: five minutes from now, permit-pty, changed by each of with.
func (i Identity) Certified(t testing.TB, ca Identity, login string, with ...func(*ssh.Certificate)) Identity {
	t.Helper()
	cert := &ssh.Certificate{
		Key:             i.Public(t),
		CertType:        ssh.UserCert,
		KeyId:           "test",
		ValidPrincipals: []string{login},
		ValidAfter:      uint64(time.Now().Add(-time.Minute).Unix()),
		ValidBefore:     uint64(time.Now().Add(5 * time.Minute).Unix()),
		Permissions: ssh.Permissions{
			CriticalOptions: map[string]string{},
			Extensions:      map[string]string{"permit-pty": ""},
		},
	}
	for _, change := range with {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca.Signer(t)); err != nil {
		t.Fatal(err)
	}
	return Identity{Key: i.Key, Cert: cert}
}
