package attacks

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	netmail "net/mail"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/gateway/portal"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/fakes/smtp"
	"lockbox/tests/world"
)

// A story is told by real mails, from a real portal.
type toldStory struct {
	*world.World
	url   string
	mails *smtp.Server
}

func tellStory(t *testing.T) *toldStory {
	t.Helper()
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	s := &toldStory{World: w, url: "http://localhost:" + port, mails: smtp.Start(t, true, false, "localhost")}
	report := func(err error) { t.Errorf("reported: %v", err) }
	words, err := notify.NewWords()
	must(t, err)
	p := &notify.Planner{Desk: w.Desk, People: w.People}
	told := &notify.Teller{Ledger: w.Ledger, Planner: p, URL: s.url, Event: portal.EventWords(), Words: words}
	m, err := mail.New(mail.Options{
		Server: s.mails.Addr, Implicit: true, From: "lockbox@example.eu", Roots: s.mails.Roots, Ledger: w.Ledger, Teller: told, Words: words,
	})
	must(t, err)
	p.Channels = []notify.Channel{m}
	box, err := notify.OpenOutbox(filepath.Join(w.Dir, "notify.db"))
	must(t, err)
	f := &notify.Follower{Ledger: w.Ledger, Planner: p, Outbox: box, Report: report}
	pages := &portal.Portal{
		Gateway: w.Gateway, Desk: w.Desk, Charter: w.Charter, People: w.People, Ledger: w.Ledger, Shelf: w.Shelf, URL: s.url, Report: report,
		Settings: &notify.Settings{Ledger: w.Ledger, Planner: p}, Notices: f,
	}
	server := pages.Server()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	wg.Go(func() {
		if err := f.Run(ctx); err != nil {
			report(err)
		}
	})
	t.Cleanup(func() {
		stop()
		_ = server.Close()
		wg.Wait()
		must(t, box.Close())
	})
	for { // the first start begins at the log's end
		if _, behind := f.Counts(); behind == 0 {
			return s
		}
	}
}

// wait waits until so many mails came.
func (s *toldStory) wait(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.After(30 * time.Second)
	for len(s.mails.Mails()) < n {
		select {
		case <-over:
			t.Fatalf("%d mails came, not %d", len(s.mails.Mails()), n)
		case <-tick.C:
		}
	}
}

// links are all addresses in all parts of all mails.
func (s *toldStory) links(t *testing.T) (all []string) {
	t.Helper()
	address := regexp.MustCompile(`https?://[^\s"<>]+`)
	for _, one := range s.mails.Mails() {
		msg, err := netmail.ReadMessage(bytes.NewReader(one.Body))
		must(t, err)
		_, with, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
		must(t, err)
		r := multipart.NewReader(msg.Body, with["boundary"])
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				break
			}
			must(t, err)
			b, err := io.ReadAll(quotedprintable.NewReader(p))
			must(t, err)
			all = append(all, address.FindAllString(string(b), -1)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestC31AMailScannerChangesAndSeesNothing opens, posts to and runs the scripts of
// every link of every mail of a story.
func TestC31AMailScannerChangesAndSeesNothing(t *testing.T) {
	s := tellStory(t)
	pending := s.Ask(t, s.Eng, "nord", time.Hour)
	done := s.Ask(t, s.Mate, "syd", time.Hour)
	s.wait(t, 5) // who asked; both executives; of the other one, not who confirmed the engineer's key
	must(t, s.Approve(t, s.Ceo, done))
	s.wait(t, 7) // they are told, and the reviewer is asked
	must(t, s.Approve(t, s.Bo, done))
	s.wait(t, 10) // they, the reviewer, and who asked
	_, err := s.Desk.Say(t.Context(), s.Ceo.Principal, pending, "", "which contract is it, the long one")
	must(t, err)
	s.wait(t, 12) // the other executive, and who asked
	links := s.links(t)
	if len(links) < 4 {
		t.Fatalf("too few links: %v", links)
	}
	before := s.Ledger.Last()
	for _, link := range links {
		if !strings.HasPrefix(link, s.url+"/") || strings.ContainsAny(strings.TrimPrefix(link, s.url), "?#=") {
			t.Errorf("%s is not a plain address of the portal", link)
		}
		for _, agent := range []string{"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Mozilla/5.0 (Windows NT 10.0) ms-office; MSOffice 16", "Barracuda Sentinel (EE)"} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				s.scan(t, method, link, agent)
			}
		}
	}
	browser := harness.StartBrowser(t).Person("scanner")
	for _, link := range links {
		browser.Goto(link)
		seesNothing(t, link, browser.Eval(`document.documentElement.outerHTML`))
		status := browser.Eval(`(() => {
			let said = '';
			for (const to of [location.href, ...Array.from(document.forms, f => f.action)]) {
				const x = new XMLHttpRequest();
				x.open('POST', to, false);
				x.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
				x.send('do=approve&for=60');
				said += ' ' + x.status;
			}
			for (const b of document.querySelectorAll('button')) b.click();
			return said })()`)
		if strings.Contains(status, " 2") || strings.Contains(status, " 3") {
			t.Errorf("%s: posts were answered%s", link, status)
		}
	}
	events, err := s.Ledger.After(t.Context(), before, 100)
	must(t, err)
	for _, e := range events {
		t.Errorf("something happened: %s", e.Kind)
	}
	v, err := s.Desk.See(t.Context(), s.Eng.Principal, pending)
	must(t, err)
	if len(v.Request.Votes) != 0 {
		t.Errorf("there are votes: %+v", v.Request.Votes)
	}
}

// scan does what a scanner does with one link.
func (s *toldStory) scan(t *testing.T, method, link, agent string) {
	t.Helper()
	for _, body := range []string{"", "do=approve&for=60", "do=reject&comment=no", "do=revoke", "do=withdraw"} {
		if body != "" && method != http.MethodPost {
			continue
		}
		r, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(body))
		must(t, err)
		r.Header.Set("User-Agent", agent)
		if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", s.url)
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := client.Do(r)
		must(t, err)
		page, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		must(t, err)
		must(t, answer.Body.Close())
		if answer.StatusCode < 400 {
			t.Errorf("%s %s %q: %d", method, link, body, answer.StatusCode)
		}
		seesNothing(t, link, string(page))
	}
}

func seesNothing(t *testing.T, link, page string) {
	t.Helper()
	for _, secret := range []string{"stuck in state", "Nord Legal", "Syd Bank", "db1.prod", "Mate", "the long one", "ceo@x.eu"} {
		if strings.Contains(page, secret) {
			t.Errorf("%s shows %q to nobody in particular", link, secret)
		}
	}
}
