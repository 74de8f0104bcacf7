package attacks

import (
	"net/http"
	"strings"
	"testing"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
)

// folded is what a header is called behind CGI, WSGI and the like.
func folded(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// D01: naming our headers in Connection takes none of them away, and what is no hop's business is refused.
func TestD01ConnectionNamesNoHeaderOfOurs(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	for _, names := range []string{"X-Lockbox-Identity", "close, X-Lockbox-Identity", "X-Request-Id", "Host", "Cookie", "X-Forwarded-For"} {
		if got := s.status(get("/", "Connection: "+names)); got != http.StatusBadRequest {
			t.Errorf("Connection: %s: got %d, want 400", names, got)
		}
	}
	if all := s.canary.take(); len(all) != 0 {
		t.Errorf("the application saw %d requests, want none", len(all))
	}
	if got := s.status(get("/", "Connection: close")); got != http.StatusOK {
		t.Errorf("Connection: close: got %d", got)
	}
	if all := s.canary.take(); len(all) != 1 || len(all[0].Header.Values("X-Lockbox-Identity")) != 1 {
		t.Errorf("the application got %v, want one request with one identity", all)
	}
}

// D02, D03: whatever a client calls X-Lockbox-Identity, on whatever way, the application sees one, and it is ours.
func TestD02D03IdentityIsNeverTheClients(t *testing.T) {
	s := newStage(t, policy.HTTPPut)
	upgrade := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Origin: https://{host}"}
	for _, name := range []string{
		"X-Lockbox-Identity", "x-lockbox-identity", "X_Lockbox_Identity", "X-Lockbox_Identity", "x_LOCKBOX-identity", "X-Lockbox-Grant", "X_Lockbox_Anything",
		"X-LOCKBOX-IDENTITY", "X-Lockbox.Identity", "X-Lockbox", "X_Request_Id",
	} {
		for how, text := range map[string]string{
			"GET":       get("/", name+": forged"),
			"twice":     get("/", name+": forged", name+": forged"),
			"POST":      ask("POST", "/", "abc", "Content-Length: 3", name+": forged"),
			"WebSocket": get("/", append(upgrade, name+": forged")...),
			"trailer":   ask("POST", "/", "3\r\nabc\r\n0\r\n"+name+": forged\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: "+name),
		} {
			got := s.status(text)
			for _, h := range s.canary.take() {
				if ids := h.Header.Values("X-Lockbox-Identity"); len(ids) != 1 || strings.Count(ids[0], ".") != 2 {
					t.Errorf("%s by %s: identity %q, want one that we signed", name, how, ids)
				}
				s.foreign(name+" by "+how, h)
			}
			if got != http.StatusOK && got != http.StatusBadRequest && got != http.StatusSwitchingProtocols {
				t.Errorf("%s by %s: got %d", name, how, got)
			}
		}
	}
}

// foreign finds what a client said and an application must not hear.
func (s *stage) foreign(what string, h heard) {
	s.t.Helper()
	for name, values := range h.Header {
		if strings.Contains(name, "_") {
			s.t.Errorf("%s: %s went up", what, name)
		}
		for _, v := range values {
			if strings.Contains(v, "forged") {
				s.t.Errorf("%s: %s: %s went up", what, name, v)
			}
		}
	}
	for name := range h.Trailer {
		if strings.HasPrefix(folded(name), "x-lockbox") || strings.Contains(name, "_") {
			s.t.Errorf("%s: the trailer %s went up", what, name)
		}
	}
}

// D02 over HTTP/2, where names are small letters and may be odd.
func TestD02IdentityIsNeverTheClientsOverHTTP2(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	b := s.Browser(t, true)
	b.Jar = s.browser.Jar
	for _, name := range []string{"X-Lockbox-Identity", "X_Lockbox_Identity", "X-Lockbox-User", "X-Forwarded-For", "X_forwarded_for"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL("/"), nil)
		must(t, err)
		r.Header[name] = []string{"forged", "forged"}
		res, err := b.Do(r)
		must(t, err)
		if res.ProtoMajor != 2 {
			t.Fatalf("spoke %s", res.Proto)
		}
		_ = res.Body.Close()
		for _, h := range s.canary.take() {
			if len(h.Header.Values("X-Lockbox-Identity")) != 1 {
				t.Errorf("%s: %d identities", name, len(h.Header.Values("X-Lockbox-Identity")))
			}
			s.foreign(name, h)
		}
	}
}

// D04, D05: where a request says it came from, and what it says it asks for elsewhere than in its first line, is nobody's news.
func TestD04D05ForwardedHeadersOfAClientEndHere(t *testing.T) {
	s := newStage(t, policy.HTTPGet, func(p *policy.Policy, _ *httpproxy.Door) {
		p.Rules[1].Bounds.HTTP = &policy.HTTP{Paths: []string{"/", "/open/**"}}
	})
	names := []string{
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Server",
		"X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method",
		"X-Method-Override", "Proxy-Authorization", "Proxy-Connection", "X-Client-IP", "X-Cluster-Client-IP", "Client-IP", "X-ProxyUser-Ip", "Fastly-Client-IP",
		"X-Envoy-External-Address", "X-Forwarded-Client-Cert", "X-Forwarded-Access-Token", "X-Forwarded-User", "X-Forwarded-Email", "X-Remote-User", "Remote-User",
		"X-Auth-Request-User", "X-WebAuth-User", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups", "Authorization",
	}
	for _, name := range names {
		s.status(get("/", name+": forged"))
		for _, h := range s.canary.take() {
			s.foreign(name, h)
		}
		if got := s.status(get("/private", name+": /open/x")); got != http.StatusForbidden {
			t.Errorf("/private with %s: /open/x: got %d, want 403", name, got)
		}
	}
	if all := s.canary.take(); len(all) != 0 {
		t.Errorf("the application saw %v", all)
	}
	s.status(get("/open/x"))
	for _, h := range s.canary.take() {
		if got := h.Header.Get("X-Forwarded-For"); got != "127.0.0.1" {
			t.Errorf("X-Forwarded-For is %q, want the address of the socket", got)
		}
		if h.Header.Get("X-Forwarded-Proto") != "https" || h.Header.Get("X-Forwarded-Host") != s.Host {
			t.Errorf("forwarded: %v", h.Header)
		}
	}
}

// D06: no query, no fragment and no user agent makes a page public.
func TestD06NothingButASessionOpensAPage(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	for _, path := range []string{"/private?x=/.lockbox/jwks.json", "/private%23/.lockbox/jwks.json", "/?/.lockbox/enter", "/healthz", "/favicon.ico", "/robots.txt", "/.well-known/x"} {
		for _, agent := range []string{"GoogleHC/1.0", "kube-probe/1.30", "curl/8", ""} {
			text := "GET " + path + " HTTP/1.1\r\nHost: {host}\r\nUser-Agent: " + agent + "\r\nConnection: close\r\n\r\n"
			if got := s.status(text); got != http.StatusUnauthorized && got != http.StatusBadRequest {
				t.Errorf("%s by %q without a session: got %d, want 401", path, agent, got)
			}
		}
	}
	if all := s.canary.take(); len(all) != 0 {
		t.Errorf("the application saw %v", all)
	}
}

// D18: what opens the door stays at it.
func TestD18OurCookiesNeverGoUp(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	secret := strings.SplitN(s.cookie, "=", 2)[1]
	for _, line := range []string{"Cookie: theirs=1", "Cookie: a=b; __Host-lockbox-arrival=x; __HOST-LOCKBOX-APP=y; lockbox-app=z; c=d", "Authorization: Bearer abc"} {
		s.status(get("/", line))
	}
	all := s.canary.take()
	if len(all) == 0 {
		t.Fatal("nothing went up")
	}
	for _, h := range all {
		for name, values := range h.Header {
			text := strings.ToLower(strings.Join(values, ";"))
			if strings.Contains(text, secret) || name != "X-Lockbox-Identity" && strings.Contains(text, "lockbox-a") {
				t.Errorf("%s: %s went up", name, text)
			}
		}
		if h.Header.Get("Authorization") != "" {
			t.Errorf("Authorization went up")
		}
	}
}
