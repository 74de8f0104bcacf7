package portal

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/httpproxy"
	"lockbox/gateway/identity"
	"lockbox/gateway/keys"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// apps opens the HTTP door beside the site, and gives the origin of the wiki behind it.
func (s *site) apps(pol *policy.Policy) string {
	s.t.Helper()
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Wiki</title><link rel="icon" href="data:,"><h1>The wiki's page at %s</h1>`, r.URL.RequestURI())
	}))
	s.t.Cleanup(back.Close)
	pol.Targets["wiki"] = wiki(back.Listener.Addr().String())
	pol.Rules = append(pol.Rules, wikiRule())
	in, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	_, port, err := net.SplitHostPort(in.Addr().String())
	must(s.t, err)
	dir := filepath.Join(s.t.TempDir(), "keys")
	must(s.t, os.Mkdir(dir, 0o700))
	web, err := keys.OpenWeb(dir, nil)
	must(s.t, err)
	door := &httpproxy.Door{
		Gateway: s.Gateway, Desk: s.Desk, People: s.People, Portal: s.url, Apps: "http://apps.localhost:" + port,
		Report: func(err error) { s.t.Errorf("reported: %v", err) }, Sign: func(c httpproxy.Claims) (string, error) { return web.Sign(c) }, Keys: web.JWKS,
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- door.Serve(ctx, in, nil) }()
	s.t.Cleanup(func() {
		s.Gateway.Close("the test is over")
		stop()
		must(s.t, <-served)
		door.Close()
	})
	s.Apps = door
	return "http://wiki.apps.localhost:" + port
}

// D1: who has no access is sent to ask, waits live, touches once, and is where
// they wanted to be.
func TestABrowserArrivesAsksWaitsTouchesAndIsInTheApplication(t *testing.T) {
	pol := world.Policy("127.0.0.1:1", "")
	s := newSite(t, pol)
	wiki := s.apps(pol)
	b := harness.StartBrowser(t)
	eng, ceo := b.Person("eng"), b.Person("ceo")
	s.enrol(ceo, identity.Invite{ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive})
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})

	eng.Goto(wiki + "/docs/deep?page=2&q=%C3%A6")
	eng.Press("Sign in with a passkey")
	eng.WaitText("Ask for access to wiki")
	s.shoot(eng, "arrive-ask")
	eng.Choose("#reason", "outage")
	eng.Eval(`document.querySelector("#text").value = "the start page shows an error"`)
	eng.Press("Send the request")
	eng.WaitText("Waiting to open wiki")
	s.shoot(eng, "arrive-wait")
	s.inspect(eng)

	code := eng.Eval(`document.querySelector("#live .code").textContent`)
	s.open(ceo, "/a/"+code, "Mads Holm asks for 1 hour on wiki")
	s.shoot(ceo, "arrive-board")
	ceo.Press("Approve 1 hour")
	ceo.Press("Sign with your passkey")
	ceo.WaitText("All have approved.")

	eng.WaitText("Touch to open wiki") // by itself
	s.shoot(eng, "arrive-touch")
	s.inspect(eng)
	eng.Verifies(false) // the finger is not recognised
	eng.Press("Touch to open wiki")
	eng.WaitText("Nothing was signed.")
	eng.WaitText("lockbox-arrive/v1")
	s.shoot(eng, "arrive-cancelled")
	s.inspect(eng)
	eng.Verifies(true)
	eng.Press("Touch to open wiki")
	eng.WaitText("The wiki's page at /docs/deep?page=2&q=%C3%A6")
	if got := eng.URL(); got != wiki+"/docs/deep?page=2&q=%C3%A6" {
		t.Errorf("it is at %s", got)
	}
	if got := eng.Eval(`document.cookie`); got != "" {
		t.Errorf("the application's page reads cookies of ours: %s", got)
	}
	eng.Goto(wiki + "/other")
	eng.WaitText("The wiki's page at /other")
	for _, p := range []*harness.Person{eng, ceo} {
		if got := slices.DeleteFunc(p.Complaints(), harmless); len(got) > 0 {
			t.Errorf("%s: the browser complains: %q", p.Name, got)
		}
	}
}

// Access that is taken away closes the application, and it is asked for anew.
func TestAccessThatEndsIsAskedForAnewInTheBrowser(t *testing.T) {
	pol := world.Policy("127.0.0.1:1", "")
	s := newSite(t, pol)
	wiki := s.apps(pol)
	b := harness.StartBrowser(t)
	eng, ceo := b.Person("eng"), b.Person("ceo")
	s.enrol(ceo, identity.Invite{ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive})
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})
	eng.Goto(wiki + "/first")
	eng.Press("Sign in with a passkey")
	eng.WaitText("Ask for access to wiki")
	eng.Choose("#reason", "outage")
	eng.Eval(`document.querySelector("#text").value = "the start page shows an error"`)
	eng.Press("Send the request")
	eng.WaitText("Waiting to open wiki")
	code := eng.Eval(`document.querySelector("#live .code").textContent`)
	at := eng.URL()
	s.open(ceo, "/a/"+code, "Mads Holm asks for 1 hour on wiki")
	ceo.Press("Approve 1 hour")
	ceo.Press("Sign with your passkey")
	ceo.WaitText("All have approved.")
	eng.WaitText("Touch to open wiki")
	eng.Press("Touch to open wiki")
	eng.WaitText("The wiki's page at /first")

	eng.Goto(at) // let in already
	eng.WaitText("Open the application again")
	s.shoot(eng, "arrive-none")
	eng.Goto(s.url + "/r/" + code)
	eng.WaitText("Open wiki")
	s.shoot(eng, "arrive-request")
	eng.Press("Open wiki")
	eng.WaitText("The wiki's page at /")

	ceo.Goto(s.url + "/r/" + code)
	ceo.Press("End this access")
	ceo.Press("End it now")
	ceo.WaitText("The access was ended")
	for deadline := time.Now().Add(10 * time.Second); len(s.Gateway.Visits()) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the session goes on")
		}
		eng.Text()
	}
	eng.Goto(wiki + "/second?lang=da")
	eng.WaitText("Ask for access to wiki")
	eng.WaitText("Your last access to wiki has ended. All details of this request (" + code + ")")
	s.shoot(eng, "arrive-ended")
	if !strings.HasPrefix(eng.URL(), s.url+"/r/new?") {
		t.Errorf("it is at %s", eng.URL())
	}
}
