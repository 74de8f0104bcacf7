package httpproxy

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func asking(uri string) *http.Request {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		u = &url.URL{}
	}
	return &http.Request{Method: http.MethodGet, RequestURI: uri, URL: u}
}

func TestAPathIsWrittenInOneWay(t *testing.T) {
	for _, uri := range []string{
		"/", "/a", "/a/", "/a/b.c", "/a/.hidden", "/..a", "/a..b/c", "/caf%C3%A9", "/a%20b", "/100%25", "/a?x=%2e%2e//", "/a?x=1;y=2", "/a+b", "/(a)", "/a,b", "/@a/:b", "/a~b", "/a=b&c", "/a[b]", "/?" + strings.Repeat("a&", 255),
	} {
		if why := wrongURL(asking(uri)); why != "" {
			t.Errorf("%s: %s", uri, why)
		}
	}
	for _, uri := range []string{
		"//", "//a", "/a//b", "/.", "/..", "/a/.", "/a/..", "/a/./b", "/a/../b", "/%2e", "/%2E%2e/a", "/a/%2e%2e/b", "/.%2e/a", "/a%2fb", "/a%2Fb", "/a%5cb", `/a\b`, "/a;b", "/a%3Bb", "/a%00", "/a%0a",
		"/a%7f", "/%61", "/%41", "/a%2Db", "/a%7Eb", "/%252e", "/%25%32%65", "/a.", "/a./b", "/...", "/a%ff", "/%c0%ae", "/a%", "/a%2", "/a%zz", "*", "a", "", "http://x/a", "http://wiki.localhost/a", "/a#b", "/a|b", "/a\"b", "/a^b", "/é",
		"/" + strings.Repeat("a", urlMost), "/?" + strings.Repeat("a&", 256),
	} {
		if why := wrongURL(asking(uri)); why == "" {
			t.Errorf("%s passes", uri[:min(len(uri), 50)])
		}
	}
}

// FuzzPath: what passes is for every reader the same path, and goes up as it came.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "/a%20b", "/%2e%2e/a", "/a;b", "/a//b", "/%25", "/%252e", "/caf%C3%A9?x=%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		r := asking(uri)
		if wrongURL(r) != "" {
			return
		}
		raw, _, _ := strings.Cut(uri, "?")
		once, err := url.PathUnescape(raw)
		if err != nil || once != r.URL.Path {
			t.Fatalf("%q is %q, and %q to others", uri, r.URL.Path, once)
		}
		if r.URL.EscapedPath() != raw {
			t.Fatalf("%q goes up as %q", raw, r.URL.EscapedPath())
		}
		twice, err := url.PathUnescape(once)
		if err == nil && twice != once && strings.ContainsAny(strings.TrimPrefix(twice, once), `/\;`) {
			t.Fatalf("%q read twice is %q", uri, twice)
		}
		for _, p := range []string{once, strings.ToLower(once)} {
			for part := range strings.SplitSeq(p, "/") {
				if part == "." || part == ".." || strings.ContainsAny(part, "\\;\x00") {
					t.Fatalf("%q holds %q", uri, part)
				}
			}
		}
	})
}

func TestAPatternListsWhatItSays(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		path     string
		want     bool
	}{
		{nil, "/a", true}, {[]string{"/"}, "/", true}, {[]string{"/"}, "/a", false}, {[]string{"/a"}, "/a", true}, {[]string{"/a"}, "/a/", false}, {[]string{"/a"}, "/A", false},
		{[]string{"/api/**"}, "/api/", true}, {[]string{"/api/**"}, "/api/x/y", true}, {[]string{"/api/**"}, "/api", false}, {[]string{"/api/**"}, "/apix", false}, {[]string{"/**"}, "/x", true}, {[]string{"/x", "/y/**"}, "/y/z", true},
	} {
		if got := matches(c.patterns, c.path); got != c.want {
			t.Errorf("%v lists %s: %v", c.patterns, c.path, got)
		}
	}
}

func TestAHostIsOneApplicationOrNone(t *testing.T) {
	s := newSite("https://gw.example.eu:8443")
	for host, want := range map[string]string{
		"wiki.gw.example.eu:8443": "wiki", "a-1.gw.example.eu:8443": "a-1",
		"gw.example.eu:8443": "", "wiki.gw.example.eu": "", "wiki.gw.example.eu:443": "", "WIKI.gw.example.eu:8443": "", "wiki.gw.example.eu.:8443": "", "a.wiki.gw.example.eu:8443": "",
		".gw.example.eu:8443": "", "-a.gw.example.eu:8443": "", "xn--a.gw.example.eu:8443": "", "wiki.gw.example.eu:8443.evil": "", "wiki@gw.example.eu:8443": "", "": "", "evil": "", "wiki.gw.example.eu:08443": "", "wi ki.gw.example.eu:8443": "",
	} {
		if got := s.target(host); got != want {
			t.Errorf("%q is %q, want %q", host, got, want)
		}
	}
	for _, origin := range []string{"", "://", "https://"} {
		if got := newSite(origin).target("wiki."); got != "" {
			t.Errorf("%q has an application", origin)
		}
	}
}

func TestOnlyWeSayWhereARequestComesFrom(t *testing.T) {
	for _, name := range []string{
		"X-Lockbox-Identity", "x-lockbox-anything", "X_Lockbox_Identity", "X-Lockbox_Identity", "X.Lockbox.Identity", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-User", "X-Real-IP",
		"True-Client-IP", "CF-Connecting-IP", "X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "Proxy-Authorization", "Proxy", "X-Client-IP", "X-Request-Id", "A_b", "X-Remote-User", "X-WEBAUTH-USER", "X-Auth-Request-User",
	} {
		if spoken(name) {
			t.Errorf("%s passes", name)
		}
	}
	for _, name := range []string{"Accept", "Content-Type", "X-Csrf-Token", "X-Xsrftoken", "Sec-Websocket-Key", "If-None-Match", "Traceparent", "Origin"} {
		if !spoken(name) {
			t.Errorf("%s does not pass", name)
		}
	}
}

func TestOurCookiesStayHere(t *testing.T) {
	for in, want := range map[string]string{
		"a=1; __Host-lockbox-app=x; b=2": "a=1; b=2", "__Host-lockbox-app=x": "", "lockbox-arrival=x;a=1": "a=1", "__host-LOCKBOX-app=x; a=\"q; __Host-lockbox-app=y\"": "a=\"q", "a=__Host-lockbox-app=x": "a=__Host-lockbox-app=x", " __Host-lockbox-app =x; c": "c",
	} {
		h := http.Header{"Cookie": {in}}
		if cutCookies(h); h.Get("Cookie") != want {
			t.Errorf("%q leaves %q, want %q", in, h.Get("Cookie"), want)
		}
	}
	h := http.Header{"Set-Cookie": {
		"a=1; Path=/; Domain=example.eu; HttpOnly", "__Host-lockbox-app=evil; Path=/; Secure", "lockbox-arrival=evil", "b=2;domain = .example.eu;Max-Age=3", "__HOST-Lockbox-app=x", "nonsense",
	}}
	hosted(h)
	if got := strings.Join(h["Set-Cookie"], "|"); got != "a=1; Path=/; HttpOnly|b=2;Max-Age=3" {
		t.Errorf("what is set is %q", got)
	}
}

// FuzzCookies: nothing of ours goes up, however it is written.
func FuzzCookies(f *testing.F) {
	f.Add("a=1; __Host-lockbox-app=x")
	f.Fuzz(func(t *testing.T, line string) {
		h := http.Header{"Cookie": {line}}
		cutCookies(h)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = h
		for _, c := range r.Cookies() {
			if ours(c.Name) {
				t.Fatalf("%q leaves %q", line, h["Cookie"])
			}
		}
	})
}
