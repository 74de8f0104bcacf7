package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// A certificate begins a little before now, for targets whose clock is behind, and
// lives for minutes.
const (
	certEarly = 30 * time.Second
	certLife  = 5 * time.Minute
)

// A CertAsk is what a certificate for a target shall say.
type CertAsk struct {
	Pub        ssh.PublicKey // made for this one connection
	Login      string        // the only principal
	Source     string        // address the target sees the gateway at, or a prefix
	KeyID      string        // request, position in the log, statement: what the target's own log shows
	Now        time.Time
	For        time.Duration // at most and by default 5 minutes
	Extensions []string      // none by default; see extensions
}

// extensions are those a door may ask for. User rc is never among them.
func extensions() []string {
	return []string{"permit-pty", "permit-port-forwarding", "permit-agent-forwarding", "permit-X11-forwarding"}
}

// TargetCert signs a certificate of the target CA. Form: OpenSSH PROTOCOL.certkeys.
func (r *Ring) TargetCert(a CertAsk) (*ssh.Certificate, error) {
	if err := r.check(&a); err != nil {
		return nil, fmt.Errorf("certificate for %q: %w", a.Login, err)
	}
	var serial [8]byte
	if _, err := rand.Read(serial[:]); err != nil {
		return nil, fmt.Errorf("certificate for %q: %w", a.Login, err)
	}
	c := &ssh.Certificate{
		Key:             a.Pub,
		Serial:          binary.BigEndian.Uint64(serial[:]),
		CertType:        ssh.UserCert,
		KeyId:           a.KeyID,
		ValidPrincipals: []string{a.Login},
		ValidAfter:      uint64(a.Now.Add(-certEarly).Unix()),
		ValidBefore:     uint64(a.Now.Add(a.For).Unix()),
		Permissions: ssh.Permissions{
			CriticalOptions: map[string]string{"source-address": a.Source},
			Extensions:      map[string]string{},
		},
	}
	for _, e := range a.Extensions {
		c.Extensions[e] = ""
	}
	if err := c.SignCert(rand.Reader, r.TargetCA); err != nil {
		return nil, fmt.Errorf("certificate for %q: %w", a.Login, err)
	}
	return c, nil
}

// isLogin: no comma, space or look-alike, for sshd compares principals with lists.
func isLogin(s string) bool { return isName(s, 64, "_.@-") }

// isName says whether s is 1 to most ASCII letters, digits and others of marks, of
// which only an underscore may come first. For every connection: a regular
// expression is dear to make, and none may be kept in a variable.
func isName(s string, most int, marks string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case i == 0 || strings.IndexByte(marks, c) < 0:
			return false
		}
	}
	return s != "" && len(s) <= most
}

// isKeyID: printable ASCII alone, for it stands in a line of the target's log.
func isKeyID(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 512
}

// check refuses what would make a certificate wider than one login, from one place, for minutes.
func (r *Ring) check(a *CertAsk) error {
	if a.For == 0 {
		a.For = certLife
	}
	switch {
	case a.Pub == nil:
		return errors.New("no key to certify")
	case !isLogin(a.Login):
		return errors.New("not a login name")
	case !isKeyID(a.KeyID):
		return errors.New("key id must be 1 to 512 printable characters")
	case a.Now.IsZero() || a.Now.Unix() < int64(certEarly/time.Second):
		return errors.New("no time given")
	case a.For < time.Second || a.For > certLife:
		return fmt.Errorf("life of %s is not between 1s and %s", a.For, certLife)
	}
	if _, ok := a.Pub.(*ssh.Certificate); ok {
		return errors.New("the key is a certificate itself")
	}
	for _, own := range []ssh.Signer{r.Host, r.PeopleCA, r.TargetCA, r.HostCA} {
		if own != nil && bytes.Equal(own.PublicKey().Marshal(), a.Pub.Marshal()) {
			return errors.New("the key is one of the gateway's own")
		}
	}
	for _, e := range a.Extensions {
		if !slices.Contains(extensions(), e) {
			return fmt.Errorf("extension %q is not given", e)
		}
	}
	return source(a)
}

// source writes the address in the one form that sshd compares.
func source(a *CertAsk) error {
	if p, err := netip.ParsePrefix(a.Source); err == nil && p.Bits() > 0 {
		a.Source = p.Masked().String()
		return nil
	}
	ip, err := netip.ParseAddr(a.Source)
	if err != nil || ip.Zone() != "" || ip.IsUnspecified() {
		return fmt.Errorf("source %q is not an address", a.Source)
	}
	a.Source = ip.Unmap().String()
	return nil
}
