package web

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"lockbox/tests/door"
)

// h2spec finds at the door what it finds at a server of the standard library.
func TestHTTP2ConformsAsDirectly(t *testing.T) {
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	app.EnableHTTP2 = true
	app.StartTLS()
	t.Cleanup(app.Close)
	w := door.NewWeb(t, "127.0.0.1:1")
	direct, through := h2spec(t, app.Listener.Addr().String()), h2spec(t, w.Addr)
	// Some cases race with an answer that is on its way already: what passes once, passes.
	for range 3 {
		if cmp.Equal(direct, through) {
			break
		}
		better(direct, h2spec(t, app.Listener.Addr().String()))
		better(through, h2spec(t, w.Addr))
	}
	if len(direct) < 140 {
		t.Fatalf("only %d cases ran", len(direct))
	}
	if d := cmp.Diff(direct, through); d != "" {
		t.Errorf("directly (-) and at the door (+) differ:\n%s", d)
	}
	passed := 0
	for _, r := range through {
		if r == "passed" {
			passed++
		}
	}
	t.Logf("h2spec: %d of %d passed", passed, len(through))
}

func better(all, again map[string]string) {
	for name, r := range again {
		if r == "passed" {
			all[name] = r
		}
	}
}

// h2spec gives the result of each case by its name.
func h2spec(t *testing.T, address string) map[string]string {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Host: host, Port: port, Path: "/", Timeout: 3 * time.Second, MaxHeaderLen: 4000, TLS: true, Insecure: true}
	out := map[string]string{}
	for _, g := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		g.Test(c)
		results(g, out)
	}
	return out
}

func results(g *spec.TestGroup, out map[string]string) {
	for i, c := range g.Tests {
		result := "not run"
		switch {
		case c.Result == nil:
		case c.Result.Skipped:
			result = "skipped"
		case c.Result.Failed:
			result = "failed"
		default:
			result = "passed"
		}
		out[g.ID()+"/"+strconv.Itoa(i+1)+" "+c.Desc] = result
	}
	for _, below := range g.Groups {
		results(below, out)
	}
}
