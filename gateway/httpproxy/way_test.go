package httpproxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/tests/door"
)

// spoken changes how the application is spoken to.
func spoken(web policy.Web, more ...func(*httpproxy.Door)) func(*policy.Policy, *httpproxy.Door) {
	return func(p *policy.Policy, d *httpproxy.Door) {
		p.Targets[door.Wiki].Web = web
		for _, m := range more {
			m(d)
		}
	}
}

// issue makes a certificate for a name, of a CA; a CA where there is none.
func issue(t testing.TB, name string, ca *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := c, key
	if ca == nil {
		c.IsCA, c.KeyUsage, c.ExtKeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature, nil
	} else {
		parent, signer = ca.Leaf, ca.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func pin(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func inPEM(t testing.TB, kind string, der []byte, name string) {
	t.Helper()
	must(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// overTLS is an application over TLS with that certificate, which asks for one of clients where it has a CA for them.
func overTLS(t testing.TB, c tls.Certificate, clients *tls.Certificate, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c}, NextProtos: []string{"h2", "http/1.1"}}
	if clients != nil {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		s.TLS.ClientCAs.AddCert(clients.Leaf)
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "https://")
}

func TestATargetProvesThatItIsTheOne(t *testing.T) {
	ca, other := issue(t, "ca", nil), issue(t, "other ca", nil)
	leaf, self := issue(t, "wiki.internal", &ca), issue(t, "wiki.internal", nil)
	certs := t.TempDir()
	inPEM(t, "CERTIFICATE", ca.Certificate[0], filepath.Join(certs, "wiki.ca"))
	shown := leaf
	shown.Certificate = append(shown.Certificate, ca.Certificate[0])
	there := func(d *httpproxy.Door) { d.Certs = certs }
	for _, c := range []struct {
		name  string
		cert  tls.Certificate
		web   policy.Web
		certs func(*httpproxy.Door)
		want  int
	}{
		{"by a CA that it shows", shown, policy.Web{CA: pin(ca), Name: "wiki.internal"}, func(*httpproxy.Door) {}, 200},
		{"by a CA that lies here", leaf, policy.Web{CA: pin(ca), Name: "wiki.internal"}, there, 200},
		{"by itself", self, policy.Web{CA: pin(self), Name: "wiki.internal"}, func(*httpproxy.Door) {}, 200},
		{"by a CA that nobody has", leaf, policy.Web{CA: pin(ca), Name: "wiki.internal"}, func(*httpproxy.Door) {}, 502},
		{"by another CA", shown, policy.Web{CA: pin(other), Name: "wiki.internal"}, func(*httpproxy.Door) {}, 502},
		{"another CA lies here", leaf, policy.Web{CA: pin(other), Name: "wiki.internal"}, there, 502},
		{"under another name", shown, policy.Web{CA: pin(ca), Name: "admin.internal"}, func(*httpproxy.Door) {}, 502},
		{"under the name in its address", shown, policy.Web{CA: pin(ca)}, func(*httpproxy.Door) {}, 502},
		{"by nobody whom the machine knows", shown, policy.Web{Name: "wiki.internal"}, func(*httpproxy.Door) {}, 502},
	} {
		w := door.NewWeb(t, overTLS(t, c.cert, nil, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }), spoken(c.web, c.certs))
		b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
		res, got := fetch(t, b.Browser, "GET", w.URL("/"))
		if res.StatusCode != c.want || c.want == 200 && got != "HTTP/2.0" {
			t.Errorf("%s: got %d %s", c.name, res.StatusCode, got)
		}
	}
}

func TestATargetAsksWhoWeAre(t *testing.T) {
	ca, clients := issue(t, "wiki.internal", nil), issue(t, "clients", nil)
	mine := issue(t, "lockbox", &clients)
	certs := t.TempDir()
	inPEM(t, "CERTIFICATE", mine.Certificate[0], filepath.Join(certs, "wiki.crt"))
	key, err := x509.MarshalPKCS8PrivateKey(mine.PrivateKey)
	must(t, err)
	inPEM(t, "PRIVATE KEY", key, filepath.Join(certs, "wiki.key"))
	for _, c := range []struct {
		client bool
		mode   os.FileMode
		want   int
	}{{true, 0o600, 200}, {false, 0o600, 502}, {true, 0o644, 502}} {
		must(t, os.Chmod(filepath.Join(certs, "wiki.key"), c.mode))
		w := door.NewWeb(t, overTLS(t, ca, &clients, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		}),
			spoken(policy.Web{CA: pin(ca), Name: "wiki.internal", Client: c.client}, func(d *httpproxy.Door) { d.Certs = certs }))
		b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
		if res, got := fetch(t, b.Browser, "GET", w.URL("/")); res.StatusCode != c.want || c.want == 200 && got != "lockbox" {
			t.Errorf("%+v: got %d %s", c, res.StatusCode, got)
		}
	}
}

// TestNoTargetIsInside: neither the gateway's own doors nor where clouds keep secrets.
func TestNoTargetIsInside(t *testing.T) {
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = canary.Close() }()
	go func() {
		for {
			c, err := canary.Accept()
			if err != nil {
				return
			}
			t.Error("it was reached")
			_ = c.Close()
		}
	}()
	here := netip.MustParseAddrPort(canary.Addr().String())
	for address, own := range map[string]netip.AddrPort{
		canary.Addr().String():                   here,
		fmt.Sprint("localhost:", here.Port()):    here,
		fmt.Sprint("127.0.0.1:", here.Port()):    netip.AddrPortFrom(netip.IPv6Unspecified(), here.Port()),
		"169.254.169.254:80":                     {},
		"[fd00:ec2::254]:80":                     {},
		"[::ffff:169.254.169.254]:80":            {},
		fmt.Sprint("[fe80::1%lo]:", here.Port()): {},
	} {
		w := door.NewWeb(t, address, spoken(policy.Web{Plain: true}, func(d *httpproxy.Door) { d.Own = []net.Addr{net.TCPAddrFromAddrPort(own)} }))
		b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
		if res, got := fetch(t, b.Browser, "GET", w.URL("/")); res.StatusCode != http.StatusBadGateway || strings.Contains(got, address) {
			t.Errorf("%s: got %d %s", address, res.StatusCode, got)
		}
	}
}

func TestARedirectIsForTheBrowser(t *testing.T) {
	var address string
	address = target(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", map[string]string{"/self": "http://" + address + "/x?y=1", "/other": "http://127.0.0.1:1/x", "/rel": "/x"}[r.URL.Path])
		w.WriteHeader(http.StatusFound)
	})
	w := door.NewWeb(t, address)
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	for path, want := range map[string]string{"/self": w.URL("/x?y=1"), "/other": "http://127.0.0.1:1/x", "/rel": "/x"} {
		if res, _ := fetch(t, b.Browser, "GET", w.URL(path)); res.Header.Get("Location") != want {
			t.Errorf("%s: got %q", path, res.Header.Get("Location"))
		}
	}
}

func TestATargetThatDoesNotAnswer(t *testing.T) {
	quiet, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	must(t, err)
	defer func() { _ = quiet.Close() }()
	w := door.NewWeb(t, quiet.Addr().String(), spoken(policy.Web{Plain: true, Answer: 50 * time.Millisecond}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	res, got := fetch(t, b.Browser, "GET", w.URL("/"))
	if res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(got, `"code":"LBX-TARGET"`) || !strings.Contains(got, res.Header.Get("X-Request-Id")) {
		t.Errorf("got %d %s", res.StatusCode, got)
	}
	gone := door.NewWeb(t, "127.0.0.1:1")
	b = gone.In(t, gone.Eng, true, policy.HTTPGet, "/")
	if res, got := fetch(t, b.Browser, "GET", gone.URL("/")); res.StatusCode != http.StatusBadGateway || strings.Contains(got, "127.0.0.1") {
		t.Errorf("got %d %s", res.StatusCode, got)
	}
}

func TestWhatMovesNothingForTooLongIsCut(t *testing.T) {
	over := make(chan struct{})
	w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(over)
	}), spoken(policy.Web{Plain: true, Silent: 500 * time.Millisecond}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	res, err := b.Get(w.URL("/"))
	must(t, err)
	if _, err := res.Body.Read(make([]byte, 1)); err == nil && res.StatusCode == http.StatusOK {
		t.Error("it goes on")
	}
	<-over
}

// What a target says too much on a connection is nobody else's answer: sessions share none, and keep their own.
func TestD01SessionsShareNoConnectionToATarget(t *testing.T) {
	whence := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto, " from ", r.RemoteAddr) }
	self := issue(t, "wiki.internal", nil)
	plain := httptest.NewServer(http.HandlerFunc(whence))
	t.Cleanup(plain.Close)
	for proto, w := range map[string]*door.Web{
		"HTTP/1.1": door.NewWeb(t, plain.Listener.Addr().String()),
		"HTTP/2.0": door.NewWeb(t, overTLS(t, self, nil, whence), spoken(policy.Web{CA: pin(self), Name: "wiki.internal"})),
	} {
		one, other := w.In(t, w.Eng, false, policy.HTTPGet, "/"), w.In(t, w.Mate, false, policy.HTTPGet, "/")
		_, first := fetch(t, one.Browser, "GET", w.URL("/"))
		_, second := fetch(t, other.Browser, "GET", w.URL("/"))
		_, again := fetch(t, one.Browser, "GET", w.URL("/"))
		if first == second || again != first || !strings.HasPrefix(first, proto) {
			t.Errorf("got %q, then %q for another person, then %q", first, second, again)
		}
	}
}
