package door

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway/httpproxy"
	"lockbox/gateway/identity"
	"lockbox/gateway/keys"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

// Wiki is the application behind a Web.
const Wiki = "wiki"

// A Web is the HTTP door in this process, over TLS, with an application behind it.
type Web struct {
	*world.World
	Door *httpproxy.Door
	Addr string // where it listens
	Host string // of the application, with its port

	scheme string
	roots  *x509.CertPool
}

// NewWeb opens the HTTP door in front of an application at that address.
// change may have other words in the policy, and other fields in the door.
func NewWeb(t testing.TB, address string, change ...func(*policy.Policy, *httpproxy.Door)) *Web {
	t.Helper()
	conf, roots := certificate(t)
	return open(t, "https", conf, roots, address, change)
}

// NewPlainWeb is NewWeb without TLS, as `lockbox dev` has it.
func NewPlainWeb(t testing.TB, address string, change ...func(*policy.Policy, *httpproxy.Door)) *Web {
	t.Helper()
	return open(t, "http", nil, nil, address, change)
}

func open(t testing.TB, scheme string, conf *tls.Config, roots *x509.CertPool, address string, change []func(*policy.Policy, *httpproxy.Door)) *Web {
	t.Helper()
	w := &Web{scheme: scheme, roots: roots, World: world.New(t, "127.0.0.1:1", "SHA256:none")}
	own, err := keys.OpenWeb(filepath.Join(w.Dir, "keys"), time.Now)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w.Addr = l.Addr().String()
	_, port, err := net.SplitHostPort(w.Addr)
	must(t, err)
	w.Host = Wiki + ".localhost:" + port
	w.Door = &httpproxy.Door{
		Gateway: w.Gateway, Desk: w.Desk, People: w.People, Portal: world.Party().Origins[0], Apps: scheme + "://localhost:" + port,
		Report: func(err error) { t.Log("reported:", err) },
		Sign:   func(c httpproxy.Claims) (string, error) { return own.Sign(c) }, Keys: own.JWKS,
		Own: []net.Addr{l.Addr()},
	}
	words := WebPolicy(address)
	for _, c := range change {
		c(words, w.Door)
	}
	w.SetPolicy(words)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.Door.Serve(ctx, l, conf) }()
	t.Cleanup(func() {
		w.Gateway.Close("the test is over")
		stop()
		if err := <-served; err != nil {
			t.Error("serve:", err)
		}
		w.Door.Close()
	})
	return w
}

// WebPolicy is the world's, with an application that holds nobody's data.
func WebPolicy(address string) *policy.Policy {
	p := world.Policy("127.0.0.1:1", "SHA256:none")
	p.Targets[Wiki] = &policy.Target{
		Name: Wiki, Kind: "http", Address: address, Owner: "eng@x.eu", Location: "here", Logins: []policy.Login{{Name: "web"}},
		Labels: map[string]string{"env": "web"}, Web: policy.Web{Plain: true},
	}
	p.Rules = append(p.Rules, policy.Rule{
		Name: "web", Position: "policy/rules.yaml:9:1", Actions: []policy.Action{policy.HTTPGet, policy.HTTPPut}, Groups: []string{"engineers"},
		Labels: map[string]string{"env": "web"}, Fresh: 15 * time.Minute,
		Stages: []policy.Stage{{Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour}},
		Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour},
	})
	return p
}

// certificate is a new one for every name below localhost, and who trusts it.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lockbox test"}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.localhost", "localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"},
	}, roots
}

// TLS is what a client of the door uses; protos are those it offers.
func (w *Web) TLS(protos ...string) *tls.Config {
	return &tls.Config{RootCAs: w.roots, ServerName: Wiki + ".localhost", NextProtos: protos}
}

// A Browser keeps cookies, and does not follow redirects.
type Browser struct {
	*http.Client
	web *Web
}

// Browser is a new one. It finds every name at the door.
func (w *Web) Browser(t testing.TB, h2 bool) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: w.roots}, ForceAttemptHTTP2: h2, DisableCompression: true, MaxIdleConnsPerHost: 256, Protocols: new(http.Protocols),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", w.Addr)
		},
	}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetHTTP2(h2)
	t.Cleanup(tr.CloseIdleConnections)
	return &Browser{web: w, Client: &http.Client{
		Transport: tr, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// URL is that of a page of the application.
func (w *Web) URL(path string) string { return w.scheme + "://" + w.Host + path }

// Cookie is what the browser sends to the application.
func (b *Browser) Cookie(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(b.web.URL("/"))
	must(t, err)
	var all []string
	for _, c := range b.Jar.Cookies(u) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

// Navigate asks for a page as somebody does who clicks.
func (b *Browser) Navigate(t testing.TB, address string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	must(t, err)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	res, err := b.Do(r)
	must(t, err)
	_ = res.Body.Close() // its head is what counts
	return res
}

// Arrive asks for a page without a session, and gives the arrival's id.
func (b *Browser) Arrive(t testing.TB, path string) string {
	t.Helper()
	res := b.Navigate(t, b.web.URL(path))
	id, ok := strings.CutPrefix(res.Header.Get("Location"), b.web.Door.Portal+"/h/")
	if res.StatusCode != http.StatusSeeOther || !ok {
		t.Fatalf("a browser without a session got %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	return id
}

// SignIn gives h a session at the portal, and its name.
func (w *Web) SignIn(t testing.TB, h *world.Human) (cookie, id string) {
	t.Helper()
	ask, err := w.People.BeginSignIn(t.Context(), identity.Meta{Source: "127.0.0.1"})
	must(t, err)
	cookie, _, err = w.People.FinishSignIn(t.Context(), ask.ID, h.Answer(t, ask.Options), identity.Meta{Source: "127.0.0.1"})
	must(t, err)
	return cookie, identity.WebID(cookie)
}

// Grant lets h use the application for an hour, and gives the request.
func (w *Web) Grant(t testing.TB, h *world.Human, do policy.Action) string {
	t.Helper()
	v, err := w.Desk.Submit(t.Context(), h.Principal, approvals.Application{
		Target: Wiki, Do: do, For: time.Hour, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"},
	})
	must(t, err)
	must(t, w.Approve(t, w.Ceo, v.Request.ID))
	return v.Request.ID
}

// Admit opens the session of an arrival for h, who has a grant: with the touch it takes, as the portal does.
func (w *Web) Admit(t testing.TB, h *world.Human, arrival, web string) (address string) {
	t.Helper()
	a, ok := w.Door.Arrival(arrival)
	if !ok {
		t.Fatal("nobody waits by that id")
	}
	k := a.Knock(h.Principal, web, policy.HTTPGet)
	k.From = netip.MustParseAddr("127.0.0.1")
	e, err := w.Gateway.Enter(t.Context(), k)
	must(t, err)
	if e.Verdict == policy.Prove {
		w.TouchHere(t, h, e.Terminal)
	}
	address, e, err = w.Door.Admit(t.Context(), arrival, h.Principal, web)
	must(t, err)
	if e.Verdict != policy.Allow {
		t.Fatalf("admit: %v %s", e.Verdict, e.Why)
	}
	return address
}

// TouchHere is the touch of h in the browser itself.
func (w *Web) TouchHere(t testing.TB, h *world.Human, at approvals.Terminal) {
	t.Helper()
	shown, err := w.Desk.TouchHere(t.Context(), h.Principal, at)
	must(t, err)
	must(t, w.Desk.Touched(t.Context(), h.Principal, shown.ID, w.Sign(t, h, statement.ForArrive, shown.Statement)))
}

// An Inside is a browser in the application.
type Inside struct {
	*Browser
	Request string // under which it is there
	Portal  string // cookie of its person's session at the portal
}

// In is a browser of h in the application, at the page it asked for; what it may do is do.
func (w *Web) In(t testing.TB, h *world.Human, h2 bool, do policy.Action, path string) Inside {
	t.Helper()
	request := w.Grant(t, h, do)
	portal, web := w.SignIn(t, h)
	b := w.Browser(t, h2)
	res := b.Navigate(t, w.Admit(t, h, b.Arrive(t, path), web))
	if at := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || strings.TrimPrefix(at, w.URL("")) != path {
		t.Fatalf("the browser that arrived got %d to %q, want %q", res.StatusCode, at, path)
	}
	return Inside{b, request, portal}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
