package slack_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"lockbox/approvals/notify"
	"lockbox/policy"
	fake "lockbox/tests/fakes/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fill is what the engineer types.
func need(more ...string) map[string]string {
	v := map[string]string{
		"target": "db1.prod", "login": "support_nord", "customer": "nord", "reason": "outage", "need": "INC-4312: contract stuck in state 7", "long": "30",
	}
	for i := 0; i+1 < len(more); i += 2 {
		v[more[i]] = more[i+1]
	}
	return v
}

// ask begins a request in Slack.
func (s *stage) ask(t testing.TB, values map[string]string) string {
	t.Helper()
	if a := s.slack.Type(engIn, "/lockbox ask"); a.Late || a.Shown() != "" {
		t.Fatalf("got %+v %s", a, a.Shown())
	}
	if a := s.slack.Submit(engIn, values); a.Late || a.Shown() != "" {
		t.Fatalf("got %+v %s", a, a.Shown())
	}
	open, err := s.Desk.Mine(t.Context(), s.Eng.ID)
	must(t, err)
	if len(open) == 0 {
		t.Fatalf("there is no request: %s", s.reported())
	}
	return open[len(open)-1].Request.ID
}

// The story of step 1, begun in Slack, over either way in.
func TestARequestIsAskedForInSlackAndApprovedAtThePortalOnly(t *testing.T) {
	for _, way := range []string{"socket", "http"} {
		t.Run(way, func(t *testing.T) {
			s := newStage(t, way)
			s.follow(t)
			code := s.ask(t, need())
			until(t, "the engineer is told", func() bool { return len(s.slack.Messages(engIn)) > 0 })
			if m := s.card(t, engIn); !strings.Contains(m.Shown, code) {
				t.Errorf("got %q", m.Shown)
			}
			until(t, "the board is asked", func() bool { return len(s.slack.Messages(ceoIn)) > 0 && len(s.slack.Messages(fake.Channel)) > 0 })
			card := s.card(t, ceoIn)
			for _, want := range []string{"Access request " + code, "Eng asks for 30 minutes on db1.prod", "Nord Legal", "INC-4312: contract stuck in state 7", "takes your passkey on localhost:8080", s.see(t, code).Digest[:12]} {
				if !strings.Contains(card.Shown, want) {
					t.Errorf("the card lacks %q: %s", want, card.Shown)
				}
			}
			if line := s.slack.Messages(fake.Channel)[0]; strings.Contains(line.Shown+line.Text, "INC-4312") || len(line.Buttons) > 0 || !strings.Contains(line.Shown, code) {
				t.Errorf("the channel reads %+v", line)
			}
			if b := card.Buttons[0]; b.URL != "http://localhost:8080/a/"+code || b.ID != "review" {
				t.Errorf("got %+v", b)
			}
			if a := s.slack.Click(ceoIn, card, "review"); a.Late {
				t.Error("a click on the link is not taken")
			}
			must(t, s.Approve(t, s.Ceo, code)) // at the portal
			must(t, s.Approve(t, s.Ann, code))
			leave := s.Begin(t, s.Eng)
			for _, in := range []string{ceoIn, fake.Channel} { // of a beginning that has ended nobody is told
				until(t, in+" is told that it began", func() bool { return len(under(s.slack.Messages(in))) > 0 })
			}
			leave()
			for user, human := range map[string]string{ceoIn: "the board member", ctoIn: "the one who was only asked", engIn: "who asked", fake.Channel: "the channel"} {
				told := user == ctoIn || user == engIn // who voted is told of what comes of it, and who asked was there
				until(t, human+" is told of the session", func() bool { return told || len(under(s.slack.Messages(user))) > 1 })
				until(t, human+" is told of the decision", func() bool { return s.slack.Messages(user)[0].Edits > 0 })
				all := s.slack.Messages(user)
				if len(all[0].Buttons) > 0 || !strings.Contains(strings.ToLower(all[0].Shown), "approved") || strings.Contains(all[0].Shown, "INC-4312") {
					t.Errorf("%s reads %+v", human, all[0])
				}
			}
			if a := s.slack.Type(engIn, "/lockbox list"); !strings.Contains(a.Shown(), code) || !strings.Contains(a.Shown(), "open until") {
				t.Errorf("got %q", a.Shown())
			}
			if a := s.slack.Type(engIn, "/lockbox revoke "+code); !strings.Contains(a.Shown(), "is ended") {
				t.Errorf("got %q", a.Shown())
			}
			if v := s.see(t, code); v.Grant == nil || v.Grant.Revoked.IsZero() {
				t.Error("the grant is not given back")
			}
			if got := s.reported(); got != "" {
				t.Errorf("it was reported: %s", got)
			}
		})
	}
}

// under are the messages in the thread of the first.
func under(all []fake.Message) (in []fake.Message) {
	for _, m := range all {
		if m.Thread == all[0].TS {
			in = append(in, m)
		}
	}
	return in
}

func TestADeclineIsThePersonsNo(t *testing.T) {
	s := newStage(t, "socket")
	code := s.ask(t, need())
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	card := s.card(t, ceoIn)
	if !card.Buttons[1].Confirm {
		t.Error("nobody asks whether they mean it")
	}
	if a := s.slack.Click(ceoIn, card, "decline"); a.Late {
		t.Fatal("no answer")
	}
	until(t, "it is declined or refused", func() bool { return len(s.slack.Messages(ceoIn)) > 1 })
	v := s.see(t, code)
	if v.Status.Phase != policy.Pending || len(v.Request.Votes) != 1 || v.Request.Votes[0].By.ID != s.Ceo.ID || v.Request.Votes[0].Verdict != policy.No {
		t.Errorf("got %s, %+v", v.Status.Phase, v.Request.Votes)
	}
	s.tell(t, s.Cto.ID, notify.Waits, code)
	s.slack.Click(ctoIn, s.card(t, ctoIn), "decline")
	until(t, "it is rejected", func() bool { return s.see(t, code).Status.Phase == policy.Rejected })
	s.tell(t, s.Ceo.ID, notify.Decided, code)
	if m := s.slack.Messages(ceoIn)[0]; len(m.Buttons) > 0 || !strings.Contains(m.Shown, "declined") {
		t.Errorf("the card of who declined first reads %+v", m)
	}
}

func TestAQuestionStandsInTheThread(t *testing.T) {
	s := newStage(t, "http")
	code := s.ask(t, need())
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	s.slack.Click(ceoIn, s.card(t, ceoIn), "ask")
	until(t, "there is a form", func() bool { return s.slack.Open(ceoIn) != nil })
	if a := s.slack.Submit(ceoIn, map[string]string{"text": "my password=hunter22, does it work?"}); !strings.Contains(a.Shown(), "password, key or token") {
		t.Errorf("got %q", a.Shown())
	}
	if a := s.slack.Submit(ceoIn, map[string]string{"text": "Why <!channel> tonight & not now?"}); a.Shown() != "" {
		t.Errorf("got %q", a.Shown())
	}
	until(t, "it is said", func() bool { return len(s.see(t, code).Thread) == 1 })
	if r := s.see(t, code).Thread[0]; r.Text != "Why <!channel> tonight & not now?" || r.By != s.Ceo.ID {
		t.Errorf("got %+v", r)
	}
}

func TestAFormThatCannotBeTakenIsKeptAndSaysWhy(t *testing.T) {
	s := newStage(t, "http")
	s.slack.Type(engIn, "/lockbox ask")
	for name, c := range map[string]struct{ field, value, says string }{
		"too short":    {"need", "help", "at least 10 characters"},
		"a number":     {"need", "look at the case of 010190-1234 please", "CPR number"},
		"no such one":  {"customer", "vest", ""},
		"no such time": {"long", "x", ""},
	} {
		if a := s.slack.Submit(engIn, need(c.field, c.value)); a.Shown() == "" || !strings.Contains(a.Shown(), c.says) || s.slack.Open(engIn) == nil {
			t.Errorf("%s: got %q", name, a.Shown())
		}
	}
	if open, err := s.Desk.Mine(t.Context(), s.Eng.ID); err != nil || len(open) > 0 {
		t.Errorf("got %v, %v", open, err)
	}
}

func TestWhoeverIsNobodyGetsALinkThatOnlyTheySee(t *testing.T) {
	s := newStage(t, "http")
	a := s.slack.Type(nobodyIn, "/lockbox link")
	if !strings.Contains(a.Shown(), "does not know who you are") || !strings.Contains(string(a.Body), "http://localhost:8080/me/slack?l=") || !strings.Contains(string(a.Body), `"ephemeral"`) {
		t.Errorf("got %s", a.Body)
	}
	if a := s.slack.Type(ceoIn, "/lockbox link"); !strings.Contains(a.Shown(), "known here as "+s.Ceo.ID) {
		t.Errorf("got %q", a.Shown())
	}
}

func TestLinksAreEnoughWhereNothingCanBePressed(t *testing.T) {
	s := newStage(t, "links")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	card := s.card(t, ceoIn)
	if len(card.Buttons) > 0 || len(card.Links) != 1 || card.Links[0] != "http://localhost:8080/a/"+code || s.app.Handler() != nil {
		t.Errorf("got %+v", card)
	}
}
