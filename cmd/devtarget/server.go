package devtarget

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	maxConns     = 64 // more are closed unanswered
	maxSessions  = 10 // per connection, as sshd's MaxSessions
	loginSeconds = 10 // from accept to authenticated
)

// Config says where a Server listens and whom it trusts.
type Config struct {
	Addr   string           // loopback host:port; port 0 takes a free one
	Host   ssh.Signer       // the target's own host key
	CA     ssh.PublicKey    // the one authority whose user certificates open a login
	Logins []string         // names that exist here; all run as the current user
	Home   string           // folder with one home per login; made when missing, kept when there
	Name   string           // shown in the prompt: deploy@NAME
	Now    func() time.Time // time.Now when nil
}

// A Server is a running target.
type Server struct {
	config Config
	ssh    *ssh.ServerConfig
	listen net.Listener
	done   sync.WaitGroup

	mu     sync.Mutex // guards conns and closed
	conns  map[net.Conn]bool
	closed bool
}

// Start listens on loopback and serves until Close.
func Start(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	auth, err := sshConfig(c)
	if err != nil {
		return nil, err
	}
	if err := furnish(c.Home, c.Logins); err != nil {
		return nil, err
	}
	l, err := listenLoopback(c.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, ssh: auth, listen: l, conns: map[net.Conn]bool{}}
	s.done.Go(s.accept)
	return s, nil
}

// Shells as the current user must not be offered to a network.
func listenLoopback(addr string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dev target: %w", err)
	}
	if !a.IP.IsLoopback() {
		return nil, fmt.Errorf("dev target: %s is not a loopback address; use 127.0.0.1:port", addr)
	}
	l, err := net.ListenTCP("tcp", a)
	if err != nil {
		return nil, fmt.Errorf("dev target: %w", err)
	}
	return l, nil
}

// Addr is the address the server listens on, with the port it got.
func (s *Server) Addr() string { return s.listen.Addr().String() }

// Close ends every connection and process, and returns when none is left.
func (s *Server) Close() error {
	err := s.listen.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close() // its session loops see the end and kill what they started
	}
	s.mu.Unlock()
	s.done.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.listen.Accept()
		if err != nil {
			return // closed
		}
		if !s.add(c) {
			_ = c.Close() // too many, or closing
			continue
		}
		s.done.Go(func() {
			defer s.remove(c)
			defer contain("connection")
			s.serve(c)
		})
	}
}

func (s *Server) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= maxConns {
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Server) remove(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// serve speaks SSH on c until either side ends it, and waits for its sessions.
func (s *Server) serve(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(loginSeconds * time.Second))
	conn, channels, requests, err := ssh.NewServerConn(c, s.ssh)
	if err != nil {
		return // refused or gone; the client was told
	}
	_ = c.SetDeadline(time.Time{})

	var parts sync.WaitGroup
	defer parts.Wait()
	defer conn.Close()
	parts.Go(func() { ssh.DiscardRequests(requests) })
	slots := make(chan struct{}, maxSessions)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions here")
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = offered.Reject(ssh.ResourceShortage, "too many sessions")
			continue
		}
		parts.Go(func() {
			defer func() { <-slots }()
			defer contain("session")
			s.session(conn, offered)
		})
	}
}

// contain keeps a panic from ending the gateway that runs in the same process.
func contain(what string) {
	if p := recover(); p != nil {
		slog.Error("dev target: "+what+" ended by a panic", "panic", p, "stack", string(debug.Stack()))
	}
}
