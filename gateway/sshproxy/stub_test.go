package sshproxy

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/world"
)

// A stub is a target that counts what reaches it and does as the test says.
type stub struct {
	addr string
	l    net.Listener
	run  func(ssh.Channel, *ssh.Request) // a shell or exec, in a goroutine of its own; it closes the channel

	mu       sync.Mutex // guards the rest
	host     ssh.Signer
	conns    []net.Conn
	ups      []ssh.Conn
	auths    []*ssh.Certificate
	logins   int // connections that somebody came in on: others are kept ahead
	channels int
	requests []string // "type payload"
	wg       sync.WaitGroup
}

func newStub(t *testing.T, run func(ssh.Channel, *ssh.Request)) *stub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{addr: l.Addr().String(), l: l, host: newSigner(t), run: run}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.cut()
		s.wg.Wait()
	})
	return s
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
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_stub",
		PublicKeyCallback: func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			cert, ok := k.(*ssh.Certificate)
			if !ok {
				return nil, fmt.Errorf("no certificate")
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.auths = append(s.auths, cert)
			return nil, nil
		},
	}
	s.mu.Lock()
	config.AddHostKey(s.host)
	s.mu.Unlock()
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer conn.Close()
	s.mu.Lock()
	s.ups = append(s.ups, conn)
	s.mu.Unlock()
	s.mu.Lock()
	s.logins++
	s.mu.Unlock()
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	for offered := range channels {
		s.mu.Lock()
		s.channels++
		s.mu.Unlock()
		ch, asked, err := offered.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.session(ch, asked) })
	}
}

func (s *stub) session(ch ssh.Channel, asked <-chan *ssh.Request) {
	for r := range asked {
		s.mu.Lock()
		s.requests = append(s.requests, r.Type+" "+string(r.Payload))
		s.mu.Unlock()
		_ = r.Reply(true, nil)
		if r.Type == "shell" || r.Type == "exec" {
			s.wg.Go(func() { s.run(ch, r) })
		}
	}
}

// last is the newest connection.
func (s *stub) last() ssh.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ups[len(s.ups)-1]
}

// seen are the requests so far.
func (s *stub) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *stub) counts() (conns, auths, channels int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), len(s.auths), s.channels
}

// entered is how many connections somebody came in on.
func (s *stub) entered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// ends tells an exit status and closes.
func ends(ch ssh.Channel, status uint32) {
	_ = ch.CloseWrite()
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	_ = ch.Close()
}

// echo sends back what it gets.
func echo(ch ssh.Channel, _ *ssh.Request) {
	_, _ = io.Copy(ch, ch)
	ends(ch, 0)
}

// stubHouse has a stub behind the door.
func stubHouse(t *testing.T, run func(ssh.Channel, *ssh.Request), change ...func(*Door)) (*house, *stub) {
	t.Helper()
	s := newStub(t, run)
	w := world.New(t, s.addr, ssh.FingerprintSHA256(s.host.PublicKey()))
	h := &house{World: w, target: s.host.PublicKey()}
	h.open(t, change...)
	return h, s
}
