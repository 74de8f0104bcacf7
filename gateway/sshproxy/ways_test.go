package sshproxy

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/world"
)

// A wayIn connects somebody to a login of db1.prod.
type wayIn struct {
	name string
	dial func(t *testing.T, h *house, login string, who *world.Human) *ssh.Client
}

// waysIn are both: the user string, and ssh -J.
func waysIn() []wayIn {
	return []wayIn{
		{"user string", func(t *testing.T, h *house, login string, who *world.Human) *ssh.Client {
			t.Helper()
			return h.dial(t, login+"%db1.prod", who)
		}},
		{"-J", func(t *testing.T, h *house, login string, who *world.Human) *ssh.Client {
			t.Helper()
			outer := h.dial(t, "me", who)
			c := h.through(t, outer, login, who.SSH)
			go func() {
				_ = c.Wait()
				_ = outer.Close()
			}()
			return c
		}},
	}
}

// bothWays runs a test once for each way in.
func bothWays(t *testing.T, test func(t *testing.T, w wayIn)) {
	t.Helper()
	for _, w := range waysIn() {
		t.Run(w.name, func(t *testing.T) { test(t, w) })
	}
}

// through connects to db1.prod through another connection, and trusts the host CA only.
func (h *house) through(t *testing.T, outer *ssh.Client, login string, key ssh.Signer) *ssh.Client {
	t.Helper()
	c, err := h.tryThrough(outer, login, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return c
}

func (h *house) tryThrough(outer *ssh.Client, login string, key ssh.Signer) (*ssh.Client, error) {
	const to = "db1.prod:22"
	socket, err := outer.Dial("tcp", to)
	if err != nil {
		return nil, err
	}
	conf := h.clientConfig(login, key)
	conf.HostKeyCallback = h.certified
	conf.HostKeyAlgorithms = []string{ssh.CertAlgoED25519v01}
	late := time.AfterFunc(10*time.Second, func() { _ = socket.Close() })
	defer late.Stop()
	conn, channels, requests, err := ssh.NewClientConn(socket, to, conf)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// certified takes host certificates of the host CA, and nothing else.
func (h *house) certified(to string, _ net.Addr, key ssh.PublicKey) error {
	if _, ok := key.(*ssh.Certificate); !ok {
		return errors.New("it is no certificate")
	}
	return (&ssh.CertChecker{IsHostAuthority: func(ca ssh.PublicKey, _ string) bool {
		return bytes.Equal(ca.Marshal(), h.Keys.HostCA.PublicKey().Marshal())
	}}).CheckHostKey(to, nil, key)
}
