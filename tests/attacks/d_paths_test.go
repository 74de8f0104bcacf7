package attacks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
)

// D07: a path that two programs may read differently is refused before anything is decided, and what is decided on is what goes up.
func TestD07PathsAreReadInOneWay(t *testing.T) {
	s := newStage(t, policy.HTTPGet, func(p *policy.Policy, _ *httpproxy.Door) {
		p.Rules[1].Bounds.HTTP = &policy.HTTP{Paths: []string{"/", "/open/**"}}
	})
	for _, path := range []string{
		"//admin", "//open/x", "/open//x", "/open/./x", "/open/../admin", "/open/..", "/open/.", "/./open/x", "/../open/x", "/open/%2e%2e/admin", "/open/%2E%2E/admin",
		"/%2e%2e/admin", "/open/.%2e/admin", "/open%2f..%2fadmin", "/open/%2fadmin", "/open/..%2fadmin", `/open\..\admin`, "/open/%5c..%5cadmin", "/open/..;/admin",
		"/open/x;y=/../admin", "/open/%00", "/open/x%00.html", "/open/x%0d%0aX: y", "/open/x.", "/open./x", "/open/%252e%252e/admin", "/open/%25%32%65", "/ope%6e/x", "/open/%7euser",
		"/open/%zz", "/open/%", "/open/%f", "/open/%c0%ae%c0%ae/admin", "/open/%e0%80%ae", "/open/x#y", "/open/%ff", "open/x", "*", "http://{host}/open/x",
		"http:/open/x", "/open/\tx", "/open/x y", "/open/x?a#b", "/open/...", "/open/%2e", "/open/x%2e", "/open/a%2Fb",
	} {
		if got := s.status(get(path)); got != http.StatusBadRequest {
			t.Errorf("GET %s: got %d, want 400", path, got)
		}
	}
	for _, path := range []string{"/admin", "/OPEN/x", "/Open/x", "/open", "/openx", "/admin/open/x", "/open%20/x", "/op%C3%A9n/x"} {
		if got := s.status(get(path)); got != http.StatusForbidden {
			t.Errorf("GET %s: got %d, want 403", path, got)
		}
	}
	if all := s.canary.take(); len(all) != 0 {
		t.Errorf("the application saw %v", all)
	}
	for _, path := range []string{"/open/x", "/open/", "/open/a%20b", "/open/%C3%A6", "/open/a:b@c!$&'()*+,=~-_.x", "/open/.git/config", "/open/x..y", "/open/x?a=1&b=%2e%2e//;"} {
		want := http.StatusOK
		got := s.status(get(path))
		all := s.canary.take()
		if strings.Contains(path, ";") && got == http.StatusBadRequest && len(all) == 0 {
			continue
		}
		if got != want || len(all) != 1 {
			t.Errorf("GET %s: got %d, and the application saw %d requests", path, got, len(all))
			continue
		}
		if sees, _, _ := strings.Cut(all[0].URI, "?"); sees != strings.SplitN(path, "?", 2)[0] {
			t.Errorf("GET %s: the application saw %s", path, all[0].URI)
		}
	}
}

// D07: what is no method of the web for people is refused, whatever its case.
func TestD07MethodsThatNobodyPermits(t *testing.T) {
	s := newStage(t, policy.HTTPPut)
	for _, method := range []string{"CONNECT", "TRACE", "TRACK", "DEBUG", "PROPFIND", "MKCOL", "get", "Post", "PRI", "PURGE", "FOO", "LOCK", "PATCHX"} {
		if got := s.status(ask(method, "/", "")); got/100 != 4 && got != http.StatusNotImplemented {
			t.Errorf("%s: got %d", method, got)
		}
	}
	if got := s.status("CONNECT evil.example:443 HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n"); got/100 != 4 {
		t.Errorf("CONNECT: got %d", got)
	}
	if all := s.canary.take(); len(all) != 0 {
		t.Errorf("the application saw %v", all)
	}
}

// D08: parameters that policy and application would count differently do not pass.
func TestD08QueriesAreReadInOneWay(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&p%d=1", i)
		}
		return b.String()[1:]
	}
	for name, row := range map[string]struct {
		query string
		want  int
	}{
		"10,001 parameters": {many(10_001) + "&admin=1", http.StatusBadRequest},
		"257 parameters":    {many(257), http.StatusBadRequest},
		"256 parameters":    {many(256), http.StatusOK},
		"9 KiB":             {"a=" + strings.Repeat("x", 9<<10), http.StatusBadRequest},
	} {
		got := s.status(get("/?" + row.query))
		if row.want == http.StatusBadRequest && (got == http.StatusRequestURITooLong || got == http.StatusRequestHeaderFieldsTooLarge) {
			got = row.want
		}
		if all := s.canary.take(); got != row.want || len(all) != got/http.StatusOK%2 {
			t.Errorf("%s: got %d, and the application saw %d requests", name, got, len(all))
		}
	}
	for _, query := range []string{"a=1;b=2", "a=%zz", "a=1&b=%", "a=%u0041"} {
		got := s.status(get("/?" + query))
		for _, h := range s.canary.take() {
			if got != http.StatusOK || strings.ContainsAny(h.URI, ";") || strings.Contains(h.URI, "%z") || strings.Contains(h.URI, "%u") {
				t.Errorf("?%s: got %d, and the application saw %s", query, got, h.URI)
			}
		}
	}
}
