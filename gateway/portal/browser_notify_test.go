package portal

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// tells gives the site mail, whose server is not there, and an outbox.
func (s *site) tells() {
	s.t.Helper()
	words, err := notify.NewWords()
	must(s.t, err)
	planner := &notify.Planner{Desk: s.Desk, People: s.People}
	m, err := mail.New(mail.Options{
		Server: "127.0.0.1:1", Implicit: true, From: "lockbox@x.eu", Ledger: s.Ledger, Words: words,
		Teller: &notify.Teller{Ledger: s.Ledger, Planner: planner, URL: s.URL, Words: words},
	})
	must(s.t, err)
	planner.Channels = []notify.Channel{m}
	s.Settings = &notify.Settings{Ledger: s.Ledger, Planner: planner}
	box, err := notify.OpenOutbox(filepath.Join(s.t.TempDir(), "notify.db"))
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, box.Close()) })
	s.Notices = &notify.Follower{Ledger: s.Ledger, Planner: planner, Outbox: box, Report: s.Report}
}

// TestABrowserSaysHowItIsToldAndReadsTheWeek: one's own settings, who is reached,
// and the digest that two executives sign.
func TestABrowserSaysHowItIsToldAndReadsTheWeek(t *testing.T) {
	s := newSite(t, world.Policy("127.0.0.1:1", ""))
	s.Charter.Digest = s.Desk.DigestHash
	s.tells()
	b := harness.StartBrowser(t)
	eng, ceo, cto := b.Person("eng"), b.Person("ceo"), b.Person("cto")
	s.board(ceo, cto)
	s.enrol(b.Person("ann"), identity.Invite{ID: "ann@nord.x", Name: "Ann Nordby", Kind: policy.Reviewer, Customer: "nord"})
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})
	code := s.ask(eng)
	week := keepWeek(t, s.Ledger, approvals.Done{
		Code: code, Sessions: []string{"01JABCDEFGHJKMNPQRSTVWXYZ0"}, Long: 9 * time.Minute, Terminals: 1, Commands: 3, Files: 2, Moved: 4096, Recorded: 70_000,
	})

	s.open(ceo, "/me/notify", "How you are told")
	s.shoot(ceo, "notify")
	ceo.Goto(s.url + "/me/notify?lang=da")
	s.shoot(ceo, "notify-da")
	ceo.Goto(s.url + "/reach?lang=en&as=eng@x.eu&on=db1.prod")
	ceo.WaitText("Who would be asked?")
	s.shoot(ceo, "reach")
	ceo.Goto(s.url + "/reach?lang=da&as=eng@x.eu&on=db1.prod")
	s.shoot(ceo, "reach-da")

	ceo.Goto(s.url + "/digest?lang=en")
	ceo.WaitText("read by 0 of 2")
	s.shoot(ceo, "digests")
	ceo.Press("Week " + week)
	ceo.WaitText("Said, and done")
	s.shoot(ceo, "digest")
	ceo.Goto(s.url + "/digest/" + week + "?lang=da")
	s.shoot(ceo, "digest-da")
	ceo.Goto(s.url + "/digest/" + week + "?lang=en")
	ceo.Press("I have read it")
	s.signs(ceo, "lockbox-review/v1", "One more executive")
	s.open(cto, "/digest/"+week, "One more executive")
	if text := cto.Text(); !strings.Contains(text, "Clara Eskildsen") {
		t.Errorf("the second does not see the first one's mark: %s", text)
	}
	cto.Press("I have read it")
	s.signs(cto, "lockbox-review/v1", "Read by as many executives as it takes")
	s.shoot(cto, "digest-read")
}
