package attacks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
)

// D12, D13, D16, D17: the door answers to the names of its applications, each written in one way, and to no other.
func TestD12D13D16D17UnknownHostsAreMisdirected(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	_, port, _ := strings.Cut(s.Host, ":")
	for _, host := range []string{
		"evil.example", "localhost:8080", "localhost", "127.0.0.1", "127.0.0.1:" + port, s.Addr, "[::1]:" + port, "localhost:" + port, "other.localhost:" + port, "db1.prod.localhost:" + port,
		"wiki.localhost", "wiki.localhost:1", "wiki.localhost.:" + port, "wiki..localhost:" + port, "x.wiki.localhost:" + port, "wiki.localhost:" + port + ".evil.example",
		"wiki.evil.example", "xn--wiki-.localhost:" + port, "xn--wiki.localhost:" + port, "w\xc3\xadki.localhost:" + port, "wiki%2elocalhost:" + port, "[::ffff:127.0.0.1%25wiki]:" + port,
		"evil.example@wiki.localhost:" + port, "wiki.localhost:" + port + "@evil.example", "wiki.localhost:" + port + "/x", "wiki.localhost:" + port + " evil", "", ".localhost:" + port, "-wiki.localhost:" + port,
		"WIKI.LOCALHOST.EVIL:" + port,
	} {
		for _, path := range []string{"/", "/.lockbox/enter?code=x", "/.lockbox/jwks.json"} {
			text := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nCookie: {cookie}\r\nX-Forwarded-Host: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
			got := s.status(text)
			if got != http.StatusMisdirectedRequest && got != http.StatusBadRequest {
				t.Errorf("Host: %q, %s: got %d, want 421", host, path, got)
			}
		}
	}
	if all := s.canary.take(); len(all) != 0 {
		t.Errorf("the application saw %v", all)
	}
}

// D17: one application cannot be asked for through another, nor with its cookie.
func TestD17ApplicationsAreApart(t *testing.T) {
	other := newCanary(t)
	s := newStage(t, policy.HTTPGet, func(p *policy.Policy, _ *httpproxy.Door) {
		second := *p.Targets["wiki"]
		second.Name, second.Address = "vault", other.Listener.Addr().String()
		p.Targets["vault"] = &second
	})
	vault := strings.Replace(s.Host, "wiki", "vault", 1)
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: " + vault + "\r\nCookie: {cookie}\r\n\r\n",
		"GET /?target=vault HTTP/1.1\r\nHost: {host}\r\nX-Target: vault\r\n\r\n",
	} {
		if got := s.status(text); got != http.StatusUnauthorized {
			t.Errorf("%q: got %d, want 401", text[:24], got)
		}
	}
	if all := other.take(); len(all) != 0 {
		t.Errorf("the other application saw %v", all)
	}
}

// D24: the way to the portal and back leads nowhere else, whatever was asked for.
func TestD24NoRedirectLeadsElsewhere(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	_, web := s.SignIn(t, s.Eng)
	for _, path := range []string{
		"/", "/a?b=c", "//evil.example/x", "/\\evil.example", "/%5cevil.example", "/%2f/evil.example", "/%09/evil.example", "/x?next=https://evil.example", "/@evil.example",
		"/https://evil.example", "///evil.example", "/.evil.example", "/;@evil.example", "/%0d%0aLocation:%20https://evil.example", "/x#@evil.example",
	} {
		text := "GET " + path + " HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n"
		all := s.raw(1, text)
		if len(all) != 1 {
			t.Errorf("%s: no answer", path)
			continue
		}
		at := all[0].Header.Get("Location")
		if all[0].StatusCode == http.StatusBadRequest && at == "" {
			continue
		}
		id, ok := strings.CutPrefix(at, s.Door.Portal+"/h/")
		if all[0].StatusCode != http.StatusSeeOther || !ok || strings.ContainsAny(id, "/?#") {
			t.Errorf("%s: got %d to %q", path, all[0].StatusCode, at)
			continue
		}
		b := s.Browser(t, false)
		for _, c := range all[0].Cookies() {
			b.Jar.SetCookies(mustURL(t, s.URL("/")), []*http.Cookie{c})
		}
		back := b.Navigate(t, s.Admit(t, s.Eng, id, web)).Header.Get("Location")
		u, err := url.Parse(back)
		if err != nil || u.Host != "" && u.Host != s.Host || u.Scheme != "" && u.Scheme != "https" || strings.HasPrefix(u.Path, "//") || strings.Contains(back, `\`) {
			t.Errorf("%s: came back to %q", path, back)
		}
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	must(t, err)
	return u
}

// A link into an application opens nothing in another browser than the one that arrived, nor twice (login CSRF, fixation).
func TestD21TheLinkInIsForOneBrowserOnce(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	_, web := s.SignIn(t, s.Eng)
	victim, attacker := s.Browser(t, false), s.Browser(t, false)
	victim.Arrive(t, "/")
	address := s.Admit(t, s.Eng, attacker.Arrive(t, "/"), web)
	if res := victim.Navigate(t, address); setsSession(res) {
		t.Error("a link that somebody else was given opened a session")
	}
	if res := s.Browser(t, false).Navigate(t, address); setsSession(res) {
		t.Error("a link without its browser opened a session")
	}
	res := attacker.Navigate(t, address)
	if !setsSession(res) {
		t.Fatalf("after others tried, the browser that arrived got %d", res.StatusCode)
	}
	if res := attacker.Navigate(t, address); setsSession(res) {
		t.Error("a link opened a session twice")
	}
}

func setsSession(res *http.Response) bool {
	for _, c := range res.Cookies() {
		if strings.HasSuffix(c.Name, "lockbox-app") && c.Value != "" && c.MaxAge >= 0 {
			return true
		}
	}
	return false
}
