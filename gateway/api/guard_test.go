package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/policy"
)

const someWish = `{"target":"db1.prod","login":"support_nord","reason":"outage","need":"contract stuck in state 9"}`

func TestWhatDoesNotComeFromAProgramIsRefused(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Eng)
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"as it should be", func(*http.Request) {}, 200},
		{"the scheme in lower case", header("Authorization", "bearer "+token), 200},
		{"our own page", header("Sec-Fetch-Site", "same-origin"), 200},
		{"another host", func(r *http.Request) { r.Host = "evil.example" }, 421},
		{"another port", func(r *http.Request) { r.Host = "localhost:8081" }, 421},
		{"a trailing dot", func(r *http.Request) { r.Host = "localhost.:8080" }, 421},
		{"no host", func(r *http.Request) { r.Host = "" }, 421},
		{"a forwarded host is not believed", func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("X-Forwarded-Host", "localhost:8080") }, 421},
		{"a cookie alone", func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("Cookie", "__Host-lockbox="+token) }, 401},
		{"two tokens", header("Authorization", "Bearer "+token, "Bearer "+token), 401},
		{"two tokens in one", header("Authorization", "Bearer "+token+", Bearer "+token), 401},
		{"basic", header("Authorization", "Basic "+token), 401},
		{"the token alone", header("Authorization", token), 401},
		{"two blanks", header("Authorization", "Bearer  "+token), 401},
		{"another header", func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("X-Api-Key", token) }, 401},
		{"another's page", header("Origin", "https://evil.example"), 403},
		{"a page of nowhere", header("Origin", "null"), 403},
		{"a page of a neighbour", header("Sec-Fetch-Site", "same-site"), 403},
		{"a page across sites", header("Sec-Fetch-Site", "cross-site"), 403},
		{"a form", header("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"text", header("Content-Type", "text/plain"), 415},
		{"a kind that looks like JSON", header("Content-Type", "application/json-seq"), 415},
		{"no kind", func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		{"packed", header("Content-Encoding", "gzip"), 415},
		{"a query", func(r *http.Request) { r.URL.RawQuery = "list=mine" }, 400},
		{"the token in the query", func(r *http.Request) { r.URL.RawQuery = "access_token=" + token }, 400},
		{"a broken query", func(r *http.Request) { r.URL.RawQuery = "a;b=%zz" }, 400},
		{"preflight", func(r *http.Request) { r.Method = "OPTIONS" }, 405},
		{"another method", func(r *http.Request) { r.Method = "PUT" }, 405},
		{"delete", func(r *http.Request) { r.Method = "DELETE" }, 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.fresh()
			r := s.request("POST", "/requests", token, someWish)
			tt.change(r)
			last := s.Ledger.Last()
			got := s.do(r)
			if got.status != tt.want {
				t.Errorf("got %d %s, want %d", got.status, got.body, tt.want)
			}
			if made := s.Ledger.Last() != last; made != (tt.want == 200) {
				t.Errorf("something was written: %t", made)
			}
			checkHeaders(t, got)
			if strings.Contains(fmt.Sprint(got.header)+got.body, token[4:]) {
				t.Errorf("the answer repeats the token: %v %s", got.header, got.body)
			}
		})
	}
}

func checkHeaders(t *testing.T, got reply) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Vary": "Authorization",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Content-Type": "application/json; charset=utf-8",
		"Access-Control-Allow-Origin": "", "Set-Cookie": "", "Location": "",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
}

func TestABodyIsOneObjectOfTheRightFields(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Eng)
	deep := strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100)
	for _, tt := range []struct {
		name, body string
		want       int
	}{
		{"nothing", ``, 400},
		{"null", `null`, 400},
		{"a list", `[` + someWish + `]`, 400},
		{"half of it", someWish[:40], 400},
		{"two", someWish + someWish, 400},
		{"something after it", someWish + `x`, 400},
		{"an unknown field", `{"admin":true,` + someWish[1:], 400},
		{"a field in another case", strings.Replace(someWish, `"target"`, `"Target"`, 1), 400},
		{"a field twice", `{"target":"db2.prod",` + someWish[1:], 400},
		{"a field twice by escapes", `{"\u0074arget":"db2.prod",` + someWish[1:], 400},
		{"null in it", `{"ticket":null,` + someWish[1:], 400},
		{"another type", strings.Replace(someWish, `"outage"`, `7`, 1), 400},
		{"a field of the desk", `{"stages":[],` + someWish[1:], 400},
		{"a time in another form", `{"for":3600,` + someWish[1:], 400},
		{"a negative time", `{"for":"-1h",` + someWish[1:], 400},
		{"a time that overflows", `{"for":"9999999h",` + someWish[1:], 400},
		{"not UTF-8", strings.Replace(someWish, "stuck", "st\xffck", 1), 400},
		{"deep", strings.Replace(someWish, `"outage"`, deep, 1), 400},
		{"an unknown action", `{"do":"approve",` + someWish[1:], 400},
		{"long", strings.Replace(someWish, "stuck", strings.Repeat("x", maxBody), 1), 413},
		{"a long reason", strings.Replace(someWish, "stuck", strings.Repeat("stuck ", 400), 1), 403},
		{"more than the rule gives", `{"for":"5h",` + someWish[1:], 403},
		{"with space", " " + someWish + "\n", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.fresh()
			last := s.Ledger.Last()
			got := s.post(token, "/requests", tt.body)
			if got.status != tt.want {
				t.Errorf("got %d %s, want %d", got.status, got.body, tt.want)
			}
			if made := s.Ledger.Last() != last; made != (tt.want == 200) {
				t.Errorf("something was written: %t", made)
			}
			if got.status != 200 && len(got.body) > 500 {
				t.Errorf("the answer repeats what was sent: %s", got.body)
			}
		})
	}
}

// zeros is an endless body that counts what was read of it.
type zeros struct{ n atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), errors.Join(nil, limit(z.n.Add(int64(len(p)))))
}

func limit(n int64) error {
	if n > 1<<30 {
		return io.EOF
	}
	return nil
}

func TestABodyOfAGigabyteIsNotRead(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Eng)
	server := httptest.NewUnstartedServer(s.all)
	server.Start()
	defer server.Close()
	for _, sized := range []bool{true, false} {
		z := new(zeros)
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+Prefix+"/requests", z)
		must(t, err)
		if sized {
			r.ContentLength = 1 << 30
		}
		r.Host = "localhost:8080"
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		got, err := server.Client().Do(r)
		if err == nil {
			_ = got.Body.Close()
			if got.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("sized %t: got %d, want 413", sized, got.StatusCode)
			}
		}
		if n := z.n.Load(); n > 16<<20 {
			t.Errorf("sized %t: %d bytes were taken", sized, n)
		}
	}
}

func TestAGetChangesNothing(t *testing.T) {
	s := newHall(t)
	code, motion := s.granted(), s.moved()
	token, ann := s.token(s.Eng), s.token(s.Ann)
	override := map[string]string{"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST", "X-Method-Override": "POST"}
	for _, r := range s.api.routes() {
		path := strings.NewReplacer("{code}", code, "{id}", "none").Replace(r.path)
		for _, method := range []string{"GET", "HEAD"} {
			s.api.limits.by = nil
			last := s.Ledger.Last()
			req := s.request(method, path, token, `{}`)
			if at, ok := strings.CutPrefix(r.path, "/motions/{code}"); ok {
				req = s.request(method, "/motions/"+motion+at, ann, `{}`)
			}
			for name, value := range override {
				req.Header.Set(name, value)
			}
			got := s.do(req)
			if s.Ledger.Last() != last {
				t.Errorf("%s %s wrote something", method, path)
			}
			if want := map[bool]int{true: 405, false: 200}[r.method == "POST" && r.path != "/requests" && r.path != "/motions"]; got.status != want {
				t.Errorf("%s %s: got %d, want %d", method, path, got.status, want)
			}
		}
	}
	if v, err := s.Desk.See(t.Context(), s.Eng.Principal, code); err != nil || v.Grant.Over(v.Now) != "" {
		t.Errorf("the grant is over: %v", err)
	}
}

func TestUnknownForeignAndMalformedCodesAreTheSame(t *testing.T) {
	s := newHall(t)
	foreign := s.fresh()
	token := s.token(s.Bo) // of another customer
	want := s.get(token, "/requests/ZZZZ").body
	for _, path := range []string{"/requests/%s", "/requests/%s/sessions", "/receipts/%s"} {
		for _, code := range []string{foreign, strings.ToLower(foreign), "ZZZZ", "x", "Z-Z", "ZZZZZZZZZZZZZZZ", "ZZZZ.json", "%20", "ZZ%2FZ", "%2e%2e", "..", "..;", "ZZ%00"} {
			s.api.limits.by = nil
			if got := s.get(token, fmt.Sprintf(path, code)); got.status != 404 || got.body != want {
				t.Errorf("GET %s of %q: %d %s", path, code, got.status, got.body)
			}
		}
	}
	for _, do := range []string{"requests/%s/withdraw", "requests/%s/reject", "requests/%s/approve", "grants/%s/give-back", "grants/%s/revoke"} {
		for _, code := range []string{foreign, "ZZZZ", "x", "ZZ%2FZ"} {
			s.api.limits.by = nil
			if got := s.post(token, "/"+fmt.Sprintf(do, code), `{}`); got.status != 404 || got.body != want {
				t.Errorf("POST %s of %q: %d %s", do, code, got.status, got.body)
			}
		}
	}
}

func TestAPathIsTakenAsItStands(t *testing.T) {
	s := newHall(t)
	token := s.token(s.Eng)
	for _, path := range []string{"", "/", "//me", "/me/", "/./me", "/x/../me", "/%6de", "/me%2f", "/ME", "/me;a=b", "/me/..", `/me\`} {
		r := s.request("GET", "/me", token, "")
		r.URL.Path, r.URL.RawPath = Prefix+strings.ReplaceAll(strings.ReplaceAll(path, "%6d", "m"), "%2f", "/"), ""
		if strings.Contains(path, "%") {
			r.URL.RawPath = Prefix + path
		}
		if got := s.do(r); got.status != 404 || got.header.Get("Location") != "" {
			t.Errorf("%q: got %d %s", path, got.status, got.body)
		}
	}
}

func TestTooManyCallsAreRefused(t *testing.T) {
	s := newHall(t)
	now := time.Now()
	s.api.Now = func() time.Time { return now }
	token := s.token(s.Eng)
	many := func(n int, send func() reply) (last reply) {
		for range n {
			last = send()
		}
		return last
	}
	one := func(token string) func() reply {
		return func() reply {
			r := s.request("GET", "/me", token, "")
			r.RemoteAddr = "198.51.100.7:1"
			return s.do(r)
		}
	}
	if got := many(guessBurst, one("lbx_x")); got.status != 401 {
		t.Errorf("a wrong token: %d", got.status)
	}
	if got := many(1, one("lbx_x")); got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("one wrong token more: %d %s", got.status, got.body)
	}
	if got := many(1, one(token)); got.status != 200 {
		t.Errorf("a right token beside wrong ones: %d %s", got.status, got.body)
	}
	if got := many(tokenBurst, func() reply { return s.get(token, "/me") }); got.status != 429 {
		t.Errorf("a token from everywhere: %d", got.status)
	}
	if got := many(sourceBurst, one("")); got.status != 429 {
		t.Errorf("a source: %d", got.status)
	}
	now = now.Add(time.Minute)
	if got := many(guessBurst+1, func() reply { return s.get(token, "/requests/ZZZZ") }); got.status != 429 {
		t.Errorf("wrong codes: %d", got.status)
	}
}

func TestAFailureTellsAReferenceAndNoSecret(t *testing.T) {
	s := newHall(t)
	var reported bytes.Buffer
	s.api.Report = func(err error) { fmt.Fprintln(&reported, err) }
	token := s.token(s.Eng)
	code := s.fresh()
	pol := s.Policy()
	s.SetPolicy(nil)
	s.api.Desk.Policy = func() *policy.Policy { panic("a mistake") }
	got := s.get(token, "/requests/"+code)
	if got.status != 500 || got.code() != CodeInternal || strings.Contains(got.body, "mistake") {
		t.Errorf("a panic: %d %s", got.status, got.body)
	}
	s.SetPolicy(pol)
	s.api.Desk.Policy = s.Policy
	dead := &Tokens{Ledger: s.Ledger, People: failing{}}
	s.api.Tokens = dead
	got = s.get(token, "/me?list=")
	if got.status != 400 {
		t.Errorf("a parameter that is not there: %d", got.status)
	}
	got = s.get(token, "/me")
	var f Failure
	if got.status != 500 {
		t.Fatalf("a store that is away: %d %s", got.status, got.body)
	}
	got.status = 200
	got.into(&f)
	if f.Error.Reference == "" || !strings.Contains(reported.String(), f.Error.Reference) {
		t.Errorf("no reference: %s, %s", got.body, reported.String())
	}
	if all := reported.String() + got.body; strings.Contains(all, token[4:]) || strings.Contains(got.body, "away") {
		t.Errorf("the answer or the report says too much: %s", all)
	}
}
