package sshproxy

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/policy"
)

// An upstream is a connection to a target, authenticated with a certificate of its own.
type upstream struct {
	ssh.Conn
	socket net.Conn
	gone   chan struct{} // closed when the connection is
	wg     sync.WaitGroup
}

const dialTime = 10 * time.Second // to connect, exchange keys and authenticate

// A call is what a connection to a target is made with.
type call struct {
	target *policy.Target
	login  string
	keyID  string
	sign   func(keys.CertAsk) (*ssh.Certificate, error)
	now    func() time.Time
	gate   func(context.Context) error // what every byte goes through, in both directions

	extensions []string             // of the certificate, besides permit-pty
	offered    func(ssh.NewChannel) // answers what the target opens; nil: refused
}

// dial connects. It gives up with ctx, and after dialTime.
func (c call) dial(ctx context.Context) (*upstream, error) {
	if c.target.HostKey == "" && c.target.HostCA == "" {
		return nil, fmt.Errorf("dial %s: its host key is not pinned", c.target.Name)
	}
	ctx, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	var met error // somebody answered who is not the target
	for _, algorithms := range c.targetKeys() {
		up, err := c.try(ctx, algorithms)
		if err == nil {
			return up, nil
		}
		var none *ssh.AlgorithmNegotiationError
		if !errors.Is(err, errHostKey) && !errors.As(err, &none) {
			return nil, fmt.Errorf("dial %s: %w", c.target.Name, err)
		}
		if met == nil || errors.Is(err, errHostKey) {
			met = err
		}
	}
	return nil, fmt.Errorf("dial %s: %w", c.target.Name, met)
}

func (c call) try(ctx context.Context, hostKeys []string) (*upstream, error) {
	var d net.Dialer
	socket, err := d.DialContext(ctx, "tcp", c.target.Address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() }) // ends the handshake
	up, err := c.handshake(socket, hostKeys)
	if !stop() && err == nil {
		up.hangUp()
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = socket.Close() // it may be closed already
		return nil, err
	}
	return up, nil
}

func (c call) handshake(socket net.Conn, hostKeys []string) (*upstream, error) {
	signer, err := c.certificate(address(socket.LocalAddr()).String())
	if err != nil {
		return nil, err
	}
	quick := &quickConn{Conn: socket}
	through := newGated(quick, c.gate)
	conn, channels, requests, err := ssh.NewClientConn(through, c.target.Address, &ssh.ClientConfig{
		Config:            algorithms(),
		User:              c.login,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyAlgorithms: hostKeys,
		HostKeyCallback:   c.pinned,
		ClientVersion:     version, // sshd, too, says eow@openssh.com only to OpenSSH
	})
	if err != nil {
		return nil, err
	}
	quick.done.Store(true)
	up := &upstream{Conn: conn, socket: through, gone: make(chan struct{})}
	up.wg.Go(func() { ssh.DiscardRequests(requests) })
	up.wg.Go(func() {
		for offered := range channels {
			if c.offered == nil {
				_ = offered.Reject(ssh.Prohibited, "lockbox: not from here") // fails only when the connection is gone
				continue
			}
			c.offered(offered)
		}
	})
	up.wg.Go(func() {
		_ = conn.Wait() // why it ended is told by what was cut
		close(up.gone)
	})
	return up, nil
}

// certificate makes a key for this one connection, and has it signed.
func (c call) certificate(source string) (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	cert, err := c.sign(keys.CertAsk{
		Pub: signer.PublicKey(), Login: c.login, Source: source, KeyID: c.keyID, Now: c.now(), Extensions: append([]string{"permit-pty"}, c.extensions...),
	})
	if err != nil {
		return nil, err
	}
	return ssh.NewCertSigner(cert, signer)
}

// hangUp closes the socket at once, whatever the target does.
func (u *upstream) hangUp() { _ = u.socket.Close() }

// wait returns when nothing is left of the connection.
func (u *upstream) wait() { u.wg.Wait() }
