package sshproxy

import (
	"crypto/subtle"
	"errors"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"
)

// errHostKey means that whoever answered is not the target. Nothing was sent to them.
var errHostKey = errors.New("the host key is not the one that the policy pins")

// targetKeys are the host key algorithms to try in turn: the policy pins a
// fingerprint, which does not say whose algorithm it is. Where it pins the key
// that signs host certificates, nothing but a certificate is asked for.
func (c call) targetKeys() [][]string {
	if c.target.HostKey == "" {
		return [][]string{{
			ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		}}
	}
	return [][]string{
		{ssh.KeyAlgoED25519},
		{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
		{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
	}
}

// pinned accepts the one host key of the policy, or a host certificate that the
// policy's host CA has signed for this target's address.
func (c call) pinned(_ string, _ net.Addr, key ssh.PublicKey) error {
	if c.target.HostKey != "" {
		if !is(key, c.target.HostKey) {
			return errHostKey
		}
		return nil
	}
	cert, ok := key.(*ssh.Certificate)
	host, _, err := net.SplitHostPort(c.target.Address)
	if err != nil || !ok || c.target.HostCA == "" || cert.CertType != ssh.HostCert || !is(cert.SignatureKey, c.target.HostCA) {
		return errHostKey
	}
	// x/crypto takes a certificate without principals for every host: not here.
	if !slices.Contains(cert.ValidPrincipals, host) {
		return errHostKey
	}
	checker := ssh.CertChecker{Clock: c.now}
	if err := checker.CheckCert(host, cert); err != nil {
		return errors.Join(errHostKey, err)
	}
	return nil
}

func is(key ssh.PublicKey, fingerprint string) bool {
	return subtle.ConstantTimeCompare([]byte(ssh.FingerprintSHA256(key)), []byte(fingerprint)) == 1
}
