package httpproxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/requests"
	"lockbox/tests/door"
)

// whole has everything recorded, and requests logged.
func whole(t testing.TB) (l *requests.Log, change func(*policy.Policy, *httpproxy.Door)) {
	t.Helper()
	l, err := requests.Open(filepath.Join(t.TempDir(), "requests"), [32]byte{1}, requests.Bounds{}, func(err error) { t.Error(err) })
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l, func(p *policy.Policy, d *httpproxy.Door) {
		p.Rules[len(p.Rules)-1].Record = policy.Recording{HTTP: "full"}
		d.Requests = l
	}
}

// ended ends every session, and plays the one there was.
func ended(t testing.TB, w *door.Web) *recorder.Playback {
	t.Helper()
	open := w.Gateway.Visits()
	if len(open) != 1 {
		t.Fatalf("got sessions %+v", open)
	}
	w.Gateway.Close("the test is over")
	p, err := w.Shelf.Play(open[0].ID, w.Keys.Vault)
	must(t, err)
	return p
}

// secretive is an application with secrets, and a WebSocket.
func secretive(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		socket(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Set-Cookie", "app=S3cr3t")
	_, _ = io.WriteString(w, "hello "+r.Header.Get("Accept-Encoding"))
}

func TestWhatPassesIsRecordedAndLoggedUnderOneNumber(t *testing.T) {
	l, change := whole(t)
	w := door.NewWeb(t, target(t, secretive), change)
	b := w.In(t, w.Eng, false, policy.HTTPPut, "/")
	var ids []string
	for _, ask := range []func() (*http.Response, error){
		func() (*http.Response, error) { return b.Get(w.URL("/page?token=S3cr3t&x=1")) },
		func() (*http.Response, error) {
			return b.Post(w.URL("/form"), "application/x-www-form-urlencoded", strings.NewReader("name=Ane&password=S3cr3t"))
		},
	} {
		res, err := ask()
		must(t, err)
		if got := body(t, res); got != "hello identity" {
			t.Errorf("got %d %q", res.StatusCode, got)
		}
		ids = append(ids, res.Header.Get("X-Request-Id"))
	}
	conn, r, res := upgraded(t, w, b.Cookie(t), "/ws", "Origin: https://"+w.Host)
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %d", res.StatusCode)
	}
	_, err := conn.Write([]byte("\x81\x85\x00\x00\x00\x00words"))
	must(t, err)
	if back, err := r.Peek(1); err != nil {
		t.Fatalf("got %q, %v", back, err)
	}
	p := ended(t, w)
	must(t, conn.Close())
	var har bytes.Buffer
	must(t, p.HAR(&har, "http0", recorder.Form{}))
	if strings.Contains(har.String(), "S3cr3t") || !strings.Contains(har.String(), "name=Ane") || !strings.Contains(har.String(), "words") {
		t.Errorf("got %s", har.String())
	}
	found, err := l.Search(t.Context(), requests.Query{})
	must(t, err)
	for _, id := range ids {
		i := slices.IndexFunc(found.Lines, func(l requests.Line) bool { return l.ID == id })
		if i < 0 || found.Lines[i].Session != p.Session.ID || found.Lines[i].Who != w.Eng.ID || strings.Contains(fmt.Sprint(found.Lines[i]), "token") {
			t.Errorf("request %s in the log: %+v", id, found.Lines)
		}
		if !strings.Contains(har.String(), "request "+id+":") {
			t.Errorf("request %s is not in the recording", id)
		}
	}
	all, err := w.Ledger.After(t.Context(), -1, 10_000)
	must(t, err)
	got, last := map[string]string{}, all[len(all)-1]
	for _, name := range []string{"requests", "changing", "websockets"} {
		got[name] = last.Detail[name]
	}
	if d := cmp.Diff(map[string]string{"requests": "3", "changing": "2", "websockets": "1"}, got); d != "" || last.Kind != "session.close" {
		t.Error("want -, got +", d, last)
	}
}

func TestWhatIsRefusedInASessionIsRecorded(t *testing.T) {
	l, change := whole(t)
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) { t.Error("the target was asked") }), change, func(p *policy.Policy, _ *httpproxy.Door) {
		p.Rules[len(p.Rules)-1].Bounds.HTTP = &policy.HTTP{Paths: []string{"/only"}}
	})
	b := w.In(t, w.Eng, true, policy.HTTPPut, "/only")
	res, err := b.Post(w.URL("/other"), "text/plain", strings.NewReader("words"))
	must(t, err)
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("got %d %s", res.StatusCode, body(t, res))
	}
	p := ended(t, w)
	var r recorder.HTTPReader
	var x *recorder.Exchange
	for ev, err := range p.Events("http0") {
		must(t, err)
		if one, _, ok := r.Read(ev); ok {
			x = one
		}
	}
	if x == nil || x.Request.URL != "/other" || x.Response == nil || x.Response.Status != 403 || x.Response.Proto != "" || x.Outcome != "refused" {
		t.Errorf("got %+v", x)
	}
	found, err := l.Search(t.Context(), requests.Query{Words: []string{"/other", "403"}})
	if must(t, err); len(found.Lines) != 1 || found.Lines[0].Code == "" {
		t.Errorf("got %+v", found.Lines)
	}
}

func TestAnArchiveHasTheAddressThatTheClientUsed(t *testing.T) {
	for scheme, open := range map[string]func(testing.TB, string, ...func(*policy.Policy, *httpproxy.Door)) *door.Web{"http": door.NewPlainWeb, "https": door.NewWeb} {
		w := open(t, target(t, func(http.ResponseWriter, *http.Request) {}))
		b := w.In(t, w.Eng, false, policy.HTTPGet, "/")
		fetch(t, b.Browser, "GET", w.URL("/page?x=1"))
		var out bytes.Buffer
		must(t, ended(t, w).HAR(&out, "http0", recorder.Form{}))
		if want := `"url":"` + scheme + "://" + w.Host + `/page?x=1"`; !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}
