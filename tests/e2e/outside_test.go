package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
	"lockbox/tests/fakes/slack"
	"lockbox/tests/fakes/smtp"
)

// A line leads from an address that stays to what others run, and can be cut.
type line struct {
	t    *testing.T
	addr string
	work func(net.Conn) // serves one connection until it ends

	mu    sync.Mutex
	from  net.Listener // nil: cut
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newLine(t *testing.T, work func(net.Conn)) *line {
	t.Helper()
	l := &line{t: t, addr: "127.0.0.1:0", work: work, conns: map[net.Conn]bool{}}
	l.mend()
	t.Cleanup(l.cut)
	return l
}

// mend listens again, where it did before.
func (l *line) mend() {
	l.t.Helper()
	from, err := net.Listen("tcp", l.addr)
	must(l.t, err)
	l.mu.Lock()
	l.from, l.addr = from, from.Addr().String()
	l.mu.Unlock()
	l.wg.Go(func() {
		for {
			c, err := from.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.conns[c] = true
			l.mu.Unlock()
			l.wg.Go(func() {
				l.work(c)
				_ = c.Close()
				l.mu.Lock()
				delete(l.conns, c)
				l.mu.Unlock()
			})
		}
	})
}

// cut leaves nobody there: what is open ends, and nothing listens.
func (l *line) cut() {
	l.mu.Lock()
	if l.from != nil {
		_ = l.from.Close()
	}
	l.from = nil
	for c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

// joined carries bytes both ways until either side ends.
func joined(a net.Conn, b net.Conn) {
	go func() {
		_, _ = io.Copy(a, b)
		_ = a.Close()
	}()
	_, _ = io.Copy(b, a)
	_ = b.Close()
}

// outside is what others run for a site: a Slack, a mail server and a witness.
type outside struct {
	s       *site
	slack   *slack.Slack
	mails   *smtp.Server
	lines   []*line // to Slack and to the mail server
	witness string  // folder
	runs    *harness.Process
}

// connect configures a site with what others run, and signs for it.
func (s *site) connect() *outside {
	s.t.Helper()
	o := &outside{s: s, slack: slack.New(s.t), mails: smtp.Start(s.t, true, false, "localhost")}
	cert, trust := authority(s.t, "slack.com")
	api, err := url.Parse(o.slack.API())
	must(s.t, err)
	proxy := newLine(s.t, func(c net.Conn) { tunnel(c, cert, api.Host) })
	mail := newLine(s.t, func(c net.Conn) {
		if up, err := net.Dial("tcp", o.mails.Addr); err == nil {
			joined(c, up)
		}
	})
	o.lines = []*line{proxy, mail}
	roots := filepath.Join(s.t.TempDir(), "roots.pem")
	must(s.t, os.WriteFile(roots, append(trust, o.mails.CA...), 0o600))
	s.env = append(s.env, "SSL_CERT_FILE="+roots, "HTTPS_PROXY=http://"+proxy.addr, "SLACK_BOT="+slack.Bot)

	at := freeAddr(s.t)
	dir, key := s.witness("nord.witness.test")
	o.witness = dir
	edit(s.t, filepath.Join(dir, "witness.yaml"), "127.0.0.1:8090", at)
	o.cosigns()
	_, port, err := net.SplitHostPort(mail.addr)
	must(s.t, err)
	s.edit("lockbox.yaml", "mode: production", fmt.Sprintf(`witnesses:
  - { name: nord, key: %q, url: "http://%s" }
notify:
  mail: { server: "localhost:%s", tls: implicit, from: lockbox@x.eu }
  slack: { team: %s, app: %s, channel: %s, bot: "env:SLACK_BOT" }
mode: production`, key, at, port, slack.Team, slack.App, slack.Channel))
	return o
}

func (o *outside) cosigns() {
	o.runs = harness.Start(o.s.t, exec.Command(program, "witness", "--config", filepath.Join(o.witness, "witness.yaml")))
	o.runs.Expect("listens on", wait)
}

// fails has all of it gone: nothing listens where it was.
func (o *outside) fails() {
	o.runs.Kill()
	for _, l := range o.lines {
		l.cut()
	}
}

// returns has all of it back.
func (o *outside) returns() {
	o.s.t.Helper()
	o.cosigns()
	for _, l := range o.lines {
		l.mend()
	}
}

// tunnel is a proxy of which every address is one host.
func tunnel(c net.Conn, cert tls.Certificate, to string) {
	head := make([]byte, 0, 1024)
	for b := make([]byte, 1); len(head) < cap(head) && string(head[max(0, len(head)-4):]) != "\r\n\r\n"; head = append(head, b[0]) {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	joined(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}), up)
}

// authority makes a certificate for a name, and the same for who has to trust it.
func authority(t *testing.T, name string) (tls.Certificate, []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
