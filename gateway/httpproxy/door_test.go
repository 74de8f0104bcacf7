package httpproxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lockbox/policy"
	"lockbox/tests/door"
)

// target is an application, and its address.
func target(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func body(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	must(t, res.Body.Close())
	return string(b)
}

func TestARequestPassesUnderAGrant(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		var met http.Header
		w := door.NewWeb(t, target(t, func(w http.ResponseWriter, r *http.Request) {
			met = r.Header.Clone()
			_, _ = io.WriteString(w, "hello "+r.RequestURI+" "+r.Host)
		}))
		b := w.In(t, w.Eng, h2, policy.HTTPGet, "/page?x=1")
		res, err := b.Get(w.URL("/page?x=1"))
		must(t, err)
		if got := body(t, res); res.StatusCode != http.StatusOK || got != "hello /page?x=1 "+w.Host {
			t.Fatalf("got %d %q", res.StatusCode, got)
		}
		if met.Get("Cookie") != "" || met.Get("X-Lockbox-Identity") == "" || met.Get("X-Request-Id") != res.Header.Get("X-Request-Id") {
			t.Errorf("the target was told %v", met)
		}
	}
}
