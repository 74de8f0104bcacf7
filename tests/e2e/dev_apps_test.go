package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// asProgram asks as a program does, and gives the status and the JSON.
func asProgram(t *testing.T, method, url, cookie string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	must(t, err)
	r.Header.Set("Cookie", cookie)
	_, port, err := net.SplitHostPort(r.URL.Host)
	must(t, err)
	r.Host, r.URL.Host = r.URL.Host, net.JoinHostPort("127.0.0.1", port)
	res, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	var v map[string]any
	if json.Unmarshal(body, &v) != nil {
		v = map[string]any{"text": string(body)}
	}
	return res.StatusCode, v
}

// TestDevOpensTheWiki is what a newcomer does with a browser: open the
// application, ask, wait, touch, and be where they wanted to be, until it is
// taken away.
func TestDevOpensTheWiki(t *testing.T) {
	dir, web := filepath.Join(t.TempDir(), "state"), freeAddr(t)
	p, said := startDev(t, dir, freeAddr(t), web)
	links := regexp.MustCompile(`http://localhost:\d+/enroll/\S+`).FindAllString(said, -1)
	wiki := strings.TrimSuffix(regexp.MustCompile(`http://wiki\.localhost:\d+`).FindString(said), "/")
	if len(links) != 4 || wiki == "" {
		t.Fatalf("it says\n%s", said)
	}
	_, port, err := net.SplitHostPort(web)
	must(t, err)
	s := &site{t: t, dir: dir, url: "http://localhost:" + port, browser: harness.StartBrowser(t)}
	eva, max := s.browser.Person("Eva"), s.browser.Person("Max")
	for i, who := range []*harness.Person{eva, max} {
		who.Goto(links[i])
		who.Press("Make the passkey")
		who.WaitText("Your passkey is made")
	}

	code := s.opensWiki(eva, max, wiki)
	s.talksToWiki(eva, wiki)
	s.losesWiki(eva, max, wiki, code)
	s.replaysWiki(max, code)
	interrupt(t, p)
}

// opensWiki asks, is approved, touches, and is at the page that was asked for first.
func (s *site) opensWiki(eva, max *harness.Person, wiki string) (code string) {
	t := s.t
	if status, v := asProgram(t, "GET", wiki+"/wiki/plans", ""); status != http.StatusUnauthorized || v["code"] != "LBX-NOGRANT" || v["lockbox"] != 1.0 || v["url"] != wiki+"/" {
		t.Errorf("a program got %d %v", status, v)
	}
	eva.Goto(wiki + "/wiki/plans?a=1")
	look(t, eva, "1-sign-in")
	eva.Press("Sign in with a passkey")
	eva.WaitText("Ask for access to wiki")
	look(t, eva, "2-ask")
	eva.Choose("#reason", "outage")
	eva.Eval(`document.querySelector("#text").value = "the start page shows an error"`)
	eva.Press("Send the request")
	eva.WaitText("Waiting to open wiki")
	look(t, eva, "3-wait")
	code = eva.Eval(`document.querySelector("#live .code").textContent`)
	s.signIn(max)
	s.decide(max, "/a/", code)
	eva.WaitText("Touch to open wiki")
	look(t, eva, "4-touch")
	eva.Press("Touch to open wiki")
	eva.WaitURL(wiki + "/wiki/plans?a=1")
	look(t, eva, "5-wiki")
	return code
}

// talksToWiki has a WebSocket open, and sees what the door itself says.
func (s *site) talksToWiki(eva *harness.Person, wiki string) {
	t := s.t
	eva.Eval(`window.line1 = new WebSocket(location.origin.replace("http", "ws") + "/talk"); window.heard = "";
		line1.onmessage = (e) => { heard += e.data }; line1.onopen = () => line1.send("hello"); ""`)
	until(t, "the WebSocket answers", func() bool { return strings.Contains(eva.Eval("heard"), "hello") })
	look(t, eva, "6-talk")
	for path, want := range map[string]string{"/wiki/a;b": "could not be opened", "/.lockbox/nothing": "could not be opened"} {
		eva.Goto(wiki + path)
		eva.WaitText(want)
		look(t, eva, "7-refused-"+strings.Trim(filepath.Base(path), "."))
	}
	eva.Goto(wiki + "/wiki/plans")
	eva.Eval(`window.line1 = new WebSocket(location.origin.replace("http", "ws") + "/talk"); window.heard = "";
		line1.onopen = () => line1.send("again"); line1.onmessage = (e) => { heard += e.data }; line1.onclose = () => { window.cutAt = Date.now() }; ""`)
	until(t, "the WebSocket answers", func() bool { return strings.Contains(eva.Eval("heard"), "again") })
}

// losesWiki: what is open is cut, and who comes back is told and asked.
func (s *site) losesWiki(eva, max *harness.Person, wiki, code string) {
	t := s.t
	max.Goto(s.url + "/r/" + code)
	max.Press("End this access")
	max.Press("End it now")
	began := time.Now()
	until(t, "the WebSocket is cut", func() bool { return eva.Eval("String(window.cutAt > 0)") == "true" })
	if took := time.Since(began); took > 3*time.Second { // with the time to ask the browser
		t.Errorf("it was cut after %s", took)
	}
	if got := eva.Eval(`fetch("/wiki/plans").then((r) => r.json().then((j) => window.refused = r.status + " " + j.code)); ""`); got != "" {
		t.Error(got)
	}
	until(t, "a script is told that it was revoked", func() bool { return eva.Eval("String(window.refused)") == "403 LBX-REVOKED" })
	eva.Goto(wiki + "/wiki/plans")
	eva.WaitText("Your last access to wiki has ended.")
	at := eva.Eval(`new URL(location.href).searchParams.get("h")`)
	look(t, eva, "8-ask-again")
	eva.Goto(s.url + "/h/" + strings.Repeat("0", len(at)))
	eva.WaitText("Nothing waits here")
	look(t, eva, "9-none")
}

// replaysWiki looks at what was recorded.
func (s *site) replaysWiki(max *harness.Person, code string) {
	t := s.t
	max.Goto(s.url + "/r/" + code)
	look(t, max, "10-request")
	if link := regexp.MustCompile(`/s/[0-9A-Z]{26}`).FindString(max.Eval(`document.body.innerHTML`)); link != "" {
		max.Goto(s.url + link)
		max.Eval(`document.querySelector("#purpose, [name=purpose]").value = "to see what was done"; ""`)
		look(t, max, "11-purpose")
		max.Eval(`document.querySelector("[name=purpose]").form.requestSubmit(); ""`)
		max.WaitText("/wiki/plans")
		look(t, max, "12-waterfall")
	} else {
		t.Errorf("no link to the session in\n%s", max.Text())
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(wait); !holds(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is not so that %s", what)
		}
	}
}
