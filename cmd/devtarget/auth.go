package devtarget

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// sshConfig lets in what sshd lets in with TrustedUserCAKeys and nothing else: user certificates of one authority that name the
// login among their principals. x/crypto checks validity, signature and source-address; it accepts a certificate without
// principals for everybody and keeps SHA-1 among its defaults, so principals and algorithms are ours.
func sshConfig(c Config) (*ssh.ServerConfig, error) {
	switch {
	case c.Host == nil:
		return nil, errors.New("dev target: no host key")
	case c.CA == nil:
		return nil, errors.New("dev target: no certificate authority")
	case len(c.Logins) == 0:
		return nil, errors.New("dev target: no logins")
	}
	authority := c.CA.Marshal()
	checker := ssh.CertChecker{
		IsUserAuthority: func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), authority) },
		Clock:           c.Now,
	}
	config := &ssh.ServerConfig{
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
			Ciphers:      []string{ssh.CipherChaCha20Poly1305, ssh.CipherAES256GCM, ssh.CipherAES128GCM},
			MACs:         []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
		},
		PublicKeyAuthAlgorithms: []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
			ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512},
		MaxAuthTries:  6,
		ServerVersion: "SSH-2.0-devtarget",
		PublicKeyCallback: func(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if err := mayLogin(c.Logins, conn.User(), key); err != nil {
				return nil, err
			}
			return checker.Authenticate(conn, key)
		},
	}
	config.AddHostKey(c.Host)
	return config, nil
}

func mayLogin(logins []string, user string, key ssh.PublicKey) error {
	cert, ok := key.(*ssh.Certificate)
	switch {
	case !ok:
		return errors.New("only certificates open this target")
	case !slices.Contains(logins, user):
		return fmt.Errorf("no login %q here", user)
	case !slices.Contains(cert.ValidPrincipals, user):
		return fmt.Errorf("the certificate is not for %q", user)
	case cert.Signature.Format == ssh.KeyAlgoRSA:
		return errors.New("the certificate is signed with SHA-1")
	}
	return nil
}

// mayUseTerminal says what sshd says: a pty needs the permit-pty extension.
func mayUseTerminal(conn *ssh.ServerConn) bool {
	_, ok := conn.Permissions.Extensions["permit-pty"]
	return ok
}
