package portal

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/httpproxy"
	"lockbox/gateway/identity"
	"lockbox/gateway/keys"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

const wikiHost = "wiki.apps.localhost:8081"

// openApps puts the HTTP door beside the portal, with an application behind it.
func (s *stage) openApps() *httpproxy.Door {
	s.t.Helper()
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "wiki says hello to ", r.URL.Path) }))
	s.t.Cleanup(back.Close)
	pol := *s.World.Policy()
	pol.Targets = map[string]*policy.Target{"db1.prod": pol.Targets["db1.prod"], "wiki": wiki(back.Listener.Addr().String())}
	pol.Rules = append(pol.Rules[:len(pol.Rules):len(pol.Rules)], wikiRule())
	s.World.SetPolicy(&pol)
	web, err := keys.OpenWeb(filepath.Join(s.World.Dir, "keys"), nil)
	must(s.t, err)
	door := &httpproxy.Door{
		Gateway: s.World.Gateway, Desk: s.World.Desk, People: s.World.People, Portal: here, Apps: "http://apps.localhost:8081",
		Report: func(err error) { s.t.Errorf("reported: %v", err) }, Sign: func(c httpproxy.Claims) (string, error) { return web.Sign(c) }, Keys: web.JWKS,
	}
	s.t.Cleanup(func() { s.World.Gateway.Close("the test is over"); door.Close() })
	s.Apps = door
	return door
}

func wiki(address string) *policy.Target {
	return &policy.Target{
		Name: "wiki", Kind: "http", Address: address, Owner: "eng@x.eu", Logins: []policy.Login{{Name: "web"}},
		Labels: map[string]string{"env": "web"}, Web: policy.Web{Plain: true},
	}
}

func wikiRule() policy.Rule {
	return policy.Rule{
		Name: "web", Position: "policy/rules.yaml:9:1", Actions: []policy.Action{policy.HTTPGet, policy.HTTPPut}, Groups: []string{"engineers"},
		Labels: map[string]string{"env": "web"}, Fresh: 15 * time.Minute,
		Stages: []policy.Stage{{Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour}},
		Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour},
	}
}

// A tab is a browser at the applications.
type tab struct {
	t       *testing.T
	door    *httpproxy.Door
	from    string
	cookies []*http.Cookie
}

// get goes to an address at the applications, as a person's browser does.
func (b *tab) get(address string) *http.Response {
	b.t.Helper()
	u, err := url.Parse(address)
	must(b.t, err)
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, u.RequestURI(), nil)
	r.Host = u.Host
	r.RemoteAddr = b.from + ":999"
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.door.Handler().ServeHTTP(w, r)
	got := w.Result()
	b.cookies = append(b.cookies, got.Cookies()...)
	return got
}

// arrives gives the path at the portal to which a browser is sent that goes to a page of the wiki.
func (b *tab) arrives(path string) string {
	b.t.Helper()
	got := b.get("http://" + wikiHost + path)
	to, ok := strings.CutPrefix(got.Header.Get("Location"), here)
	if got.StatusCode != http.StatusSeeOther || !ok || !strings.HasPrefix(to, "/h/") {
		b.t.Fatalf("the wiki answers %d, to %q", got.StatusCode, got.Header.Get("Location"))
	}
	return to
}

func (s *stage) tab(door *httpproxy.Door) *tab { return &tab{t: s.t, door: door, from: "192.0.2.77"} }

// wikiRequest asks for the wiki through the pages, from where a browser arrived.
func (v *visitor) wikiRequest(h string) (code string) {
	v.s.t.Helper()
	form := v.get(h)
	to := form.header.Get("Location")
	if form.status != http.StatusSeeOther || to != "/r/new?h="+strings.TrimPrefix(h, "/h/")+"&t=wiki" {
		v.s.t.Fatalf("who has not asked gets %d, to %q: %s", form.status, to, body(form))
	}
	page := v.get(to)
	action := html.UnescapeString(regexp.MustCompile(`action="(/r/new[^"]*)"`).FindStringSubmatch(page.body)[1])
	sent := v.post(action, "target", "wiki", "reason", "outage", "text", "the start page shows an error", "for", "30")
	if sent.status != http.StatusSeeOther || sent.header.Get("Location") != h {
		v.s.t.Fatalf("asked: %d, to %q: %s", sent.status, sent.header.Get("Location"), body(sent))
	}
	mine, err := v.s.World.Desk.Mine(v.s.t.Context(), v.who.ID)
	must(v.s.t, err)
	for _, m := range mine {
		if m.Request.Target == "wiki" && m.Status.Phase == policy.Pending {
			return m.Request.ID
		}
	}
	v.s.t.Fatal("nothing was asked for")
	return ""
}

// touches does what the page's script does: one press, one touch.
func (v *visitor) touches(h string) reply {
	v.s.t.Helper()
	var sheet struct {
		ID, Text, Words, Domain string
		Options                 any
	}
	got := v.json(h+"/touch", `{}`)
	if got.status != http.StatusOK {
		return got
	}
	got.into(&sheet)
	if sheet.Domain != string(statement.ForArrive) || sheet.Words != inWords(statement.Challenge(statement.ForArrive, []byte(sheet.Text))) {
		v.s.t.Errorf("the sheet is %+v", sheet)
	}
	signed := v.s.signature(v, sheet.Text)
	return v.json(h+"/sign", fmt.Sprintf(`{"id":%q,"credential":%s}`, sheet.ID, signed))
}

func (s *stage) signature(v *visitor, text string) []byte {
	s.t.Helper()
	options, err := s.World.People.Options(s.t.Context(), v.who.ID, statement.ForArrive, []byte(text))
	must(s.t, err)
	return v.who.Answer(s.t, options)
}

func next(r reply) string {
	var answer struct{ Next string }
	r.into(&answer)
	return answer.Next
}

func wants(t *testing.T, r reply, status int, all ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("got %d, want %d: %s", r.status, status, body(r))
	}
	for _, want := range all {
		if !strings.Contains(r.body, want) {
			t.Errorf("the page lacks %q: %s", want, body(r))
		}
	}
}

func TestABrowserGoesOnToTheApplicationItCameTo(t *testing.T) {
	s := newStage(t)
	door := s.openApps()
	b, eng := s.tab(door), s.visitor(s.Eng)
	h := b.arrives("/docs/start?page=2")
	code := eng.wikiRequest(h)
	waits := eng.get(h)
	wants(t, waits, 200, "Waiting to open wiki", `data-live="/r/`+code+`/live"`, "/docs/start?page=2", "192.0.2.77")
	wants(t, s.visitor(s.Ceo).get("/a/"+code), 200, "read the pages of the application as web", "send it forms, files or commands")
	must(t, s.World.Approve(t, s.Ceo, code))
	v, err := s.World.Desk.See(t.Context(), s.Eng.Principal, code)
	must(t, err)
	if strings.Contains(waits.body, version(v)) {
		t.Error("the page that waits would not see that it is approved")
	}
	wants(t, eng.get(h), 200, "Touch to open wiki", "You open wiki as web")
	wants(t, eng.get("/r/"+code), 200, `href="http://`+wikiHost+`/"`)
	wants(t, eng.json(h, `{}`), 403, "touch")

	address := next(eng.touches(h))
	if !strings.HasPrefix(address, "http://"+wikiHost+"/.lockbox/enter?code=") {
		t.Fatalf("goes on to %s", address)
	}
	stranger := s.tab(door)
	stranger.arrives("/")
	if got := stranger.get(address); len(got.Cookies()) > 0 || got.StatusCode == http.StatusSeeOther && !strings.HasPrefix(got.Header.Get("Location"), here) {
		t.Errorf("a stolen link opens the application: %d %v", got.StatusCode, got.Header)
	}
	in := b.get(address)
	if in.StatusCode != http.StatusSeeOther || in.Header.Get("Location") != "/docs/start?page=2" {
		t.Fatalf("enter: %d, to %q", in.StatusCode, in.Header.Get("Location"))
	}
	if got := b.get("http://" + wikiHost + "/docs/start?page=2"); got.StatusCode != http.StatusOK {
		t.Errorf("the first page answers %d", got.StatusCode)
	}
	wants(t, eng.get(h), 404, "Open the application again")
}

// Who was sent a link by somebody else, and touches, lets nobody in: not whoever
// sent it, and not themselves.
func TestATouchForAnothersBrowserOpensNothing(t *testing.T) {
	s := newStage(t)
	door := s.openApps()
	thief, eng := s.tab(door), s.visitor(s.Eng)
	thief.from = "198.51.100.66"
	h := thief.arrives("/")
	must(t, s.World.Approve(t, s.Ceo, eng.wikiRequest(h)))
	wants(t, eng.get(h), 200, "198.51.100.66", "Go on only if you opened it yourself.")
	address := next(eng.touches(h))
	mine := s.tab(door)
	mine.arrives("/")
	if got := mine.get(address); len(got.Cookies()) > 0 {
		t.Error("the browser that was led here is let in")
	}
	u, err := url.Parse(address)
	must(t, err)
	u.RawQuery = "code=" + strings.Repeat("0", len(u.Query().Get("code")))
	if got := thief.get(u.String()); len(got.Cookies()) > 0 {
		t.Error("whoever sent the link gets in without the code")
	}
}

func TestWhatCannotGoOnSaysWhy(t *testing.T) {
	s := newStage(t)
	door := s.openApps()
	b := s.tab(door)
	h := b.arrives("/secret?of=eng")
	closed := s.visitor(s.Ceo).get(h)
	wants(t, closed, 200, "wiki stays closed")
	if strings.Contains(closed.body, b.from) || strings.Contains(closed.body, "/secret") {
		t.Errorf("who may not go there reads what was asked for, and from where: %s", body(closed))
	}
	wants(t, s.visitor(s.Ceo).json(h+"/touch", `{}`), 403)
	wants(t, s.visitor(s.Ceo).json(h, `{}`), 403)

	eng := s.visitor(s.Eng)
	code := eng.wikiRequest(h)
	wants(t, eng.json(h+"/touch", `{}`), 403, "nothing to touch")
	for _, no := range []*world.Human{s.Ceo, s.Cto} {
		_, err := s.World.Desk.Reject(t.Context(), no.Principal, code, "not today")
		must(t, err)
	}
	wants(t, eng.get(h), 200, "No access to wiki", "Ask again", "h="+strings.TrimPrefix(h, "/h/"))
	s.visitor(s.Eng).wikiRequest(s.tab(door).arrives("/")) // a browser that comes later asks anew

	for _, path := range []string{"/h/" + strings.Repeat("0", 32), "/h/x", "/h/" + strings.ToUpper(strings.TrimPrefix(h, "/h/"))} {
		wants(t, eng.get(path), 404)
	}
	s.Apps = nil
	wants(t, eng.get(h), 404, "There is no such page")
	wants(t, eng.json(h, `{}`), 404)
}

func TestAPageThatWaitsIsForItsTargetOnly(t *testing.T) {
	s := newStage(t)
	h := s.tab(s.openApps()).arrives("/")
	eng := s.visitor(s.Eng)
	id := strings.TrimPrefix(h, "/h/")
	sent := eng.post("/r/new?t=db1.prod&h="+id, "target", "db1.prod", "login", "deploy", "reason", "outage", "text", "two rows are stuck", "for", "30")
	if to := sent.header.Get("Location"); sent.status != 303 || !strings.HasPrefix(to, "/r/") {
		t.Errorf("asked for another target, and goes on to %d %q", sent.status, to)
	}
	for _, bad := range []string{"//evil.example", "https://evil.example", "../../x", id + "/../x"} {
		sent := eng.post("/r/new?t=wiki&h="+url.QueryEscape(bad), "target", "wiki", "reason", "outage", "text", "the start page shows "+bad, "for", "30")
		if to := sent.header.Get("Location"); !regexp.MustCompile(`^/r/[0-9A-Z]+$`).MatchString(to) {
			t.Errorf("h=%s leads to %q", bad, to)
		}
	}
	page := eng.post("/r/new?t=wiki&h="+id, "target", "wiki", "reason", "outage", "text", "x", "for", "30")
	wants(t, page, 422, "&amp;h="+id)
}

// Without scripts there is a link: a form of ours leads to no other site.
func TestAnApplicationIsOpenedWithoutScripts(t *testing.T) {
	s := newStage(t)
	door := s.openApps()
	b, eng := s.tab(door), s.visitor(s.Eng)
	h := b.arrives("/x")
	must(t, s.World.Approve(t, s.Ceo, eng.wikiRequest(h)))
	answer, err := s.World.Gateway.Enter(t.Context(), s.knock(eng, h))
	must(t, err)
	touch, err := s.World.Desk.TouchHere(t.Context(), s.Eng.Principal, answer.Terminal)
	must(t, err)
	signed, err := statement.ParseAssertion(s.signature(eng, string(touch.Statement)))
	must(t, err)
	must(t, s.World.Desk.Touched(t.Context(), s.Eng.Principal, touch.ID, signed))

	page := eng.get(h)
	wants(t, page, 200, "data-go", "Go on to wiki")
	page = eng.post(h)
	wants(t, page, 200, "The link counts once")
	link := regexp.MustCompile(`href="(http://wiki[^"]*)"`).FindStringSubmatch(page.body)
	if got := b.get(html.UnescapeString(link[1])); got.Header.Get("Location") != "/x" {
		t.Errorf("the link leads to %d %q", got.StatusCode, got.Header.Get("Location"))
	}
}

// A terminal's touch is not to be had through the page of a browser.
func TestThePageOfABrowserTouchesNoTerminal(t *testing.T) {
	s := newStage(t)
	h := s.tab(s.openApps()).arrives("/")
	eng := s.visitor(s.Eng)
	must(t, s.World.Approve(t, s.Ceo, eng.wikiRequest(h)))
	code := cell{s, s.Eng}.grant()
	asked, err := s.World.Desk.AskTouch(t.Context(), approvals.Terminal{
		Person: s.Eng.Principal, Key: "SHA256:k", Source: "198.51.100.66", Target: "db1.prod", Login: "support_nord", Grant: code,
	})
	must(t, err)
	got := eng.json(h+"/sign", fmt.Sprintf(`{"id":%q,"credential":%s}`, asked.ID, s.signature(eng, "anything")))
	wants(t, got, 403, "Type the number")
}

func TestAnApplicationIsNoTerminalOnItsPages(t *testing.T) {
	s := newStage(t)
	h := s.tab(s.openApps()).arrives("/")
	s.Command = func(target, login string) string { return "ssh " + target }
	eng := s.visitor(s.Eng)
	code := eng.wikiRequest(h)
	must(t, s.World.Approve(t, s.Ceo, code))
	page := eng.get("/r/" + code)
	if strings.Contains(page.body, "terminal") || strings.Contains(page.body, "ssh wiki") || strings.Contains(page.body, "SFTP") {
		t.Errorf("the page speaks of terminals: %s", body(page))
	}
	eng.get("/?lang=da")
	r := eng.request(http.MethodGet, h, "", "")
	r.Header.Set("Accept-Language", "da")
	wants(t, eng.do(r), 200, "Berør for at åbne wiki", "Browser på")
}

// matrixOfApps is the part of the table about browsers that go on to an application.
func (s *stage) matrixOfApps() []matrixRow {
	door := s.openApps()
	came := func(cell) string { return s.tab(door).arrives("/") }
	return []matrixRow{
		{"a browser that came", "GET /h/{id}", get(came), [8]int{401, 303, 303, 200, 200, 200, 200, 403}},
		{"no browser", "GET /h/{id}", get(same("/h/" + strings.Repeat("0", 32))), [8]int{401, 404, 404, 404, 404, 404, 404, 403}},
		{"goes on without access", "POST /h/{id}", func(c cell, v *visitor) reply { return v.post(came(c)) }, [8]int{401, 403, 403, 403, 403, 403, 403, 403}},
		{"touches for no access", "POST /h/{id}/touch", func(c cell, v *visitor) reply { return v.json(came(c)+"/touch", `{}`) },
			[8]int{401, 403, 403, 403, 403, 403, 403, 403}},
		{"touches with Eng's grant", "POST /h/{id}/touch", func(c cell, v *visitor) reply {
			h := came(c)
			c.wikiGrant(h)
			return v.json(h+"/touch", `{}`)
		}, [8]int{401, 200, 403, 403, 403, 403, 403, 403}},
		{"signs Eng's touch", "POST /h/{id}/sign", func(c cell, v *visitor) reply {
			h := came(c)
			c.wikiGrant(h)
			eng := c.stage.visitor(c.Eng)
			answer, err := c.World.Gateway.Enter(c.stage.t.Context(), c.stage.knock(eng, h))
			must(c.stage.t, err)
			t, err := c.Desk().TouchHere(c.stage.t.Context(), c.Eng.Principal, answer.Terminal)
			must(c.stage.t, err)
			return v.json(h+"/sign", fmt.Sprintf(`{"id":%q,"credential":%s}`, t.ID, c.signature(statement.ForArrive, t.Statement)))
		}, [8]int{401, 200, 404, 404, 404, 404, 404, 403}},
	}
}

// wikiGrant makes a grant of Eng's for the wiki, if there is none.
func (c cell) wikiGrant(h string) {
	t := c.stage.t
	t.Helper()
	mine, err := c.Desk().Mine(t.Context(), c.Eng.ID)
	must(t, err)
	for _, v := range mine {
		if v.Grant != nil && v.Grant.Target == "wiki" && v.Grant.Over(time.Now()) == "" {
			return
		}
	}
	must(t, c.World.Approve(t, c.Ceo, c.stage.visitor(c.Eng).wikiRequest(h)))
}

// knock is how a browser asks, for somebody who is signed in.
func (s *stage) knock(v *visitor, h string) gateway.Knock {
	s.t.Helper()
	a, ok := s.Apps.Arrival(strings.TrimPrefix(h, "/h/"))
	if !ok {
		s.t.Fatalf("nothing waits at %s", h)
	}
	return a.Knock(v.who.Principal, identity.WebID(v.cookies[0].Value), policy.HTTPGet)
}
