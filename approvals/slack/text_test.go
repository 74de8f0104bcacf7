package slack_test

import (
	"strings"
	"testing"

	"lockbox/approvals/notify"
	fake "lockbox/tests/fakes/slack"
)

// What people write reaches a card, a thread and nothing else, as they wrote it and
// as nothing more: it calls nobody, leads nowhere and turns nothing around. The
// fake fails the test for whatever is read as a call of people or rooms.
func TestWhatPeopleWriteIsReadAsText(t *testing.T) {
	s := newStage(t, "http")
	s.follow(t)
	const why = "<!channel> <!here> <@U0CEO> <#C024BE91L> @here @channel *bold* _it_ `x` &lt;!everyone&gt; :fire: <https://evil.example|db1.prod> of case"
	code := s.ask(t, need("need", why))
	until(t, "the board is asked", func() bool { return len(s.slack.Messages(ceoIn)) > 0 && len(s.slack.Messages(fake.Channel)) > 0 })
	card := s.card(t, ceoIn)
	for _, want := range []string{"<!channel> <!here> <@U0CEO> <#C024BE91L> @here @channel *bold* _it_ `x` &lt;!everyone&gt; :fire:"} {
		if !strings.Contains(card.Shown, want) {
			t.Errorf("the card lacks %q: %s", want, card.Shown)
		}
	}
	for _, l := range card.Links {
		t.Errorf("the card leads to %s", l)
	}
	if got := s.reads(ceoIn) + s.reads(fake.Channel); strings.Contains(got, "evil.example") {
		t.Errorf("an address that somebody wrote is told: %s", got)
	}
	if strings.Contains(card.Text, "case") || strings.Contains(s.reads(fake.Channel), "case") || strings.Contains(s.reads(fake.Channel), "bold") {
		t.Errorf("why stands on a locked screen, or in the channel: %q, %s", card.Text, s.reads(fake.Channel))
	}
	for name, c := range map[string]string{
		"turned around":   "look at db1\u202egro.dorp please",
		"a hidden one":    "look at the ca\u200bse please",
		"a line":          "look at it\nApproved by Ceo",
		"a person number": "look at the case of 010190-1234",
		"a password":      "log in with password=hunter22 please",
		"a token":         "the token is xoxb-12345678901-abcdefghijkl",
	} {
		s.slack.Type(engIn, "/lockbox ask")
		if a := s.slack.Submit(engIn, need("need", c)); a.Shown() == "" {
			t.Errorf("%s is taken", name)
		}
		s.slack.Click(ceoIn, card, "ask")
		until(t, "there is a form", func() bool { return s.slack.Open(ceoIn) != nil })
		if a := s.slack.Submit(ceoIn, map[string]string{"text": c}); a.Shown() == "" && name != "a line" {
			t.Errorf("%s is taken into the thread", name)
		}
	}
	_, err := s.Desk.Say(t.Context(), s.Ceo.Principal, code, "", "<!channel> is it <https://evil.example|this>?")
	must(t, err)
	until(t, "who asked reads it", func() bool { return strings.Contains(s.reads(engIn), "<!channel> is it ") })
	if got := s.reads(engIn); strings.Contains(got, "evil.example") {
		t.Errorf("an address that somebody wrote is told: %s", got)
	}
}

// Links alone do all that a card has to: it is asked, reminded, over, told of; and nothing can be pressed.
func TestLinksAloneTellTheWholeStory(t *testing.T) {
	s := newStage(t, "links")
	s.follow(t)
	code := s.Ask(t, s.Eng, "nord", 0)
	why := s.see(t, code).Request.Need.Text
	until(t, "the board is asked", func() bool { return strings.Contains(s.reads(ceoIn), why) && len(s.slack.Messages(fake.Channel)) > 0 })
	_, err := s.Desk.Say(t.Context(), s.Ceo.Principal, code, "", "Why tonight?")
	must(t, err)
	until(t, "who asked reads the question", func() bool { return strings.Contains(s.reads(engIn), "Why tonight?") })
	must(t, s.Approve(t, s.Ceo, code))
	must(t, s.Approve(t, s.Ann, code))
	s.Work(t, s.Eng)()
	until(t, "the board reads what was done", func() bool { return strings.Contains(s.reads(ceoIn), "31 statements") })
	until(t, "the card is over", func() bool { return strings.Contains(s.slack.Messages(ceoIn)[0].Shown, "Approved by") })
	for _, in := range []string{ceoIn, ctoIn, engIn, fake.Channel} {
		for _, m := range s.slack.Messages(in) {
			if len(m.Buttons) > 0 {
				t.Errorf("%s can press %+v", in, m.Buttons)
			}
			for _, l := range m.Links {
				if !strings.HasPrefix(l, "http://localhost:8080/") || strings.ContainsAny(l, "?#") {
					t.Errorf("%s is led to %s", in, l)
				}
			}
		}
	}
	if h := s.app.Health(); h.Sockets || s.app.Handler() != nil {
		t.Error("clicks could come in")
	}
}

// Where clicks come over a socket, it is known whether one is open.
func TestItIsKnownWhetherASocketIsOpen(t *testing.T) {
	s := newStage(t, "socket")
	until(t, "it is open", func() bool { return s.app.Health().Up })
	s.slack.Break(fake.Fault{Method: "apps.connections.open", Times: -1, Error: "invalid_auth"})
	s.slack.Cut()
	until(t, "it is not", func() bool { return !s.app.Health().Up })
	s.slack.Mend()
	until(t, "it is again", func() bool { return s.app.Health().Up })
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	s.slack.Click(ceoIn, s.card(t, ceoIn), "decline")
	until(t, "a click counts", func() bool { return len(s.see(t, code).Request.Votes) == 1 })
	if h := s.app.Health(); h.Heard["block_actions"] != 1 || h.Calls["ok"] == 0 {
		t.Errorf("got %+v", h)
	}
}
