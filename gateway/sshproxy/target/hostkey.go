package target

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"
)

// What can be wrong with who answered. Nothing of anybody's was sent to them.
var (
	errHostKey  = errors.New("the host key is not the one that the policy pins")
	errHostCert = errors.New("the host certificate does not hold")
)

// keyTypes are the types of host keys, each with its algorithms, as we like them.
func keyTypes() [][]string {
	return [][]string{
		{ssh.KeyAlgoED25519},
		{ssh.KeyAlgoECDSA256},
		{ssh.KeyAlgoECDSA384},
		{ssh.KeyAlgoECDSA521},
		{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
	}
}

// typeOf is the type of key that an algorithm signs with.
func typeOf(algorithm string) string {
	if algorithm == ssh.KeyAlgoRSASHA512 || algorithm == ssh.KeyAlgoRSASHA256 {
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

// order are the host key algorithms to offer, with the type that the pinned
// key is known to have first. Where the policy pins the key that signs host
// certificates, nothing but a certificate is asked for.
func (d *Dialer) order(m machine) []string {
	if m.hostKey == "" {
		return []string{
			ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		}
	}
	all := slices.Concat(keyTypes()...)
	d.mu.Lock()
	known := d.known[m.hostKey]
	d.mu.Unlock()
	slices.SortStableFunc(all, func(a, b string) int {
		switch first, second := typeOf(a) == known, typeOf(b) == known; {
		case first == second:
			return 0
		case first:
			return -1
		}
		return 1
	})
	return all
}

// mostKnown is how many pinned keys are remembered; a policy has fewer.
const mostKnown = 10_000

func (d *Dialer) learn(hostKey, kind string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= mostKnown {
		d.known = map[string]string{}
	}
	d.known[hostKey] = kind
}

// others are the algorithms left to offer to who showed a key of another type
// than the one that is pinned; nil for none.
func (l *line) others(offered []string, err error) (rest []string) {
	if !errors.Is(err, errHostKey) || l.to.hostKey == "" {
		return nil
	}
	for _, a := range offered {
		if typeOf(a) != l.met {
			rest = append(rest, a)
		}
	}
	if len(rest) == len(offered) {
		return nil // it was not asked for
	}
	return rest
}

// pinned accepts the one host key of the policy, or a host certificate that the
// policy's host CA has signed for this target's address; and when keys are
// exchanged again, the same one.
func (l *line) pinned(_ string, _ net.Addr, key ssh.PublicKey) error {
	if err := l.rekey.more(l.socket.in.Load() + l.socket.out.Load()); err != nil {
		return err
	}
	wire := key.Marshal()
	if l.host != nil {
		if !bytes.Equal(wire, l.host) {
			return errHostKey
		}
		return nil
	}
	if err := l.trusted(key); err != nil {
		return err
	}
	l.host = wire
	l.stage.Store(keyed)
	return nil
}

func (l *line) trusted(key ssh.PublicKey) error {
	if l.to.hostKey != "" {
		if !is(key, l.to.hostKey) {
			l.met = key.Type()
			return errHostKey
		}
		l.d.learn(l.to.hostKey, key.Type())
		return nil
	}
	cert, ok := key.(*ssh.Certificate)
	host, _, err := net.SplitHostPort(l.to.address)
	switch {
	case err != nil, !ok, cert.CertType != ssh.HostCert, !is(cert.SignatureKey, l.to.hostCA):
		return errHostKey
	case cert.Signature == nil || cert.Signature.Format == ssh.KeyAlgoRSA: // SHA-1
		return fmt.Errorf("%w: it is signed with %q", errHostCert, ssh.KeyAlgoRSA)
	case !slices.Contains(cert.ValidPrincipals, host): // x/crypto takes a certificate without principals for every host: not here
		return fmt.Errorf("%w: it is for %q, not for %q", errHostCert, cert.ValidPrincipals, host)
	}
	checker := ssh.CertChecker{Clock: l.d.Now}
	if err := checker.CheckCert(host, cert); err != nil {
		return fmt.Errorf("%w: %w", errHostCert, err)
	}
	return nil
}

func is(key ssh.PublicKey, fingerprint string) bool {
	return subtle.ConstantTimeCompare([]byte(ssh.FingerprintSHA256(key)), []byte(fingerprint)) == 1
}
