package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/keys"
	"lockbox/gateway/sshproxy/console"
	"lockbox/gateway/sshproxy/target"
	"lockbox/gateway/sshproxy/wire"
	"lockbox/policy"
)

// People knows whose an SSH key is. Any error means that nobody is known by it.
type People interface {
	BySSHKey(context.Context, ssh.PublicKey) (policy.Principal, error)
	// ByCertificate says whose the certificate of a login is that was shown from there.
	ByCertificate(ctx context.Context, c *ssh.Certificate, from netip.Addr) (policy.Principal, error)
}

// A Door lets people in over SSH. Its fields are set before Serve.
type Door struct {
	Gateway *gateway.Gateway
	Desk    *approvals.Desk
	People  People
	Keys    *keys.Ring
	Tokens  console.Tokens      // nil: `ssh GATEWAY token` gives none
	Portal  string              // public URL of the pages, without a slash at its end: "http://localhost:8080"
	Apps    func(string) string // where an application is; nil: there is no HTTP door
	Report  func(error)         // hears of failures that no person is told; may be called at any time
	Now     func() time.Time    // time.Now when nil
	Limits  Limits
	Own     []net.Addr // where we listen, with whatever: no target is there

	out  *target.Dialer // see ways
	once sync.Once
}

// Limits bound what one client, or all of them, can take. Zero is the default.
type Limits struct {
	Grace     time.Duration // from accept to authenticated: 30 s
	Startups  int           // connections that are not authenticated yet: 300
	PerSource int           // of those, from one address (IPv6: /64): 100
	PerPerson int           // authenticated connections of one person; what opens on more of them is told so: 20
	Channels  int           // open at a time on one connection: 10
	Forwards  int           // direct-tcpip channels open at a time on one connection: 64
	KeepAlive time.Duration // between questions to a silent client; cut after three without an answer: 30 s
	Idle      time.Duration // without a channel: 15 min
	Spares    int           // connections to targets that are kept keyed ahead: 64; negative: none

	// Exempt are networks whose failed attempts have no consequences: monitoring, a balancer that shows its own
	// address. nil: loopback; empty: none.
	Exempt []netip.Prefix
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
	num(&l.Startups, 300)
	num(&l.PerSource, 100)
	num(&l.PerPerson, 20)
	num(&l.Channels, 10)
	num(&l.Forwards, 64)
	def(&l.KeepAlive, 30*time.Second)
	def(&l.Idle, 15*time.Minute)
	if l.Spares == 0 {
		l.Spares = 64
	}
	if l.Exempt == nil {
		l.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
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
	defer d.ways().Close()
	limits := d.Limits.orDefault()
	lobby := newLobby(limits, d.Report)
	var wires wire.Pool
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
		g := lobby.admit(wires.Conn(c)) // in the order of their coming
		if g == nil {
			continue
		}
		guests.Go(func() {
			defer d.contain("ssh connection")
			d.welcome(ctx, g, config, limits)
		})
		runtime.Gosched() // in a flood, who comes in has a word before the next one does
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
	c, channels, requests := d.receive(ctx, g, config, limits)
	if c == nil {
		return
	}
	c.serve(ctx, channels, requests)
}

// receive finds out who comes; nil: nobody who may. It is apart from welcome, whose
// stack is kept as long as the connection.
func (d *Door) receive(ctx context.Context, g *guest, config *ssh.ServerConfig, limits Limits) (*client, <-chan ssh.NewChannel, <-chan *ssh.Request) {
	conn, channels, requests, err := g.handshake(*config)
	if err != nil {
		return nil, nil, nil // refused or gone; the client was told what SSH tells
	}
	if !g.authenticated() {
		dismiss(conn, channels, requests) // its time was up in that moment
		return nil, nil, nil
	}
	if !g.join(conn, &limits) {
		dismiss(conn, channels, requests) // told often enough
		return nil, nil, nil
	}
	c, err := newClient(ctx, d, conn, g, limits)
	if err != nil {
		d.Report(err)
		dismiss(conn, channels, requests)
		return nil, nil, nil
	}
	return c, channels, requests
}

// dismiss ends a connection that nobody serves, and returns when nothing is left of it.
func dismiss(conn *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	_ = conn.Close()                                                         // it may be closed already
	each(channels, requests, func(ssh.NewChannel) {}, func(*ssh.Request) {}) // nobody is there to be refused
	wire.Drain(conn.Conn)
	_ = conn.Wait() // it was closed
}

// handshake finds out who the guest is. What fails has its price.
func (g *guest) handshake(config ssh.ServerConfig) (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	config.AuthLogCallback = func(_ ssh.ConnMetadata, method string, err error) {
		if err != nil && method != "none" {
			g.tried.Store(true)
		}
	}
	var early ssh.ServerPreAuthConn
	config.PreAuthConnCallback = func(c ssh.ServerPreAuthConn) {
		early = c
		close(g.asked)
	}
	panics := true
	defer func() {
		if panics {
			g.blame(forCrash)
			_ = g.Close()
			wire.Drain(early)
		}
	}()
	conn, channels, requests, err := ssh.NewServerConn(g, &config)
	panics = false
	if err != nil {
		g.blame(g.penalty(err))
		_ = g.Close() // the library has, unless it refused the configuration
		wire.Drain(early)
	}
	return conn, channels, requests, err
}

// join counts the connection among those of its person, until leave.
// Whose are too many are still told so, on the channels that they open, for a
// short while; with twice as many it is not ok.
func (g *guest) join(conn *ssh.ServerConn, limits *Limits) (ok bool) {
	who := proved(conn).who.ID
	n := g.lobby.crowd.enter(who)
	if n > 2*limits.PerPerson {
		g.lobby.crowd.leave(who)
		return false
	}
	g.who, g.joined = who, true
	if g.over = n > limits.PerPerson; g.over {
		limits.Idle = limits.Grace
	}
	return true
}
