package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	directory "lockbox/gateway/identity"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// certified finds whose the certificate of a login is. Who shows one that was
// theirs, and counts no more, reads why: only they and the gateway have it.
func (d *Door) certified(ctx context.Context, conn ssh.ConnMetadata, c *ssh.Certificate) (policy.Principal, error) {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	from := address(conn.RemoteAddr())
	who, err := d.People.ByCertificate(ctx, c, from)
	if err == nil && (who.ID == "" || who.Kind == "") {
		err = errors.New("the certificate belongs to nobody")
	}
	if err == nil {
		return who, nil
	}
	said := ""
	for _, locale := range []string{"", "da"} { // nobody has said yet which they read
		if words := speak(locale).loginRefused(err, c, from); words != "" {
			said += "lockbox: " + words + "\r\n"
		}
	}
	if said != "" {
		err = &ssh.BannerError{Err: err, Message: said}
	}
	return policy.Principal{}, err
}

// loginRefused says why a login does not count any more; "" for any other error.
func (t *texts) loginRefused(err error, c *ssh.Certificate, from netip.Addr) string {
	switch {
	case errors.Is(err, directory.ErrLoginOver):
		return t.loginOver
	case errors.Is(err, directory.ErrLoginEnded):
		return t.loginEnded
	case errors.Is(err, directory.ErrLoginElsewhere):
		return fmt.Sprintf(t.loginElsewhere, speech.Clean(c.CriticalOptions["source-address"]), from)
	}
	return ""
}

// keyGone says why the key or login that the connection came with does not stand for the person any more.
func (s *session) keyGone(err error) string {
	if c, ok := s.c.id.key.(*ssh.Certificate); ok {
		if words := s.say().loginRefused(err, c, s.c.from); words != "" {
			return words
		}
	}
	return s.say().keyGone
}
