package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A shown certificate is that of a listener. It is read again when its files
// change; one that is no good is refused, and the one before stays.
type shown struct {
	files Certificate
	host  string // that it has to be good for, when it is read again; "": any
	now   atomic.Pointer[tls.Certificate]

	mu   sync.Mutex // guards last
	last [sha256.Size]byte
}

// open reads a certificate that a listener is to show.
func (c Certificate) open(host string) (*shown, error) {
	s := &shown{files: c, host: host}
	pair, sum, err := c.read()
	if err != nil {
		return nil, usage("read the certificate: %w", err)
	}
	s.last = sum
	s.now.Store(&pair)
	return s, nil
}

func (c Certificate) read() (pair tls.Certificate, sum [sha256.Size]byte, err error) {
	cert, cerr := os.ReadFile(c.Cert)
	key, kerr := os.ReadFile(c.Key)
	if err = errors.Join(cerr, kerr); err == nil {
		pair, err = tls.X509KeyPair(cert, key)
	}
	return pair, sha256.Sum256(fmt.Appendf(nil, "%d %s%s%v", len(cert), cert, key, errors.Join(cerr, kerr))), err
}

// config is TLS 1.3 with the certificate as it is when somebody comes.
func (s *shown) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.now.Load(), nil },
		MinVersion:     tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"},
	}
}

// renew reads the files again, if they are others than when they were last
// read. changed says that another certificate is shown from now on.
func (s *shown) renew(now time.Time) (changed bool, err error) {
	if s == nil {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pair, sum, err := s.files.read()
	if sum == s.last {
		return false, nil
	}
	s.last = sum
	if f := s.files.look("", s.host, now); err == nil && s.host != "" && f.Level == bad {
		err = errors.New(f.Text)
	}
	if err != nil {
		return false, fmt.Errorf("read the certificate %s again: %w; the one before is still shown", s.files.Cert, err)
	}
	s.now.Store(&pair)
	return true, nil
}

// secure puts TLS 1.3 on a listener.
func secure(l net.Listener, c Certificate, host string) (net.Listener, *shown, error) {
	s, err := c.open(host)
	if err != nil {
		return l, nil, err
	}
	return tls.NewListener(l, s.config()), s, nil
}

// renew reads the certificates of the doors again, where their files are others.
func (s *Server) renew() (err error) {
	for _, one := range []*shown{s.webShown, s.apps.shown} {
		changed, rerr := one.renew(time.Now())
		if err = errors.Join(err, rerr); changed {
			s.log.Info("certificate", "outcome", "shown", "file", one.files.Cert)
		}
		if rerr != nil || changed {
			s.seen.renewed(rerr == nil)
		}
	}
	return err
}

// keepCertificates does so every minute, until ctx ends.
func (s *Server) keepCertificates(ctx context.Context) { every(ctx, time.Minute, s.renew, s.failed) }
