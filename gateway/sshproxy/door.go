package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/keys"
	"lockbox/policy"
)

// People knows whose an SSH key is. Any error means that nobody is known by it.
type People interface {
	BySSHKey(context.Context, ssh.PublicKey) (policy.Principal, error)
}

// A Door lets people in over SSH. Its fields are set before Serve.
type Door struct {
	Gateway *gateway.Gateway
	Desk    *approvals.Desk
	People  People
	Keys    *keys.Ring
	Tokens  Tokens           // nil: `ssh GATEWAY token` gives none
	Portal  string           // public URL of the pages, without a slash at its end: "http://localhost:8080"
	Report  func(error)      // hears of failures that no person is told; may be called at any time
	Now     func() time.Time // time.Now when nil
	Limits  Limits
}

// Limits bound what one client, or all of them, can take. Zero is the default.
type Limits struct {
	Grace     time.Duration // from accept to authenticated: 30 s
	Startups  int           // connections that are not authenticated yet: 100
	PerSource int           // of those, from one address (IPv6: /64): 20
	Channels  int           // open at a time on one connection: 10
	Forwards  int           // direct-tcpip channels open at a time on one connection: 64
	KeepAlive time.Duration // between questions to a silent client; cut after three without an answer: 30 s
	Idle      time.Duration // without a channel: 15 min
}

func (l Limits) orDefault() Limits {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	def(&l.Grace, 30*time.Second)
	num(&l.Startups, 100)
	num(&l.PerSource, 20)
	num(&l.Channels, 10)
	num(&l.Forwards, 64)
	def(&l.KeepAlive, 30*time.Second)
	def(&l.Idle, 15*time.Minute)
	return l
}

func (d *Door) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// Serve lets people in until ctx ends; then it ends every connection and
// returns when none is left. It closes l. Its error is why it could not start,
// or why accepting failed; nil when ctx ended.
func (d *Door) Serve(ctx context.Context, l net.Listener) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	config, err := d.config(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("ssh door: %w", err), l.Close())
	}
	limits := d.Limits.orDefault()
	lobby := &lobby{limits: limits}
	var guests sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept tells
	for {
		c, aerr := l.Accept()
		if aerr != nil && again(ctx, aerr) {
			continue
		}
		if aerr != nil {
			err = aerr
			break
		}
		g := lobby.admit(c) // in the order of their coming
		guests.Go(func() {
			defer d.contain("ssh connection")
			d.welcome(ctx, g, config, limits)
		})
	}
	asked := ctx.Err() != nil
	stop()
	end()
	lobby.close()
	guests.Wait()
	if asked {
		return nil
	}
	return errors.Join(fmt.Errorf("ssh door: %w", err), l.Close())
}

// again says whether accepting may go on: there were too few descriptors for a moment.
func again(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	var temporary interface{ Temporary() bool }
	if !errors.As(err, &temporary) || !temporary.Temporary() {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(50 * time.Millisecond):
		return true
	}
}

// contain keeps a panic to the connection that it happened in.
func (d *Door) contain(what string) {
	if p := recover(); p != nil {
		d.Report(fmt.Errorf("%s: panic: %v\n%s", what, p, debug.Stack()))
	}
}

// welcome speaks SSH on one connection until it ends.
func (d *Door) welcome(ctx context.Context, g *guest, config *ssh.ServerConfig, limits Limits) {
	defer g.leave()
	conn, channels, requests, err := ssh.NewServerConn(g, config)
	if err != nil {
		return // refused or gone; the client was told what SSH tells
	}
	if !g.authenticated() {
		_ = conn.Close() // its time was up in that moment
		conn.Wait()
		return
	}
	c, err := newClient(ctx, d, conn, g, limits)
	if err != nil {
		d.Report(err)
		_ = conn.Close()
		conn.Wait()
		return
	}
	c.serve(channels, requests)
}
