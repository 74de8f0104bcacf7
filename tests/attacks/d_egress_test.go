package attacks

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
)

// decoy is a listener that nothing may connect to.
func decoy(t *testing.T) (address string, seen *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	seen = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			seen.Add(1)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String(), seen
}

// D14, D15: whatever a request says, and wherever an answer sends, the door connects to the address of its target alone.
func TestD14D15NothingButTheTargetIsConnectedTo(t *testing.T) {
	other, seen := decoy(t)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+other+"/secret")
		w.Header().Set("Refresh", "0; url=http://"+other+"/")
		w.Header().Set("Link", "<http://"+other+"/x>; rel=preload")
		w.Header().Set("X-Accel-Redirect", "http://"+other+"/")
		w.WriteHeader(http.StatusFound)
	}))
	t.Cleanup(app.Close)
	s := newStageAt(t, app.Listener.Addr().String(), policy.HTTPPut)
	for _, text := range []string{
		get("/", "X-Forwarded-Host: "+other), get("/", "Forwarded: host="+other), get("/?url=http://" + other + "/"), get("/http://" + other + "/"),
		get("http://" + other + "/"), get("/", "X-Original-URL: http://"+other+"/"), get("/", "Destination: http://"+other+"/"),
		"GET / HTTP/1.1\r\nHost: " + other + "\r\nCookie: {cookie}\r\n\r\n", "CONNECT " + other + " HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n",
		get("/", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), get("/", "Connection: upgrade", "Upgrade: TLS/1.0"),
	} {
		_ = s.status(text)
	}
	if n := seen.Load(); n != 0 {
		t.Errorf("somewhere else was connected to %d times", n)
	}
	all := s.raw(1, get("/"))
	if len(all) != 1 || all[0].StatusCode != http.StatusFound {
		t.Fatalf("got %s, want the redirect itself", statuses(all))
	}
}

// D14, D16: addresses that no target has are dialled by nobody, in whatever way they are written.
func TestD14AddressesThatNoTargetHas(t *testing.T) {
	own, reached := decoy(t) // as if it were a door of ours
	_, port, err := net.SplitHostPort(own)
	must(t, err)
	for _, address := range []string{
		"169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fe80::1]:80", "[fe80::1%25lo]:80", "0.0.0.0:" + port, "[::]:" + port, "255.255.255.255:80", "224.0.0.1:80", "[ff02::1]:80",
		own, "[::ffff:127.0.0.1]:" + port, "localhost:" + port, "[fd00:ec2::254]:80", "2852039166:80", "0x7f.1:" + port, "127.1:" + port, "0177.0.0.1:" + port,
	} {
		t.Run(address, func(t *testing.T) {
			s := newStageAt(t, address, policy.HTTPGet, func(_ *policy.Policy, d *httpproxy.Door) {
				d.Own = append(d.Own, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(own)))
			})
			if got := s.status(get("/")); got != http.StatusBadGateway {
				t.Errorf("got %d, want 502", got)
			}
			if n := reached.Load(); n != 0 {
				t.Errorf("it was connected to %d times", n)
			}
		})
	}
}

// What a target answers touches neither our cookies nor other applications, and says nothing in our name.
func TestD18AnswersTouchNothingOfOurs(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range []string{
			"__Host-lockbox-app=evil; Path=/; Secure", "__HOST-LOCKBOX-APP=evil; Path=/; Secure", "lockbox-app=evil", " lockbox-arrival=evil", "=__Host-lockbox-app=evil; Path=/; Secure", "=lockbox-app=evil",
			"__Host-lockbox-app", "theirs=1; Domain=localhost; Path=/", "more=2; domain=.localhost; HttpOnly", "last=3;DOMAIN=localhost",
		} {
			w.Header().Add("Set-Cookie", c)
		}
		for _, name := range []string{"X-Lockbox-Identity", "X-Request-Id", "Clear-Site-Data", "Service-Worker-Allowed", "Alt-Svc", "Strict-Transport-Security", "Proxy-Authenticate"} {
			w.Header().Set(name, "evil")
		}
	}))
	t.Cleanup(app.Close)
	s := newStageAt(t, app.Listener.Addr().String(), policy.HTTPGet)
	all := s.raw(1, get("/"))
	if len(all) != 1 || all[0].StatusCode != http.StatusOK {
		t.Fatalf("got %s", statuses(all))
	}
	for name, values := range all[0].Header {
		for _, v := range values {
			if low := strings.ToLower(v); strings.Contains(low, "evil") || strings.Contains(low, "domain=") || strings.Contains(low, "lockbox-a") {
				t.Errorf("%s: %s came down", name, v)
			}
		}
	}
	if got := fmt.Sprint(all[0].Header["Set-Cookie"]); got != "[theirs=1; Path=/ more=2; HttpOnly last=3]" {
		t.Errorf("their own cookies came as %s", got)
	}
}
