package keys

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

// A certificate of the host CA is made for each connection. It begins a little
// before now, for clients whose clock is behind, and outlives every grant:
// some clients look at it again whenever keys are exchanged anew.
const (
	hostEarly = 10 * time.Minute
	hostLife  = 12 * time.Hour
)

// ErrNoHostCA means that the ring is older than host certificates.
var ErrNoHostCA = errors.New("there is no host CA")

// isHost: no comma, wildcard or look-alike, for clients compare principals with patterns.
func isHost(s string) bool { return isName(s, 253, "_.-") }

// HostCert gives the host key with a certificate that it answers for one target.
// Form: OpenSSH PROTOCOL.certkeys.
func (r *Ring) HostCert(target string, now time.Time) (ssh.Signer, error) {
	switch {
	case r.HostCA == nil:
		return nil, ErrNoHostCA
	case !isHost(target):
		return nil, fmt.Errorf("host certificate for %q: not the name of a target", target)
	case now.Unix() < int64(hostEarly/time.Second):
		return nil, fmt.Errorf("host certificate for %q: no time given", target)
	}
	var serial [8]byte
	if _, err := rand.Read(serial[:]); err != nil {
		return nil, fmt.Errorf("host certificate for %q: %w", target, err)
	}
	c := &ssh.Certificate{
		Key:             r.Host.PublicKey(),
		Serial:          binary.BigEndian.Uint64(serial[:]),
		CertType:        ssh.HostCert,
		KeyId:           "lockbox/" + target,
		ValidPrincipals: []string{target},
		ValidAfter:      uint64(now.Add(-hostEarly).Unix()),
		ValidBefore:     uint64(now.Add(hostLife).Unix()),
	}
	if err := c.SignCert(rand.Reader, r.HostCA); err != nil {
		return nil, fmt.Errorf("host certificate for %q: %w", target, err)
	}
	return ssh.NewCertSigner(c, r.Host)
}
