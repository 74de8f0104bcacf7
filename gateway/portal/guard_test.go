package portal

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lockbox/tests/world"
)

func TestWithoutASessionEveryAddressIsTheSame(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	id := s.recorded(code, "support_nord", []string{"nord"}, "hello")
	nobody := s.visitor(nil)
	want := nobody.get("/")
	if want.status != http.StatusUnauthorized || !strings.Contains(want.body, "Sign in with a passkey") {
		t.Fatalf("%d %s", want.status, want.body)
	}
	none := "00000000000000000000000000"
	for _, path := range []string{
		"/a/" + code, "/a/ZZZZ", "/a/no%20code", "/a/" + strings.Repeat("Z", 500), "/c/" + code, "/c/ZZZZ", "/t/" + code, "/t/ZZZZ",
		"/r/" + code, "/r/ZZZZ", "/r/" + code + "/live", "/r/ZZZZ/live", "/r/" + code + "/evidence.json", "/r/ZZZZ/evidence.json", "/r/new?t=db1.prod",
		"/s/" + id, "/s/" + none, "/s/..%2f..", "/s/" + id + "/cast/pty0", "/s/" + none + "/cast/pty0", "/people", "/status", "/me/keys",
	} {
		if got := nobody.get(path); got.status != want.status || got.body != want.body {
			t.Errorf("%s: %d with %d bytes, want %d with %d", path, got.status, len(got.body), want.status, len(want.body))
		}
	}
	for _, path := range []string{"/a/" + code, "/a/ZZZZ", "/t/" + code, "/r/ZZZZ", "/s/" + id, "/people"} {
		if got := nobody.post(path, "do", "approve"); got.status != want.status || got.body != want.body {
			t.Errorf("POST %s: %d with %d bytes, want %d with %d", path, got.status, len(got.body), want.status, len(want.body))
		}
	}
}

func TestAStrangerLearnsNothingFromCodes(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	id := s.recorded(code, "support_nord", []string{"nord"}, "hello")
	for _, who := range []*world.Human{s.Bo, s.Mate} {
		v := s.visitor(who)
		unknown := v.get("/nothing/here")
		for _, path := range []string{"/a/", "/c/", "/t/", "/r/"} {
			for _, c := range []string{code, "ZZZZ", "a b"} {
				if got := v.get(path + strings.ReplaceAll(c, " ", "%20")); got.status != http.StatusNotFound || got.body != unknown.body {
					t.Errorf("%s at %s%s: %d, not the page of what is not there", who.Name, path, c, got.status)
				}
			}
		}
		for _, session := range []string{id, strings.Repeat("0", 26), "x"} {
			if got := v.get("/s/" + session); got.status != http.StatusNotFound || got.body != unknown.body {
				t.Errorf("%s at /s/%s: %d", who.Name, session, got.status)
			}
		}
	}
}

func TestOnlyAPageOfOursCanPost(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "nord", time.Hour)
	ceo := s.visitor(s.Ceo)
	before := s.World.Ledger.Last()
	for name, headers := range map[string][2]string{ // Sec-Fetch-Site, Origin
		"another site":             {"cross-site", "https://evil.example"},
		"another port":             {"same-site", "http://localhost:1"},
		"nothing is said":          {"", ""},
		"an old browser elsewhere": {"", "https://evil.example"},
		"no origin":                {"", "null"},
		"a lie about the site":     {"same-origin", "https://evil.example"},
		"typed in":                 {"none", ""},
	} {
		r := ceo.request(http.MethodPost, "/a/"+code, "application/x-www-form-urlencoded", "do=reject")
		for i, h := range []string{"Sec-Fetch-Site", "Origin"} {
			r.Header.Del(h)
			if headers[i] != "" {
				r.Header.Set(h, headers[i])
			}
		}
		if got := ceo.do(r); got.status != http.StatusForbidden || !strings.Contains(got.body, "nothing was done") {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	r := ceo.request(http.MethodPost, "/a/"+code, "text/plain", `do=reject`)
	if got := ceo.do(r); got.status != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: %d", got.status)
	}
	if after := s.World.Ledger.Last(); after != before {
		t.Errorf("%d events", after-before)
	}
	r = ceo.request(http.MethodPost, "/a/"+code, "application/x-www-form-urlencoded", "do=reject")
	r.Header.Del("Sec-Fetch-Site")
	r.Header.Set("Origin", here)
	if got := ceo.do(r); got.status != http.StatusSeeOther {
		t.Errorf("an old browser on our page: %d", got.status)
	}
}

func TestAnotherHostIsMisdirected(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"/", "/static/style.css", "/legal/recording-notice"} {
		for _, host := range []string{"evil.example", "localhost", "localhost:8081", "LOCALHOST:8080.", ""} {
			r := s.visitor(nil).request(http.MethodGet, path, "", "")
			r.Host = host
			if got := s.visitor(nil).do(r); got.status != http.StatusMisdirectedRequest {
				t.Errorf("%s at %q: %d, want 421", path, host, got.status)
			}
		}
	}
}

func TestBodiesHaveALimit(t *testing.T) {
	s := newStage(t)
	ceo := s.visitor(s.Ceo)
	long := strings.Repeat("x", maxBody)
	for _, r := range s.routes() {
		if r.method != http.MethodPost || r.pattern == "/" {
			continue
		}
		for kind, body := range map[string]string{"application/x-www-form-urlencoded": "do=" + long, "application/json": `{"id":"` + long + `"}`} {
			for _, known := range []bool{true, false} {
				q := ceo.request(r.method, strings.NewReplacer("{code}", "ZZZZ", "{id}", "ZZZZ", "{token}", "ZZZZ").Replace(r.pattern), kind, body)
				if !known {
					q.ContentLength, q.Body = -1, io.NopCloser(strings.NewReader(body))
				}
				got := ceo.do(q)
				if got.status != http.StatusRequestEntityTooLarge && got.status != http.StatusUnsupportedMediaType {
					t.Errorf("%s with %s, length known %t: %d, want 413", r.pattern, kind, known, got.status)
				}
			}
		}
	}
}

func TestJSONIsStrict(t *testing.T) {
	s := newStage(t)
	ceo := s.visitor(s.Ceo)
	for _, body := range []string{`{"id":"x","credential":{},"who":"eng@x.eu"}`, `{} {}`, `[]`, `{`, `"x"`, ``} {
		if got := ceo.json("/people/vouch", body); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", body, got.status)
		}
	}
}

func TestNoAddressSendsTheBrowserAway(t *testing.T) {
	s := newStage(t)
	ceo := s.visitor(s.Ceo)
	for _, path := range []string{"//evil.example/", "//evil.example/a/..", "/\\evil.example", "/a/../../evil", "/%2f%2fevil.example", "/r//evil.example", "/?next=https://evil.example"} {
		r := ceo.request(http.MethodGet, "/", "", "")
		r.URL.Path, r.RequestURI = strings.ReplaceAll(path, "%2f", "/"), path
		if got := ceo.do(r); got.header.Get("Location") != "" && !local(got.header.Get("Location")) {
			t.Errorf("%s: %d to %q", path, got.status, got.header.Get("Location"))
		}
	}
	if page := s.visitor(nil).get("/a/ZZZZ?next=https://evil.example&return=//evil.example"); strings.Contains(page.body, "evil") {
		t.Error("the sign-in page repeats its address")
	}
}

func TestGuessingCodesIsSlow(t *testing.T) {
	s := newStage(t)
	at := time.Now()
	s.Now = func() time.Time { return at }
	mine := s.World.Ask(t, s.Mate, "nord", time.Hour)
	mate := s.visitor(s.Mate)
	for range guesses {
		if got := mate.get("/r/ZZZZ"); got.status != http.StatusNotFound {
			t.Fatalf("%d", got.status)
		}
	}
	for _, path := range []string{"/r/ZZZZ", "/r/" + mine, "/t/ZZZZ", "/s/ZZZZ"} {
		if got := mate.get(path); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, want 429", path, got.status)
		}
	}
	if got := s.visitor(s.Eng).get("/r/ZZZZ"); got.status != http.StatusNotFound {
		t.Errorf("somebody else: %d", got.status)
	}
	at = at.Add(guessEach + time.Second)
	if got := mate.get("/r/" + mine); got.status != http.StatusOK {
		t.Errorf("later: %d", got.status)
	}
}

func TestOneSourceCannotFlood(t *testing.T) {
	s := newStage(t)
	at := time.Now()
	s.Now = func() time.Time { return at }
	nobody := s.visitor(nil)
	last := 0
	for range burst + 1 {
		r := nobody.request(http.MethodGet, "/static/icon.svg", "", "")
		r.RemoteAddr = "[2001:db8::1:2]:99"
		last = nobody.do(r).status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("%d, want 429", last)
	}
	r := nobody.request(http.MethodGet, "/static/icon.svg", "", "")
	r.RemoteAddr = "[2001:db8::1:ffff:9]:99" // the same network
	if got := nobody.do(r).status; got != http.StatusTooManyRequests {
		t.Errorf("a neighbour address: %d, want 429", got)
	}
}

func TestOverTLSTheCookieIsForThisHostAlone(t *testing.T) {
	s := newStage(t)
	p := &Portal{Gateway: s.World.Gateway, Desk: s.World.Desk, People: s.World.People, Ledger: s.World.Ledger, Shelf: s.World.Shelf, URL: "https://lock.example.eu"}
	s.pages = p.Handler()
	v := s.visitor(nil)
	r := v.request(http.MethodGet, "/?lang=da", "", "")
	r.Host = "lock.example.eu"
	got := v.do(r)
	if hsts := got.header.Get("Strict-Transport-Security"); hsts == "" {
		t.Error("no HSTS")
	}
	for _, c := range got.cookies {
		if !c.Secure {
			t.Errorf("cookie %s", c)
		}
	}
	if p.cookieName() != "__Host-lockbox" || s.cookieName() != "lockbox" {
		t.Errorf("%s, %s", p.cookieName(), s.cookieName())
	}
}

func TestSigningOutEndsTheSession(t *testing.T) {
	s := newStage(t)
	ceo := s.visitor(s.Ceo)
	if got := ceo.post("/sign-out"); got.status != http.StatusSeeOther {
		t.Fatalf("%d", got.status)
	}
	if got := ceo.get("/"); got.status != http.StatusUnauthorized {
		t.Errorf("the old cookie: %d, want 401", got.status)
	}
	two := s.visitor(s.Ceo)
	two.cookies = append(two.cookies, s.visitor(s.Eng).cookies...)
	if got := two.get("/"); got.status != http.StatusUnauthorized {
		t.Errorf("two cookies: %d, want 401", got.status)
	}
}

func TestAFailureShowsAReferenceAndNothingElse(t *testing.T) {
	s := newStage(t)
	var reported []error
	s.Report = func(err error) { reported = append(reported, err) }
	ceo := s.visitor(s.Ceo)
	must(t, s.World.Ledger.Close())
	got := ceo.get("/")
	if got.status != http.StatusInternalServerError || len(reported) != 1 {
		t.Fatalf("%d, %v", got.status, reported)
	}
	_, rest, _ := strings.Cut(reported[0].Error(), "reference ")
	ref, _, _ := strings.Cut(rest, ":")
	if ref == "" || !strings.Contains(got.body, ref) || strings.Contains(got.body, "ledger") || strings.Contains(got.body, "closed") {
		t.Errorf("reference %q, page %s", ref, body(got))
	}
}

func TestPagesAreSmall(t *testing.T) {
	s := newStage(t)
	code := s.World.Ask(t, s.Eng, "", time.Hour)
	loads := 0
	for _, name := range []string{"style.css", "app.js", "passkey.js", "live.js", "icon.svg"} {
		loads += len(asset("static/" + name))
	}
	for _, path := range []string{"/a/" + code, "/", "/r/" + code, "/people"} {
		if n := len(s.visitor(s.Ceo).get(path).body) + loads; n > 60<<10 {
			t.Errorf("%s: %d bytes with all it loads", path, n)
		}
	}
}

// TestWhatStandsBesideIsGuarded: Slack's clicks come over the same listener, and
// nobody keeps it busy with a body after the other that is not signed.
func TestWhatStandsBesideIsGuarded(t *testing.T) {
	p := &Portal{URL: "https://lock.example.eu"}
	heard := 0
	h := p.Beside(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard++ }))
	for range 2 * burst {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/slack/interactions", nil))
		if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Fatal("it has no headers")
		}
	}
	if heard < burst || heard > burst+burst/2 {
		t.Errorf("%d of %d were heard", heard, 2*burst)
	}
}
