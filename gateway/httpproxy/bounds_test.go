package httpproxy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/tests/door"
)

// under changes the rule of the application.
func under(change func(r *policy.Rule)) func(*policy.Policy, *httpproxy.Door) {
	return func(p *policy.Policy, _ *httpproxy.Door) {
		for i := range p.Rules {
			if p.Rules[i].Name == "web" {
				change(&p.Rules[i])
			}
		}
	}
}

func TestARequestStaysWithinItsRule(t *testing.T) {
	met := make(chan string, 100)
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		met <- r.Method + r.URL.Path
		if n > 10 {
			t.Errorf("%d bytes came through", n)
		}
	})
	w := door.NewWeb(t, address, under(func(r *policy.Rule) {
		r.Bounds.HTTP = &policy.HTTP{Methods: []string{"GET", "POST"}, Paths: []string{"/", "/api/**"}, MaxBody: 10}
	}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	long := func() io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000))) }
	for _, c := range []struct {
		name, method, path string
		body               io.Reader
		want               int
	}{
		{"a page", "GET", "/", nil, 200},
		{"below one", "POST", "/api/x", strings.NewReader("0123456789"), 200},
		{"a method", "DELETE", "/api/x", nil, 405},
		{"a method that would be read", "HEAD", "/", nil, 405},
		{"a page that is not listed", "GET", "/admin", nil, 403},
		{"the same, with another query", "GET", "/admin?/api/", nil, 403},
		{"too long, and said so", "POST", "/api/x", strings.NewReader("0123456789a"), 413},
		{"too long, and not said", "POST", "/api/x", long(), 413},
		{"a method that is none", "BREW", "/", nil, 405},
		{"to look what comes through", "TRACE", "/", nil, 405},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, w.URL(c.path), c.body)
		must(t, err)
		res, err := b.Do(r)
		must(t, err)
		if got := body(t, res); res.StatusCode != c.want {
			t.Errorf("%s: got %d %s", c.name, res.StatusCode, got)
		}
	}
	if close(met); len(met) > 4 { // the one that was cut may have been met
		for m := range met {
			t.Log(m)
		}
		t.Error("more came through")
	}
}

func TestMoreRequestsThanTheRuleLetsPassWait(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}), under(func(r *policy.Rule) { r.Bounds.HTTP = &policy.HTTP{Rate: 0.01} }))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	for i, want := range []int{200, 429, 429} {
		res, err := b.Get(w.URL("/"))
		must(t, err)
		if _ = body(t, res); res.StatusCode != want || want == 429 && res.Header.Get("Retry-After") == "" {
			t.Errorf("request %d: got %d", i, res.StatusCode)
		}
	}
}

func TestWhoMayOnlyReadChangesNothing(t *testing.T) {
	met := 0
	w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) { met++ }), under(func(r *policy.Rule) { r.Actions = []policy.Action{policy.HTTPGet} }))
	b := w.In(t, w.Eng, false, policy.HTTPGet, "/")
	for _, m := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		r, err := http.NewRequestWithContext(t.Context(), m, w.URL("/"), nil)
		must(t, err)
		r.Header.Set("X-HTTP-Method-Override", "GET")
		res, err := b.Do(r)
		must(t, err)
		if got := body(t, res); res.StatusCode != 403 || !strings.Contains(got, `"code":"LBX-POLICY"`) {
			t.Errorf("%s: got %d %s", m, res.StatusCode, got)
		}
	}
	if _, _, res := upgraded(t, w, b.Cookie(t), "/ws", "Origin: https://"+w.Host); res.StatusCode != 403 {
		t.Errorf("a WebSocket, by which everything can be said: got %d", res.StatusCode)
	}
	if met != 0 {
		t.Errorf("%d came through", met)
	}
}

func TestPagesOfOtherOriginsCannotUseASession(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	for _, c := range []struct {
		name, method string
		header       []string
		want         int
	}{
		{"its own page", "POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://" + w.Host}, 200},
		{"a program", "POST", nil, 200},
		{"a link", "GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"a form of another application", "POST", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"another origin, of an old browser", "POST", []string{"Origin", "https://evil.example"}, 403},
		{"nobody's origin", "POST", []string{"Origin", "null"}, 403},
		{"a frame", "GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"a script that another page loads", "GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, w.URL("/"), nil)
		must(t, err)
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		res, err := b.Do(r)
		must(t, err)
		if got := body(t, res); res.StatusCode != c.want {
			t.Errorf("%s: got %d %s", c.name, res.StatusCode, got)
		}
	}
}
