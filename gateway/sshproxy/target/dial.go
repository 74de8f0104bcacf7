package target

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/gateway/outside"
	"lockbox/gateway/sshproxy/wire"
	"lockbox/policy"
)

// A Dialer makes connections to targets. Its exported fields are set before
// its first use.
type Dialer struct {
	Sign    func(keys.CertAsk) (*ssh.Certificate, error)
	Now     func() time.Time
	Config  ssh.Config    // the algorithms
	Version string        // as clients say it
	Spares  int           // connections kept keyed ahead, in all; 0: none. Two for a place used in quick succession, else one
	Renew   time.Duration // how old one of them gets; sshd lets in nobody after 120 s: 75 s
	Idle    time.Duration // how long one is kept after the last use: 5 min
	Own     []net.Addr    // where we listen ourselves

	wires wire.Pool
	wg    sync.WaitGroup // lines, spares and looks

	mu     sync.Mutex // guards the rest
	closed bool
	spares map[place][]*spare
	known  map[string]string // the type of a pinned key, by its fingerprint
	looks  map[machine]*look
}

// dialTime is to connect, exchange keys and authenticate.
const dialTime = 10 * time.Second

// A Call is what a connection is made for.
type Call struct {
	Target     *policy.Target
	Login      string
	KeyID      string
	Extensions []string                    // of the certificate, besides permit-pty
	Gate       func(context.Context) error // what every byte goes through, in both directions
	Offered    func(ssh.NewChannel)        // answers what the target opens; nil: refused
}

// Dial connects. It gives up with ctx, and after 10 s. What went wrong is a
// *Fault, unless ctx ended.
func (d *Dialer) Dial(ctx context.Context, c Call) (*Conn, error) {
	if c.Gate == nil {
		return nil, errors.New("a connection without a gate")
	}
	ctx, stop := context.WithTimeoutCause(ctx, dialTime, errLate)
	defer stop()
	conn, err := d.ahead(ctx, &c)
	if conn == nil && err == nil {
		conn, err = d.fresh(ctx, &c)
	}
	if err == nil {
		d.Warm(c.Target, c.Login)
		return conn, nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errLate) {
		return nil, cause
	}
	return nil, err
}

// fresh makes a connection from nothing. The policy pins a fingerprint, which
// does not say whose algorithm it is: a target that shows a key of another
// type is asked for the next.
func (d *Dialer) fresh(ctx context.Context, c *Call) (*Conn, error) {
	to := placeOf(c.Target, c.Login)
	var met error
	for algorithms := d.order(to.machine); ; {
		l, err := d.connect(ctx, to, algorithms)
		if err != nil {
			return nil, fault(c.Target, nil, err)
		}
		l.claim(c)
		conn, err := l.wait(ctx)
		if err == nil {
			return conn, nil
		}
		if algorithms = l.others(algorithms, err); algorithms == nil {
			return nil, fault(c.Target, l, whose(met, err))
		}
		met = err
	}
}

// whose is what to say of who has none of the keys that are left to ask for,
// and has shown others before: somebody else answers.
func whose(met, err error) error {
	if none := (*ssh.AlgorithmNegotiationError)(nil); met != nil && errors.As(err, &none) {
		return met
	}
	return err
}

// connect begins a handshake.
func (d *Dialer) connect(ctx context.Context, to place, algorithms []string) (*line, error) {
	l, err := d.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	if !d.begin(func() { l.run(algorithms) }) {
		l.hangUp()
		return nil, net.ErrClosed
	}
	return l, nil
}

// dial opens a socket, and sends nothing.
func (d *Dialer) dial(ctx context.Context, to place) (*line, error) {
	if to.hostKey == "" && to.hostCA == "" {
		return nil, errNoPin
	}
	dialer := net.Dialer{
		ControlContext:  outside.Only(d.Own),
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3},
	}
	socket, err := dialer.DialContext(ctx, "tcp", to.address)
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return newLine(d, to, socket), nil
}

// begin starts what Close waits for, unless it is too late.
func (d *Dialer) begin(fn func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.wg.Go(fn)
	return true
}

// Close lets go what is kept ahead, and returns when nothing is under way any
// more. Connections that were made stay.
func (d *Dialer) Close() {
	d.mu.Lock()
	d.closed = true
	for _, all := range d.spares {
		for _, s := range all {
			s.drop()
		}
	}
	for _, l := range d.looks {
		l.stop()
	}
	d.mu.Unlock()
	d.wg.Wait()
}
