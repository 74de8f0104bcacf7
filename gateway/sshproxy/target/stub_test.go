package target

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/policy"
)

// A stub is a target that does as the test says, and counts.
type stub struct {
	l    net.Listener
	ca   ssh.Signer
	host []ssh.Signer
	raw  func(net.Conn)                                // instead of SSH
	with func(*ssh.ServerConn, <-chan ssh.NewChannel)  // nil: echo
	auth func(ssh.ConnMetadata, *ssh.Certificate) bool // nil: as sshd does

	mu    sync.Mutex // guards the rest
	conns []net.Conn
	users []string // that were named
	certs []*ssh.Certificate
	wg    sync.WaitGroup
}

func newStub(t testing.TB, change ...func(*stub)) *stub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{l: l, ca: newSigner(t), host: []ssh.Signer{newSigner(t)}}
	for _, c := range change {
		c(s)
	}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.wg.Go(func() {
				defer c.Close()
				if s.raw != nil {
					s.raw(c)
					return
				}
				s.serve(c)
			})
		}
	})
	t.Cleanup(s.close)
	return s
}

func (s *stub) close() {
	_ = s.l.Close()
	s.cut()
	s.wg.Wait()
}

// cut closes every connection.
func (s *stub) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

func (s *stub) serve(c net.Conn) {
	config := &ssh.ServerConfig{ServerVersion: "SSH-2.0-OpenSSH_stub"}
	config.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		cert, ok := k.(*ssh.Certificate)
		if !ok {
			return nil, errors.New("no certificate")
		}
		s.mu.Lock()
		s.certs = append(s.certs, cert)
		s.mu.Unlock()
		if s.auth != nil && !s.auth(m, cert) {
			return nil, errors.New("refused")
		}
		return nil, nil
	}
	config.AuthLogCallback = func(m ssh.ConnMetadata, _ string, _ error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.users = append(s.users, m.User())
	}
	for _, h := range s.host {
		config.AddHostKey(h)
	}
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer conn.Close()
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	if s.with != nil {
		s.with(conn, channels)
		return
	}
	for offered := range channels {
		ch, asked, err := offered.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { ssh.DiscardRequests(asked) })
		s.wg.Go(func() {
			_, _ = io.Copy(ch, ch)
			_ = ch.Close()
		})
	}
}

func (s *stub) counts() (conns, users, certs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), len(s.users), len(s.certs)
}

// target is how the policy knows the stub.
func (s *stub) target() *policy.Target {
	return &policy.Target{Name: "db1.prod", Address: s.l.Addr().String(), HostKey: ssh.FingerprintSHA256(s.host[0].PublicKey())}
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return asSigner(t, key)
}

func asSigner(t testing.TB, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newDialer signs with ca.
func newDialer(t testing.TB, ca ssh.Signer, change ...func(*Dialer)) *Dialer {
	t.Helper()
	ring := &keys.Ring{Host: newSigner(t), PeopleCA: newSigner(t), TargetCA: ca}
	d := &Dialer{
		Sign: ring.TargetCert, Now: time.Now, Version: "SSH-2.0-OpenSSH_test",
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
			Ciphers:      []string{ssh.CipherAES256GCM, ssh.CipherAES128GCM, ssh.CipherChaCha20Poly1305},
			MACs:         []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
		},
	}
	for _, c := range change {
		c(d)
	}
	t.Cleanup(d.Close)
	return d
}

func withSpares(d *Dialer) { d.Spares = 4 }

func open(context.Context) error { return nil }

// callTo is a call of one visit, told by its key id.
func callTo(t *policy.Target, login, visit string) Call {
	return Call{Target: t, Login: login, KeyID: visit, Gate: open}
}

func dial(t testing.TB, d *Dialer, c Call) *Conn {
	t.Helper()
	conn, err := d.Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.HangUp()
		conn.Left()
	})
	return conn
}

// echoes says whether bytes pass both ways.
func echoes(t testing.TB, c *Conn) {
	t.Helper()
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if _, err := ch.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = ch.CloseWrite()
	if got, err := io.ReadAll(ch); err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
}

// ready waits until a spare is keyed.
func ready(t testing.TB, d *Dialer, to place) *line {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); ; {
		if all := keyedFor(d, to); len(all) > 0 {
			return all[0]
		}
		select {
		case <-late:
			t.Fatal("nothing is kept ahead")
		case <-tick.C:
		}
	}
}

// keyedFor are the lines that are kept for a place, and keyed.
func keyedFor(d *Dialer, to place) (all []*line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.spares[to] {
		if s.line != nil && s.line.stage.Load() == keyed {
			all = append(all, s.line)
		}
	}
	return all
}
