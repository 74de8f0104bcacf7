package sshproxy

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
)

// version begins as OpenSSH's does, for only then does its client say that
// nobody reads its output any more (eow@openssh.com), and `ssh host yes | head`
// would hang. OpenSSH matches such names by pattern: this one fits no pattern
// of an old version with bugs to work around.
const version = "SSH-2.0-OpenSSH_lockbox"

// authTries is how many keys a client may offer: x/crypto counts each unknown one.
const authTries = 20

// rekeyAfter is how many bytes are sent under one key. x/crypto does not go by
// time; clients may, and it follows.
const rekeyAfter = 1 << 30

// algorithms are those we speak, to clients and to targets, in the order we
// like them. Every list is given: x/crypto's defaults still hold SHA-1. CTR,
// with encrypt-then-MAC only, is for clients without GCM (paramiko 2, libssh2).
func algorithms() ssh.Config {
	return ssh.Config{
		KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
		Ciphers: []string{
			ssh.CipherAES256GCM, ssh.CipherAES128GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES256CTR, ssh.CipherAES128CTR,
		},
		MACs:           []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
		RekeyThreshold: rekeyAfter,
	}
}

// userKeys are the algorithms people may sign with.
func userKeys() []string {
	return []string{
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

// proven is the key of ssh.Permissions.ExtraData for who somebody is.
type proven struct{}

// An identity is somebody who proved an SSH key.
type identity struct {
	who         policy.Principal
	key         ssh.PublicKey // as it was shown: the certificate of a login, too
	fingerprint string        // of the plain key
}

// proved is who a connection showed to be; nobody, where something is wrong.
func proved(conn *ssh.ServerConn) (id identity) {
	if conn.Permissions != nil {
		id, _ = conn.Permissions.ExtraData[proven{}].(identity)
	}
	return id
}

// config is what every connection is spoken to with.
func (d *Door) config(ctx context.Context) (*ssh.ServerConfig, error) {
	c := &ssh.ServerConfig{
		Config:                  algorithms(),
		PublicKeyAuthAlgorithms: userKeys(),
		ServerVersion:           version,
		MaxAuthTries:            authTries,
		NoClientAuthCallback: func(ssh.ConnMetadata) (*ssh.Permissions, error) {
			return nil, errors.New("nobody comes in without a key")
		},
		// Called with keys that are only offered: it says whether a signature is worth looking at.
		PublicKeyCallback: func(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			_, err := d.known(ctx, conn, key)
			return &ssh.Permissions{}, err
		},
		// Called with a key whose signature holds. The user name says nothing about who it is.
		VerifiedPublicKeyCallback: func(conn ssh.ConnMetadata, key ssh.PublicKey, _ *ssh.Permissions, _ string) (*ssh.Permissions, error) {
			who, err := d.known(ctx, conn, key)
			if err != nil {
				return nil, err
			}
			plain := key
			if cert, ok := key.(*ssh.Certificate); ok {
				plain = cert.Key
			}
			id := identity{who, key, ssh.FingerprintSHA256(plain)}
			return &ssh.Permissions{ExtraData: map[any]any{proven{}: id}}, nil
		},
	}
	if d.Keys == nil || d.Keys.Host == nil {
		return nil, errors.New("there is no host key")
	}
	c.AddHostKey(d.Keys.Host)
	return c, sound(c)
}

// sound refuses a configuration by which somebody could come in without a proven key.
func sound(c *ssh.ServerConfig) error {
	switch {
	case c.NoClientAuth:
		return errors.New("clients would come in without authentication")
	case c.PasswordCallback != nil, c.KeyboardInteractiveCallback != nil, c.GSSAPIWithMICConfig != nil:
		return errors.New("there is a way in besides public keys")
	case c.PublicKeyCallback == nil, c.VerifiedPublicKeyCallback == nil, c.NoClientAuthCallback == nil:
		return errors.New("a callback of authentication is missing")
	case len(c.KeyExchanges) == 0, len(c.Ciphers) == 0, len(c.MACs) == 0, len(c.PublicKeyAuthAlgorithms) == 0:
		return errors.New("a list of algorithms is missing, so the library's own would count")
	}
	return nil
}

// known finds whose key or certificate it is. What is slow or dangerous to verify is not looked up.
func (d *Door) known(ctx context.Context, conn ssh.ConnMetadata, key ssh.PublicKey) (policy.Principal, error) {
	if err := fit(key); err != nil {
		return policy.Principal{}, err
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return d.certified(ctx, conn, cert)
	}
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	who, err := d.People.BySSHKey(ctx, key)
	if err == nil && (who.ID == "" || who.Kind == "") {
		err = errors.New("the key belongs to nobody")
	}
	if err != nil {
		return policy.Principal{}, err
	}
	return who, nil
}

// fit refuses DSA, RSA outside 3072 to 4096 bits, and certificates that are not
// for people, hold such a key, or are signed by what is no plain Ed25519 key.
// x/crypto looks inside a certificate for the algorithm, so that our list is not enough.
func fit(key ssh.PublicKey) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		_, nested := cert.Key.(*ssh.Certificate)
		if cert.CertType != ssh.UserCert || nested || cert.SignatureKey.Type() != ssh.KeyAlgoED25519 {
			return errors.New("this kind of certificate does not open this door")
		}
		key = cert.Key
	}
	switch key.Type() {
	case ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		k, ok := key.(ssh.CryptoPublicKey)
		if !ok {
			break
		}
		if r, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() >= 3072 && r.N.BitLen() <= 4096 {
			return nil
		}
		return errors.New("an RSA key must have 3072 to 4096 bits")
	}
	return fmt.Errorf("keys of type %s do not open this door", key.Type())
}
