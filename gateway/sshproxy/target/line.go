package target

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/gateway/sshproxy/wire"
	"lockbox/policy"
)

// A machine is what is known of a target by policy. It is compared whole: what
// was begun for the one is nothing for the other.
type machine struct{ name, address, hostKey, hostCA string }

// A place is a login on a machine.
type place struct {
	machine
	login string
}

func machineOf(t *policy.Target) machine { return machine{t.Name, t.Address, t.HostKey, t.HostCA} }

func placeOf(t *policy.Target, login string) place { return place{machineOf(t), login} }

// How far a handshake has come.
const (
	begun int32 = iota
	keyed       // the host key is the target's; nothing of anybody's was sent before
	shown       // the certificate is on its way
)

// A line is a connection on its way from a socket to a Conn. Keys are
// exchanged at once. Then it waits to be claimed, for one call; only then is
// anything signed.
type line struct {
	d      *Dialer
	to     place
	wire   *wire.Conn
	socket *gated
	stage  atomic.Int32
	heard  atomic.Int64  // bytes, when the certificate was to be shown
	calls  chan *Call    // one
	done   chan struct{} // closed when one of conn and err is set
	conn   *Conn
	err    error

	met   string // type of a key that is not the target's; read it after done
	host  []byte // the host key, which does not change while the line lasts
	rekey rekeys
	ask   sync.Once
}

func newLine(d *Dialer, to place, socket net.Conn) *line {
	l := &line{d: d, to: to, wire: d.wires.Conn(socket), calls: make(chan *Call, 1), done: make(chan struct{})}
	l.socket = newGated(l.wire)
	return l
}

// claim gives the line to a call. It is called once.
func (l *line) claim(c *Call) { l.calls <- c }

// wait is for who has claimed the line.
func (l *line) wait(ctx context.Context) (*Conn, error) {
	stop := context.AfterFunc(ctx, l.hangUp)
	<-l.done
	if !stop() && l.err == nil {
		l.conn.HangUp()
		l.conn.Left()
		l.err = context.Cause(ctx)
	}
	if l.err != nil && ctx.Err() != nil {
		return nil, errors.Join(l.err, context.Cause(ctx))
	}
	return l.conn, l.err
}

// hangUp closes the socket at once, whatever the target does.
func (l *line) hangUp() { _ = l.socket.Close() }

// run shakes hands, whether somebody waits for it or not.
func (l *line) run(algorithms []string) {
	defer close(l.done)
	conn, channels, requests, err := ssh.NewClientConn(l.socket, l.to.address, &ssh.ClientConfig{
		Config:            l.d.Config,
		User:              l.to.login,
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(l.signers)},
		HostKeyAlgorithms: algorithms,
		HostKeyCallback:   l.pinned,
		ClientVersion:     l.d.Version,
	})
	if err == nil && l.stage.Load() != shown {
		_ = conn.Close()
		_ = conn.Wait()
		err = errAnybody
	}
	if err != nil {
		l.hangUp()
		l.err = err
		return
	}
	l.wire.Settle()
	call := <-l.calls
	l.conn = newConn(conn, l.socket, channels, requests, call.Offered)
}

// signers is called when keys are exchanged and the target asks who is there.
func (l *line) signers() (signers []ssh.Signer, err error) {
	err = errTwice
	l.ask.Do(func() { signers, err = l.certified() })
	return signers, err
}

// certified waits for a call, and makes its certificate. From the claim on
// nothing passes while its visit may pass nothing.
func (l *line) certified() ([]ssh.Signer, error) {
	var c *Call
	select {
	case c = <-l.calls:
	case <-l.socket.ctx.Done():
		return nil, errDropped
	}
	l.calls <- c // for run
	l.socket.gate.Store(&c.Gate)
	if err := c.Gate(l.socket.ctx); err != nil {
		return nil, err
	}
	signer, err := l.certificate(c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSigned, err)
	}
	l.heard.Store(l.socket.in.Load())
	l.stage.Store(shown)
	return []ssh.Signer{signer}, nil
}

// answers says whether the target has said anything of the certificate.
func (l *line) answers() bool { return l.stage.Load() == shown && l.socket.in.Load() > l.heard.Load() }

// certificate makes a key for this one connection, and has it signed.
func (l *line) certificate(c *Call) (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	source, err := netip.ParseAddrPort(l.wire.LocalAddr().String())
	if err != nil {
		return nil, fmt.Errorf("read our own address: %w", err)
	}
	cert, err := l.d.Sign(keys.CertAsk{
		Pub: signer.PublicKey(), Login: l.to.login, Source: source.Addr().WithZone("").String(), KeyID: c.KeyID, Now: l.d.Now(),
		Extensions: append([]string{"permit-pty"}, c.Extensions...),
	})
	if err != nil {
		return nil, err
	}
	return ssh.NewCertSigner(cert, signer)
}

// rekeys bounds how often a target may exchange keys again: it costs both
// sides the same, and a target must not decide what the gateway does all day.
type rekeys struct {
	began time.Time
	n     int64
}

var errRekeys = errors.New("it exchanges keys again and again")

// more counts one. Many are allowed where many bytes pass: sshd's RekeyLimit
// can be as low as some kilobytes, and it exchanges keys before the packet that
// would pass it. With 64K that is after each packet of 32 KiB.
func (r *rekeys) more(passed int64) error {
	if r.n == 0 {
		r.began = time.Now()
	}
	if r.n++; r.n > 16+int64(time.Since(r.began)/time.Second)+passed>>14 {
		return errRekeys
	}
	return nil
}
