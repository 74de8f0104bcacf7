package portal

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder"
	weblog "lockbox/recorder/requests"
	"lockbox/tests/world"
)

// browsed writes a track of HTTP: pages, an error, a form, a WebSocket and one
// that never ended.
func browsed(t testing.TB, r *recorder.Recording, more int) {
	tr, err := r.Track(recorder.Header{Kind: "http", Command: "wiki"})
	must(t, err)
	n := uint64(0)
	put := func(o recorder.HTTPObject) { must(t, tr.Object(&o)) }
	ask := func(method, url string, status int) {
		n++
		put(recorder.HTTPObject{
			Op: "exchange", N: n, Request: &recorder.HTTPRequest{
				ID: fmt.Sprintf("06H07AYEKYWARQ1KQW5M4CB7%02d", n), Client: "192.0.2.7", Method: method, Host: "wiki.gw.example.eu", URL: url, Proto: "HTTP/2.0",
				Header: [][2]string{{"Accept", "text/html"}, {"Cookie", "‹redacted:header›"}},
			},
			Response: &recorder.HTTPResponse{
				Status: status, Proto: "HTTP/1.1", Header: [][2]string{{"Content-Type", "application/json"}}, New: n == 1, Conn: 1.5, Sent: 1.7, Head: 20 + float64(n),
			},
		})
	}
	end := func(outcome string, ms float64, in, out *recorder.HTTPBody) {
		put(recorder.HTTPObject{Op: "end", N: n, Outcome: outcome, Milli: ms, In: in, Out: out})
	}
	ask("GET", "/pages/start?q=words", 200)
	put(recorder.HTTPObject{Op: "body", N: n, From: "server", Text: `{"title":"the start page","words":"`})
	put(recorder.HTTPObject{Op: "body", N: n, From: "server", Text: strings.Repeat("long ", 30) + `<b>","rtl":"` + "\u202e" + `"}`})
	end("done", 61.5, nil, &recorder.HTTPBody{Bytes: 210, Kept: 210, SHA256: strings.Repeat("ab", 32)})
	for i := range more {
		ask("GET", fmt.Sprintf("/static/part-%d.js", i), 200)
		end("done", 35+float64(i%40), nil, &recorder.HTTPBody{Bytes: 4000})
	}
	ask("GET", "/missing", 404)
	end("done", 30, nil, nil)
	ask("POST", "/upload", 204)
	put(recorder.HTTPObject{Op: "body", N: n, From: "client", Field: "name", Text: "Ane", More: true})
	put(recorder.HTTPObject{Op: "body", N: n, From: "client", Field: "name", Bytes: 3})
	put(recorder.HTTPObject{Op: "body", N: n, From: "client", Field: "doc", File: "report.pdf", Bytes: 9000, SHA256: strings.Repeat("cd", 32)})
	end("client gone", 300, &recorder.HTTPBody{Bytes: 9400, Kept: 3}, nil)
	ask("GET", "/ws", 101)
	put(recorder.HTTPObject{Op: "frame", N: n, From: "client", Type: "text", Text: "ls -l", Bytes: 5})
	put(recorder.HTTPObject{Op: "frame", N: n, From: "server", Type: "text", Text: "total 0\n", More: true})
	put(recorder.HTTPObject{Op: "frame", N: n, From: "server", Type: "text", Text: "file", Bytes: 12})
	put(recorder.HTTPObject{Op: "frame", N: n, From: "server", Type: "close", Code: 1001, Text: "going", Bytes: 7})
	n++
	put(recorder.HTTPObject{Op: "exchange", N: n, Request: &recorder.HTTPRequest{ID: "X", Method: "DELETE", Host: "wiki", URL: "/rows/<1>"}})
	must(t, tr.Close())
}

func TestRequestsAreShownAsAWaterfall(t *testing.T) {
	s := newStage(t)
	id := s.recording(cell{s, nil}.grant(), "support_nord", []string{"nord"}, func(r *recorder.Recording) { browsed(t, r, 120) })
	v := s.visitor(s.Ann)
	v.post("/s/"+id, "purpose", "to see what was done")
	page := body(v.get("/s/" + id))
	for _, want := range []string{"125 requests", "/pages/start?q=words", "part-98.js", "Those after", "<rect class=\"wait\"", "Download as HAR"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, not := range []string{"part-99.js", "style=", "\u202e"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	for _, c := range []struct {
		query string
		has   []string
		no    []string
	}{
		{"&n=100", []string{"from number 101 on", "part-99.js", "DELETE", "/rows/&lt;1&gt;", "goes on, or its end is not recorded", "client gone"}, []string{"part-98.js"}},
		{"&q=4xx", []string{"1 requests found", "/missing"}, []string{"/upload"}},
		{"&q=post+up", []string{"/upload"}, []string{"/missing"}},
		{"&q=websocket", []string{"/ws"}, []string{"/missing"}},
		{"&q=nothing-like-this", []string{"Nothing found."}, []string{"/missing"}},
		{"&x=1", []string{"06H07AYEKYWARQ1KQW5M4CB701", "connecting 1.5 ms", "waiting 19 ms", "receiving 40 ms", "the start page", "‹redacted:header›", "210 bytes, all kept", "&lt;b&gt;", "\uFFFD"}, []string{"\u202e", "<b>\","}},
		{"&x=123", []string{"report.pdf", "9000 bytes", "Ane"}, nil},
		{"&x=124", []string{"from the browser", "ls -l", "total 0", "goes on", "close", "1001"}, nil},
	} {
		got := body(v.get("/s/" + id + "?track=http0" + c.query))
		for _, want := range c.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the page has no %q", c.query, want)
			}
		}
		for _, not := range c.no {
			if strings.Contains(got, not) {
				t.Errorf("%s: the page has %q", c.query, not)
			}
		}
	}
	for _, bad := range []string{"&x=999", "&x=-1", "&n=a", "&x=1&f=-2"} {
		if got := v.get("/s/" + id + "?track=http0" + bad); got.status != 404 {
			t.Errorf("%s: got %d", bad, got.status)
		}
	}
	got := v.get("/s/" + id + "/har/http0")
	var har struct {
		Log struct{ Entries []json.RawMessage }
	}
	got.into(&har)
	if len(har.Log.Entries) != 125 || !strings.Contains(got.header.Get("Content-Disposition"), "-http0.har") {
		t.Errorf("got %d entries, %v", len(har.Log.Entries), got.header)
	}
	text := v.get("/s/" + id + "/text/http0").body
	if !strings.Contains(text, "GET wiki.gw.example.eu/missing 404\n") || strings.Count(text, "/upload") != 1 {
		t.Errorf("got %q", text)
	}
}

func TestOnlyOperatorsReadTheRequestLogAndItIsWrittenDown(t *testing.T) {
	s := newStage(t)
	l, err := weblog.Open(t.TempDir(), [32]byte{1}, weblog.Bounds{}, func(err error) { t.Error(err) })
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	s.Portal.Requests = l
	for n := range 150 {
		l.Add(weblog.Line{
			At: time.Now(), ID: fmt.Sprintf("ID%03d", n), Who: "eng@x.eu", From: "192.0.2.7", Target: "wiki", Session: "06H07AYEKYWARQ1KQW5M4CB788", Method: "GET",
			Path: fmt.Sprintf("/p/%d/<i>", n), Status: 200 + n%2*304, Outcome: "done", Milli: 12.3,
		})
	}
	pol := *s.World.Policy()
	pol.Groups = map[string][]string{policy.Operators: {s.Eng.ID, s.Ann.ID}}
	s.World.SetPolicy(&pol)
	for _, who := range []*world.Human{s.Ceo, s.Ann, s.Aud} {
		if got := s.visitor(who).get("/requests"); got.status != 404 {
			t.Errorf("%s: got %d", who.Name, got.status)
		}
	}
	v := s.visitor(s.Eng)
	if got := body(v.get("/status")); !strings.Contains(got, `href="/requests"`) {
		t.Error("the status page does not lead there")
	}
	before := events(t, s, "requests.looked-at")
	page := body(v.get("/requests"))
	for _, want := range []string{"ID149", "wiki/p/149/&lt;i&gt;", "504", "12 ms", "192.0.2.7", "/s/06H07AYEKYWARQ1KQW5M4CB788", "Older"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if got := body(v.get("/requests?q=p/7/")); !strings.Contains(got, "ID007") || strings.Contains(got, "ID008") {
		t.Error("a search does not find")
	}
	if got := v.get("/requests?from=nonsense"); got.status != 404 {
		t.Errorf("got %d", got.status)
	}
	if n := events(t, s, "requests.looked-at") - before; n != 1 {
		t.Errorf("%d events tell of the look", n)
	}
}

// events counts those of a kind.
func events(t *testing.T, s *stage, kind string) (n int) {
	t.Helper()
	all, err := s.World.Ledger.After(t.Context(), -1, 10_000)
	must(t, err)
	for _, e := range all {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func TestBarsStandWithinTheirPage(t *testing.T) {
	list := []webLine{
		{At: time.Second, Took: 500, Wait: 100, Over: true}, {At: time.Second, Took: 1e9, Wait: 3, Socket: true, Over: true},
		{At: 2 * time.Second}, {At: 2 * time.Second, Took: 0.01, Over: true}, {At: 0, Took: -4, Wait: 1e12, Over: true},
	}
	draw(list)
	for i, l := range list {
		if b := l.Bar; b.X < 0 || b.Wait < 0 || b.Rest < 0 || b.X+b.Wait+b.Rest > 1000 || b.Wait+b.Rest < 4 {
			t.Errorf("%d: got %+v", i, b)
		}
	}
	draw(nil)
	if got := slices.Collect(func(yield func(string) bool) {
		for _, ms := range []float64{0.04, 12.3, 999.4, 1234, 61_000} {
			if !yield(milliseconds(ms)) {
				return
			}
		}
	}); !slices.Equal(got, []string{"0.0 ms", "12 ms", "999 ms", "1.23 s", "1:01"}) {
		t.Errorf("got %q", got)
	}
}
