package portal

import (
	"strings"
	"testing"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

func (s *site) inSlack(team, user string) (id string) {
	s.t.Helper()
	must(s.t, s.Ledger.View(s.t.Context(), func(tx *ledger.Tx) error {
		who, ok, err := s.People.SlackUsers().Person(tx, team, user)
		if ok {
			id = who.ID
		}
		return err
	}))
	return id
}

func TestABrowserLetsAUserOfSlackBeKnown(t *testing.T) {
	s := newSite(t, world.Policy("127.0.0.1:1", ""))
	b := harness.StartBrowser(t)
	ceo := b.Person("ceo")
	s.enrol(ceo, identity.Invite{ID: "ceo@x.eu", Name: "Karen Lund", Kind: policy.Executive})
	l, err := s.People.BeginSlack("T024BE7LD", "U023BECGF")
	must(t, err)
	s.open(ceo, "/me/slack?l="+l.Token, "Somebody in Slack says that they are you.")
	if text := ceo.Text(); !strings.Contains(text, "U023BECGF") || !strings.Contains(text, "T024BE7LD") {
		t.Errorf("the page does not say who it is: %s", text)
	}
	s.shoot(ceo, "slack-waits")
	ceo.Goto(s.url + "/me/slack?lang=da&l=" + l.Token)
	ceo.WaitText("Hvilket tal")
	s.shoot(ceo, "slack-waits-da")
	ceo.Goto(s.url + "/me/slack?lang=en&l=" + l.Token)
	ceo.WaitText("Which number")
	ceo.Type("#number", map[bool]string{true: "11", false: "10"}[l.Number == "10"])
	ceo.Press("Go on")
	ceo.WaitText("2 tries left")
	ceo.Type("#number", l.Number)
	ceo.Press("Go on")
	ceo.WaitText("lockbox-slack/v1")
	if s.inSlack("T024BE7LD", "U023BECGF") != "" {
		t.Error("they are known before anything is signed")
	}
	s.shoot(ceo, "slack-sign")
	ceo.Press("Sign with your passkey")
	ceo.WaitText("You are known there")
	if got := s.inSlack("T024BE7LD", "U023BECGF"); got != "ceo@x.eu" {
		t.Errorf("it is %q", got)
	}
	ceo.Goto(s.url + "/me/slack?lang=da")
	ceo.WaitText("Du er kendt der")
	s.shoot(ceo, "slack-known-da")
	ceo.Press("Afslut det")
	ceo.WaitText("Slack ved ikke, hvem du er.")
	s.shoot(ceo, "slack-nobody-da")
	if got := s.inSlack("T024BE7LD", "U023BECGF"); got != "" {
		t.Errorf("it is still %q", got)
	}
	for _, c := range ceo.Complaints() {
		if !harmless(c) && !strings.Contains(c, "status of 422") && !strings.Contains(c, "status of 401") {
			t.Errorf("the browser complains: %q", c)
		}
	}
}
