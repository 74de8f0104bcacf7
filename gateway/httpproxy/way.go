package httpproxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"lockbox/gateway/outside"
	"lockbox/policy"
)

// ways are the ways to the targets, with the connections that are kept open.
type ways struct {
	door *Door
	mu   sync.Mutex
	all  map[string]*way // by the target's name
}

// A way leads to one target, as the policy has it.
type way struct {
	of        *policy.Target // as the policy had it when it was last asked for
	machine   string
	web       policy.Web
	transport *http.Transport
	room      chan struct{} // a place for each exchange
}

// Bounds of what is spoken to targets.
const (
	connectMost   = 10 * time.Second
	keptOpen      = 90 * time.Second
	keptMost      = 256 // connections to one target
	replyHeadMost = 64 << 10
)

// to gives the way to a target. Where the policy has it otherwise now, the old
// one is left to those who are on it.
func (w *ways) to(t *policy.Target) (*way, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.all[t.Name]
	if old != nil && old.of == t {
		return old, nil
	}
	machine := t.Machine()
	if old != nil && old.machine == machine && old.web.Answer == t.Web.Answer && old.web.Streams == t.Web.Streams {
		old.of = t
		return old, nil
	}
	transport, err := w.door.transport(t)
	if err != nil {
		return nil, err
	}
	if old != nil {
		old.close()
	}
	n := &way{of: t, machine: machine, web: t.Web, transport: transport, room: make(chan struct{}, orMost(t.Web.Streams, policy.StreamsDefault))}
	if w.all == nil {
		w.all = map[string]*way{}
	}
	w.all[t.Name] = n
	return n, nil
}

func (w *ways) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.all {
		one.close()
	}
}

// close leaves the way to those who are on it.
func (w *way) close() { w.transport.CloseIdleConnections() }

func orMost[N int | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// transport speaks to one target, at its address and nowhere else. The host of a request's address is the session it is
// of: connections are kept by it, so that what a target says too much on one is never an answer in another session.
func (d *Door) transport(t *policy.Target) (*http.Transport, error) {
	dialer := &net.Dialer{
		Timeout: connectMost, ControlContext: outside.Only(d.Own),
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3},
	}
	address := t.Address
	out := &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
		DisableCompression:     true,
		MaxIdleConns:           keptMost,
		MaxIdleConnsPerHost:    keptMost,
		IdleConnTimeout:        keptOpen,
		TLSHandshakeTimeout:    connectMost,
		ResponseHeaderTimeout:  orMost(t.Web.Answer, policy.AnswerDefault),
		ExpectContinueTimeout:  5 * time.Second,
		MaxResponseHeaderBytes: replyHeadMost,
		Protocols:              new(http.Protocols),
	}
	out.Protocols.SetHTTP1(true)
	if t.Web.Plain {
		return out, nil
	}
	out.Protocols.SetHTTP2(true)
	var err error
	out.TLSClientConfig, err = d.towards(t)
	return out, err
}

// towards is how TLS is spoken to a target.
func (d *Door) towards(t *policy.Target) (*tls.Config, error) {
	name := t.Web.Name
	if name == "" {
		host, _, err := net.SplitHostPort(t.Address)
		if err != nil {
			return nil, fmt.Errorf("read the address of %s: %w", t.Name, err)
		}
		name = host
	}
	c := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	if t.Web.Client {
		pair, err := d.clientPair(t.Name)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if t.Web.CA == "" {
		return c, nil
	}
	root, err := d.pinned(t)
	if err != nil {
		return nil, err
	}
	c.InsecureSkipVerify = true // VerifyConnection does it, with the pin
	c.VerifyConnection = func(s tls.ConnectionState) error { return vouched(s, root, t.Web.CA, name) }
	return c, nil
}

// pinned is the certificate of a pin, where it lies beside the keys: most
// servers do not show that of their CA. nil: they have to.
func (d *Door) pinned(t *policy.Target) (*x509.Certificate, error) {
	if d.Certs == "" {
		return nil, nil
	}
	text, err := d.certFile(t.Name + ".ca")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the CA of %s: %w", t.Name, err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read the CA of %s: there is no certificate in it", t.Name)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the CA of %s: %w", t.Name, err)
	}
	if pinOf(c) != t.Web.CA {
		return nil, fmt.Errorf("the CA of %s is %s, and the policy says %s", t.Name, pinOf(c), t.Web.CA)
	}
	return c, nil
}

func pinOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// vouched says whether the pinned certificate vouches for the one that a server
// shows, by that name, now.
func vouched(s tls.ConnectionState, root *x509.Certificate, pin, name string) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the target shows no certificate")
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	if root != nil {
		roots.AddCert(root)
	}
	for _, c := range s.PeerCertificates {
		if pinOf(c) == pin {
			roots.AddCert(c)
		} else {
			others.AddCert(c)
		}
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, DNSName: name})
	return err
}

// clientPair is the certificate that a target asks of us.
func (d *Door) clientPair(target string) (tls.Certificate, error) {
	cert, err := d.certFile(target + ".crt")
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the client certificate for %s: %w", target, err)
	}
	key, err := d.certFile(target + ".key")
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the client key for %s: %w", target, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the client certificate for %s: %w", target, err)
	}
	return pair, nil
}

// certFile reads a file of the folder of certificates. A key that others may read is none.
func (d *Door) certFile(name string) ([]byte, error) {
	root, err := os.OpenRoot(d.Certs)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // read only
	if i, err := root.Stat(name); err != nil {
		return nil, err
	} else if len(name) > 4 && name[len(name)-4:] == ".key" && i.Mode().Perm()&0o077 != 0 {
		return nil, errors.New("others may read it: chmod 600")
	}
	return root.ReadFile(name)
}
