package attacks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lockbox/policy"
)

// D21: another application's page reads nothing here with its visitor's cookie,
// also in a browser that does not say where a request comes from.
func TestD21PagesOfOtherApplicationsReadNothing(t *testing.T) {
	s := newStage(t, policy.HTTPPut)
	for name, row := range map[string]struct {
		text string
		want int
	}{
		"a link":                               {get("/"), 200},
		"its own script":                       {get("/", "Origin: https://{host}"), 200},
		"a script of a sibling":                {get("/", "Origin: https://evil.localhost"), 403},
		"a script of the same host, plain":     {get("/", "Origin: http://{host}"), 403},
		"a script of the portal":               {get("/", "Origin: http://localhost:8080"), 403},
		"a script of nowhere":                  {get("/", "Origin: null"), 403},
		"a preflight of a sibling":             {ask("OPTIONS", "/", "", "Origin: https://evil.localhost", "Access-Control-Request-Method: PUT"), 403},
		"two origins":                          {get("/", "Origin: https://{host}", "Origin: https://evil.localhost"), 400},
		"a script of a sibling that is a link": {get("/", "Origin: https://evil.localhost", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: same-site"), 403},
	} {
		if got := s.status(row.text); got != row.want {
			t.Errorf("%s: got %d, want %d", name, got, row.want)
		}
	}
}

// A target that lets everybody read with cookies does not, and reports nothing of our addresses to others.
func TestD18WhatATargetWouldLetOthersReadIsTheirs(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("NEL", `{"report_to":"x","max_age":31536000,"include_subdomains":true}`)
	}))
	t.Cleanup(app.Close)
	s := newStageAt(t, app.Listener.Addr().String(), policy.HTTPGet)
	all := s.raw(1, get("/"))
	if len(all) != 1 || all[0].Header.Get("Access-Control-Allow-Credentials") != "" || all[0].Header.Get("Nel") != "" {
		t.Errorf("got %v", all)
	}
}

// D29: a request for thousands of pieces of one page asks the target for all of it once.
func TestD29ManyRangesAreOnePage(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	many := "bytes=0-"
	for i := range 1000 {
		many += fmt.Sprintf(",%d-", i)
	}
	for name, row := range map[string]struct {
		lines []string
		want  string
	}{
		"one":           {[]string{"Range: bytes=5-9", "If-Range: \"x\""}, "[bytes=5-9]"},
		"a few":         {[]string{"Range: bytes=0-1,5-9,-3"}, "[bytes=0-1,5-9,-3]"},
		"a thousand":    {[]string{"Range: " + many, "If-Range: \"x\""}, "[]"},
		"two fields":    {[]string{"Range: bytes=0-1", "Range: bytes=2-3"}, "[]"},
		"the old field": {[]string{"Request-Range: bytes=5-9"}, "[]"},
	} {
		if got := s.status(get("/", row.lines...)); got != http.StatusOK {
			t.Errorf("%s: got %d", name, got)
		}
		for _, h := range s.canary.take() {
			if got := fmt.Sprint(h.Header["Range"]); got != row.want || h.Header.Get("Request-Range") != "" || row.want == "[]" && h.Header.Get("If-Range") != "" {
				t.Errorf("%s: the target was asked for %s", name, got)
			}
		}
	}
}

// D12, D17: however old or odd the way to name the host is, it is the target's own or nothing.
func TestD12OldWaysToNameAHost(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	for name, row := range map[string]struct {
		text string
		want int
	}{
		"HTTP/1.0":                    {"GET / HTTP/1.0\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n", 200},
		"HTTP/1.0, no host":           {"GET / HTTP/1.0\r\nCookie: {cookie}\r\n\r\n", 421},
		"HTTP/1.1, no host":           {"GET / HTTP/1.1\r\nCookie: {cookie}\r\n\r\n", 400},
		"absolute":                    {get("https://{host}/"), 400},
		"absolute, another":           {get("http://127.0.0.1/"), 421},
		"authority":                   {"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n", 405},
		"asterisk":                    {"OPTIONS * HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n", 400},
		"trace":                       {"TRACE / HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n", 405},
		"HTTP/1.0 keeps our header":   {"GET / HTTP/1.0\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: keep-alive, X-Lockbox-Identity\r\n\r\n", 400},
		"HTTP/2 in the clear over it": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
	} {
		if got := s.status(row.text); got != row.want && !(row.want == 0 && got >= 400) {
			t.Errorf("%s: got %d, want %d", name, got, row.want)
		}
	}
	for _, h := range s.canary.take() {
		if h.Method != http.MethodGet || h.URI != "/" || strings.Contains(fmt.Sprint(h.Header), "lockbox-app") || len(h.Header["X-Lockbox-Identity"]) != 1 {
			t.Errorf("the target was asked %+v", h)
		}
	}
}

// A worker that an application registers below our own path is no script, and has no scope there.
func TestD17NoWorkerIsRegisteredBelowOurPath(t *testing.T) {
	s := newStage(t, policy.HTTPGet)
	for _, path := range []string{"/.lockbox/sw.js", "/.lockbox/page.css", "/.lockbox/jwks.json", "/.lockbox/enter", "/.LOCKBOX/sw.js"} {
		all := s.raw(1, get(path, "Service-Worker: script", "Sec-Fetch-Dest: serviceworker", "Sec-Fetch-Mode: same-origin"))
		if len(all) != 1 || strings.Contains(all[0].Header.Get("Content-Type"), "javascript") || all[0].Header.Get("X-Content-Type-Options") != "nosniff" || all[0].Header.Get("Service-Worker-Allowed") != "" {
			t.Errorf("%s: got %v", path, all)
		}
	}
	if all := s.canary.take(); len(all) > 0 {
		t.Errorf("the target was asked %+v", all)
	}
}
