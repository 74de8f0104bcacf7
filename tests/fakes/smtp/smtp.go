package smtp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// A Way is how the server behaves. The zero Way takes the mail.
type Way struct {
	Rcpt int  // answers RCPT with this code
	Data int  // answers the end of DATA with this code
	Mail int  // answers MAIL with this code
	Hang bool // never answers DATA
	Drop bool // cuts the line amid DATA

	HangFor string // never answers DATA for this address
}

// A Letter is what came.
type Letter struct {
	From, To string
	Body     []byte
}

// A Server takes mail on loopback.
type Server struct {
	Addr  string
	Roots *x509.CertPool // that its certificate leads to
	CA    []byte         // the same, in PEM
	User  string         // who must sign in; "" nobody
	Pass  string

	mu    sync.Mutex
	way   Way
	mails []Letter
	tries int
	free  chan struct{}
}

// Start serves until the test ends. Implicit: TLS from the first byte. Names are those of the certificate; plain: no TLS is offered.
func Start(t testing.TB, implicit, plain bool, names ...string) *Server {
	t.Helper()
	cert, roots := certificate(t, names)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	s := &Server{Roots: roots, CA: ca, free: make(chan struct{})}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s.Addr = net.JoinHostPort("localhost", port)
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) { return &session{s: s, conn: c}, nil }))
	srv.Domain, srv.MaxMessageBytes, srv.ErrorLog = "localhost", 1<<20, quiet{}
	switch {
	case implicit:
		l = tls.NewListener(l, conf)
	case !plain:
		srv.TLSConfig = conf
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		close(s.free)
		_ = srv.Close()
		wg.Wait()
	})
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// Do has the server behave so from now on.
func (s *Server) Do(w Way) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.way = w
}

// Mails are those that it took.
func (s *Server) Mails() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Letter(nil), s.mails...)
}

// Tries is how many messages were begun.
func (s *Server) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

type session struct {
	s    *Server
	conn *gosmtp.Conn
	l    Letter
	in   bool
}

func answer(code int) error {
	if code == 0 {
		return nil
	}
	return &gosmtp.SMTPError{Code: code, EnhancedCode: gosmtp.EnhancedCode{code / 100, 1, 1}, Message: "as the test says"}
}

func (c *session) way() Way {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.way
}

// AuthMechanisms are those that the server knows.
func (c *session) AuthMechanisms() []string {
	if c.s.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth signs in.
func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if c.in = user == c.s.User && pass == c.s.Pass; !c.in {
			return errors.New("the password " + pass + " is wrong") // servers say such things
		}
		return nil
	}), nil
}

func (c *session) Reset()        { c.l = Letter{} }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *gosmtp.MailOptions) error {
	c.s.mu.Lock()
	c.s.tries++
	c.s.mu.Unlock()
	if c.s.User != "" && !c.in {
		return answer(530)
	}
	c.l.From = from
	return answer(c.way().Mail)
}

func (c *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	c.l.To = to
	return answer(c.way().Rcpt)
}

func (c *session) Data(r io.Reader) (err error) {
	w := c.way()
	if w.Drop {
		_, _ = io.CopyN(io.Discard, r, 10)
		_ = c.conn.Conn().Close()
		return io.ErrClosedPipe
	}
	if c.l.Body, err = io.ReadAll(r); err != nil {
		return err
	}
	if w.Hang || w.HangFor != "" && w.HangFor == c.l.To {
		<-c.s.free
	}
	if err := answer(w.Data); err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.mails = append(c.s.mails, c.l)
	return nil
}

func certificate(t testing.TB, names []string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail of the tests"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, roots
}
