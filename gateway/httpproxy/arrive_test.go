package httpproxy_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/door"
)

// fetch asks as a script or a program does.
func fetch(t testing.TB, b *door.Browser, method, address string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.Do(r)
	must(t, err)
	return res, body(t, res)
}

func TestProgramsAreToldInsteadOfSentAway(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) { t.Error("the target was asked") }))
	b := w.Browser(t, true)
	for _, c := range []struct {
		method string
		header []string
	}{
		{"GET", nil}, {"GET", []string{"Accept", "application/json"}}, {"POST", []string{"Accept", "text/html"}},
		{"GET", []string{"Accept", "text/html", "Sec-Fetch-Mode", "cors"}}, {"GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}},
		{"GET", []string{"User-Agent", "GoogleHC/1.0"}}, {"GET", []string{"Cookie", "__Host-lockbox-app=" + strings.Repeat("0", 64)}},
	} {
		res, got := fetch(t, b, c.method, w.URL("/api"), c.header...)
		if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(got, `{"lockbox":1,"code":"LBX-NOGRANT","target":"wiki","request":null,"retryable":true,"url":"https://`+w.Host+`/"`) || len(res.Header["Set-Cookie"]) > 0 {
			t.Errorf("%v: got %d %s", c, res.StatusCode, got)
		}
	}
	for host, want := range map[string]int{"other." + strings.TrimPrefix(w.Host, "wiki."): 421, "evil.example": 421, strings.TrimPrefix(w.Host, "wiki."): 421, w.Addr: 421} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL("/"), nil)
		must(t, err)
		r.Host = host
		res, err := b.Do(r)
		must(t, err)
		if _ = body(t, res); res.StatusCode != want {
			t.Errorf("%s: got %d", host, res.StatusCode)
		}
	}
}

// TestAWayInIsForTheBrowserThatArrived: not for another, not twice, and not elsewhere.
func TestAWayInIsForTheBrowserThatArrived(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}))
	w.Grant(t, w.Eng, policy.HTTPGet)
	_, web := w.SignIn(t, w.Eng)
	b, other := w.Browser(t, true), w.Browser(t, true)
	address := w.Admit(t, w.Eng, b.Arrive(t, "/page"), web)
	other.Arrive(t, "/page") // has a cookie of its own
	for name, c := range map[string]struct {
		b       *door.Browser
		address string
	}{
		"another browser that arrived": {other, address}, "one that did not": {w.Browser(t, true), address}, "without the code": {b, w.URL("/.lockbox/enter")}, "with another code": {b, w.URL("/.lockbox/enter?code=" + strings.Repeat("0", 64))},
	} {
		if res := c.b.Navigate(t, c.address); res.StatusCode != http.StatusForbidden || strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "lockbox-app") {
			t.Errorf("%s: got %d %v", name, res.StatusCode, res.Header)
		}
	}
	if res, _ := fetch(t, b, "GET", address, "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"); res.StatusCode != http.StatusForbidden {
		t.Errorf("as a picture: got %d", res.StatusCode)
	}
	res := b.Navigate(t, address)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/page" || res.Header.Get("Referrer-Policy") != "no-referrer" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	set := strings.Join(res.Header["Set-Cookie"], "\n")
	if !strings.Contains(set, "__Host-lockbox-app=") || !strings.Contains(set, "; Path=/; HttpOnly; Secure; SameSite=Lax") || strings.Contains(set, "Domain") {
		t.Errorf("the cookies are %q", set)
	}
	if res := b.Navigate(t, address); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" || len(res.Header["Set-Cookie"]) != 0 {
		t.Errorf("once more: got %d %v", res.StatusCode, res.Header)
	}
	u, err := url.Parse(w.URL("/"))
	must(t, err)
	session := b.Jar.Cookies(u)
	b.Jar, err = cookiejar.New(nil)
	must(t, err)
	if res := b.Navigate(t, address); res.StatusCode != http.StatusForbidden {
		t.Errorf("the same address without cookies: got %d", res.StatusCode)
	}
	if len(session) != 1 {
		t.Errorf("the browser was left with %v", session)
	}
}

func TestABrowserThatWaitsIsOne(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}))
	b := w.Browser(t, true)
	one := b.Arrive(t, "/one")
	if two := b.Arrive(t, "/two"); two != one {
		t.Error("the second page made another of it")
	}
	a, ok := w.Door.Arrival(one)
	if !ok || a.Path != "/two" || a.From != "127.0.0.1" || a.Target != door.Wiki {
		t.Errorf("it is %+v", a)
	}
	for _, path := range []string{"//evil.example/", "/\\evil.example", "/%5cevil.example", "/.//evil", "/..//evil.example", "/@evil.example//"} {
		if res := b.Navigate(t, w.URL("")+path); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %d to %s", path, res.StatusCode, res.Header.Get("Location"))
		}
	}
	unseen := w.Browser(t, true).Arrive(t, "/")
	for range 100 {
		w.Browser(t, true).Arrive(t, "/")
	}
	if _, ok := w.Door.Arrival(unseen); ok {
		t.Error("one source may have any number of them wait")
	}
	if _, ok := w.Door.Arrival("00000000000000000000000000000000"); ok {
		t.Error("nobody waits there")
	}
}

func TestASessionEndsWithTheOneAtThePortal(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	must(t, w.People.SignOut(t.Context(), b.Portal))
	for {
		res, got := fetch(t, b.Browser, "GET", w.URL("/"))
		if res.StatusCode == http.StatusOK {
			continue // it was not noticed yet
		}
		if res.StatusCode != http.StatusForbidden || !strings.Contains(got, "signed out") {
			t.Errorf("got %d %s", res.StatusCode, got)
		}
		break
	}
	if res := b.Navigate(t, w.URL("/again")); res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), w.Door.Portal+"/h/") {
		t.Errorf("the person got %d %v", res.StatusCode, res.Header)
	}
}

func TestAPersonLeaves(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	if res, _ := fetch(t, b.Browser, "POST", w.URL("/.lockbox/leave"), "Sec-Fetch-Site", "same-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("by another page: got %d", res.StatusCode)
	}
	if res, _ := fetch(t, b.Browser, "GET", w.URL("/.lockbox/leave")); res.StatusCode != http.StatusNotFound {
		t.Errorf("by a link: got %d", res.StatusCode)
	}
	cookie := b.Cookie(t)
	if res, _ := fetch(t, b.Browser, "POST", w.URL("/.lockbox/leave"), "Sec-Fetch-Site", "same-origin"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("got %d", res.StatusCode)
	}
	if res, _ := fetch(t, w.Browser(t, true), "GET", w.URL("/"), "Cookie", cookie); res.StatusCode != http.StatusForbidden {
		t.Errorf("with what was kept of it: got %d", res.StatusCode)
	}
}

// TestNobodyIsLetInWithoutAGrantOrASession: Admit asks anew, whatever the portal found.
func TestNobodyIsLetInWithoutAGrantOrASession(t *testing.T) {
	w := door.NewWeb(t, target(t, func(http.ResponseWriter, *http.Request) {}))
	id := w.Browser(t, true).Arrive(t, "/")
	_, web := w.SignIn(t, w.Eng)
	for name, c := range map[string]struct {
		id, web string
		who     policy.Principal
		want    policy.Verdict
	}{
		"no grant": {id, web, w.Eng.Principal, policy.Ask}, "no session": {id, identity.WebID("x"), w.Eng.Principal, policy.Deny}, "another's session": {id, web, w.Mate.Principal, policy.Deny}, "nobody waits": {"0", web, w.Eng.Principal, policy.Deny},
	} {
		address, a, err := w.Door.Admit(t.Context(), c.id, c.who, c.web)
		if err != nil || address != "" || a.Verdict != c.want {
			t.Errorf("%s: got %q, %v %s, %v", name, address, a.Verdict, a.Why, err)
		}
	}
}

func TestWhatIsOursIsNoTargets(t *testing.T) {
	w := door.NewWeb(t, target(t, func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(strings.ToLower(r.URL.Path), "lockbox/") {
			t.Errorf("the target was asked for %s", r.URL.Path)
		}
	}))
	b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
	for path, want := range map[string]int{"/.lockbox": 404, "/.lockbox/": 404, "/.LOCKBOX/x": 404, "/.lockbox/x/y": 404, "/.lockbox/jwks.json": 200, "/.lockbox/page.css": 200, "/.lockboxes": 200} {
		if res, _ := fetch(t, b.Browser, "GET", w.URL(path)); res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, res.StatusCode, want)
		}
	}
}
