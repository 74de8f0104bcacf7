package portal

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// browsed serves the stage's pages to real browsers, under an address of their own.
func (s *stage) browsed() string {
	s.t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	_, port, err := net.SplitHostPort(in.Addr().String())
	must(s.t, err)
	p := &Portal{
		Gateway: s.Portal.Gateway, Desk: s.Portal.Desk, People: s.Portal.People, Ledger: s.Portal.Ledger, Shelf: s.Portal.Shelf,
		Vault: s.Vault, Charter: s.Portal.Charter, Report: s.Portal.Report, URL: "http://localhost:" + port,
	}
	server, served := p.Server(), make(chan error, 1)
	go func() { served <- server.Serve(in) }()
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		must(s.t, server.Shutdown(ctx))
		if err := <-served; err != http.ErrServerClosed {
			s.t.Error(err)
		}
	})
	return p.URL
}

// as signs a browser in as a visitor.
func (v *visitor) as(p *harness.Person, at string) {
	p.Goto(at + "/static/icon.svg")
	p.Eval(fmt.Sprintf(`document.cookie = %q, ""`, v.cookies[0].Name+"="+v.cookies[0].Value+"; path=/"))
}

// staysWatched wants a page that shows a session not to be taken for gone.
func (s *stage) staysWatched() {
	s.t.Helper()
	from := s.World.Ledger.Last()
	<-time.After(goneAfter + time.Second)
	events, err := s.World.Ledger.After(s.t.Context(), from, 100)
	must(s.t, err)
	if slices.Contains(slices.Collect(kinds(events)), "session.unwatched") {
		s.t.Error("the page is taken for gone")
	}
}

func TestASessionIsWatchedInABrowser(t *testing.T) {
	s := newStage(t)
	at, b := s.browsed(), harness.StartBrowser(t)
	v, tr := s.openSession()
	must(t, tr.Output([]byte("before \x1b]0;stolen title\x07it was opened\r\n")))
	p := b.Person("ceo")
	s.visitor(s.Ceo).as(p, at)
	page := &site{s.Portal, t, at}
	p.Goto(at + "/s/" + v.Session.ID)
	page.inspect(p)
	p.Type("#purpose", "to see what is done")
	p.Press("Watch live")
	p.WaitText("What happened last")
	if !hasPlayer() {
		return
	}
	p.WaitText("You see what is happening now.")
	p.WaitText("before it was opened")
	must(t, tr.Output([]byte("and then this\r\n")))
	p.WaitText("and then this")
	p.WaitText("Watching now: Ceo")
	s.staysWatched()
	page.inspect(p)
	p.Eval(`document.querySelector("#freeze-why").form.querySelector("button").click(), ""`)
	p.WaitText("Ceo froze this session.")
	if h, _ := v.Halted(); h.By != "Ceo" {
		t.Errorf("%+v", h)
	}
	page.inspect(p)
	p.Eval(`document.querySelector("h1").textContent = ""`)
	p.Press("Let it go on")
	p.WaitText("Session of Eng on") // on the next page
	late := time.After(20 * time.Second)
	for h, changed := v.Halted(); h.By != ""; h, changed = v.Halted() {
		select {
		case <-changed:
		case <-late:
			t.Fatal("it does not go on")
		}
	}
	p.Goto(at + "/s/" + v.Session.ID)
	p.WaitText("You see what is happening now.")
	p.Press("End this session")
	p.Type("#end-why", "enough was seen")
	p.Press("End it now")
	select {
	case <-v.Context().Done():
	case <-late:
		t.Fatal("it does not end")
	}
	v.Leave()
	p.Goto(at + "/s/" + v.Session.ID)
	p.WaitText("enough was seen")
	p.WaitText("Skip idle time")
	ending := func(c string) bool { return harmless(c) || strings.Contains(c, "409 (Conflict)") } // it was on its way to the end
	if got := slices.DeleteFunc(p.Complaints(), ending); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// Who looks at another page does not watch a session that somebody has to, and
// watches again when they come back (B33).
func TestB33APageThatNobodySeesDoesNotWatch(t *testing.T) {
	if !hasPlayer() {
		return
	}
	s := newStage(t)
	at, b := s.browsed(), harness.StartBrowser(t)
	v, tr := s.mustWatch()
	must(t, tr.Output([]byte("it was opened\r\n")))
	p := b.Person("ceo")
	s.visitor(s.Ceo).as(p, at)
	p.Goto(at + "/s/" + v.Session.ID)
	p.WaitText("Nothing passes until one of those who decide watches.")
	p.Type("#purpose", "to see what is done")
	p.Press("Watch live")
	stands(t, v, true)
	s.staysWatched()
	p.Eval(`Object.defineProperty(document, "hidden", { configurable: true, get: () => window.away }), window.away = true, ""`)
	if took := stands(t, v, false); took > gone+time.Second {
		t.Errorf("it goes on unseen for %s", took)
	}
	p.WaitText("This page was not seen to watch any more.")
	p.Eval(`window.away = false, document.dispatchEvent(new Event("visibilitychange")), ""`)
	stands(t, v, true)
	p.WaitText("You see what is happening now.")
}
