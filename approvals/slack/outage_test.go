package slack_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/slack"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	fake "lockbox/tests/fakes/slack"
)

func (s *stage) notice(id, to string, topic notify.Topic, about string) notify.Notice {
	return notify.Notice{ID: id, Channel: "slack", To: to, Topic: topic, About: about, Seq: s.Ledger.Last(), At: time.Now()}
}

func TestSlackSaysWhenToComeBack(t *testing.T) {
	s := newStage(t, "links")
	code := s.Ask(t, s.Eng, "nord", 0)
	n := s.notice("a", s.Ceo.ID, notify.Waits, code)
	s.slack.Break(fake.Fault{Method: "chat.postMessage", Times: 1, Status: 429, RetryAfter: 7})
	later := new(notify.Later)
	if err := s.app.Send(t.Context(), n); !errors.As(err, &later) || later.After != 7*time.Second {
		t.Errorf("got %v", err)
	}
	for name, f := range map[string]fake.Fault{
		"500": {Status: 500}, "503": {Status: 503}, "no answer": {}, "429 without a time": {Status: 429}, "no token any more": {Error: "token_revoked"},
		"an error that nobody knows": {Error: "xoxb-1-2-3 " + fake.Bot},
	} {
		f.Times = 1
		s.slack.Break(f)
		err := s.app.Send(t.Context(), n)
		if err == nil || errors.Is(err, notify.ErrNever) || strings.Contains(err.Error(), "xoxb") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, why := range []string{"user_not_found", "is_archived", "channel_not_found"} {
		s.slack.Break(fake.Fault{Times: 1, Error: why})
		if err := s.app.Send(t.Context(), n); !errors.Is(err, notify.ErrNever) || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v", err)
		}
	}
	must(t, s.app.Send(t.Context(), n))
	must(t, s.app.Send(t.Context(), n)) // as after a crash: it was taken
	if all := s.slack.Messages(ceoIn); len(all) != 1 {
		t.Errorf("got %d messages", len(all))
	}
}

func TestSlackThatHangsIsNotWaitedFor(t *testing.T) {
	s := newStage(t, "links")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.slack.Break(fake.Fault{Times: 1, Hang: time.Minute})
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := s.app.Send(ctx, s.notice("a", s.Ceo.ID, notify.Waits, code)); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v", err)
	}
}

func TestLosingWhatIsRememberedOnlyMeansANewMessage(t *testing.T) {
	s := newStage(t, "http")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	s.tell(t, s.Cto.ID, notify.Waits, code)
	s.slack.Delete(s.card(t, ctoIn)) // somebody deleted the card
	s.stop()
	s.opts.File = t.TempDir() + "/new.db"
	s.start(t)
	must(t, s.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
	s.tell(t, s.Ceo.ID, notify.Decided, code)
	s.tell(t, s.Cto.ID, notify.Decided, code)
	for _, user := range []string{ceoIn, ctoIn} {
		if m := s.card(t, user); m.Thread != "" || m.Edits > 0 || !strings.Contains(m.Shown, "withdrawn") {
			t.Errorf("%s reads %+v", user, m)
		}
	}
}

func TestACardThatWasDeletedIsWrittenAnew(t *testing.T) {
	s := newStage(t, "http")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	s.slack.Delete(s.card(t, ceoIn))
	must(t, s.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
	s.tell(t, s.Ceo.ID, notify.Decided, code)
	s.tell(t, s.Ceo.ID, notify.Ended, code)
	all := s.slack.Messages(ceoIn)
	if len(all) != 2 || !strings.Contains(all[0].Shown, "withdrawn") || all[1].Thread != all[0].TS {
		t.Errorf("got %+v", all)
	}
}

func TestAReminderStandsUnderTheCard(t *testing.T) {
	s := newStage(t, "http")
	code := s.Ask(t, s.Eng, "nord", 0)
	n := s.notice("a", s.Ceo.ID, notify.Waits, code)
	must(t, s.app.Send(t.Context(), n))
	n.ID, n.Rung = "b", 1
	must(t, s.app.Send(t.Context(), n))
	n.ID, n.To = "c", s.Cto.ID // a deputy, asked for the first time
	must(t, s.app.Send(t.Context(), n))
	all, cto := s.slack.Messages(ceoIn), s.card(t, ctoIn)
	if len(all) != 2 || all[1].Thread != all[0].TS || !strings.HasPrefix(all[1].Shown, "Reminder") || len(cto.Buttons) != 3 {
		t.Errorf("got %+v and %+v", all, cto)
	}
}

// C21: with Slack down, a click counts as what it is, nothing is approved, and the portal goes on.
func TestC21ADeclineCountsThoughSlackIsDown(t *testing.T) {
	s := newStage(t, "http")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	card := s.card(t, ceoIn)
	s.slack.Break(fake.Fault{Times: -1, Status: 503})
	s.slack.Click(ceoIn, card, "decline")
	until(t, "it counts", func() bool { return len(s.see(t, code).Request.Votes) == 1 })
	s.slack.Click(ceoIn, card, "ask") // the form cannot be opened
	until(t, "it is reported", func() bool { return strings.Contains(s.reported(), "views.open: status 503") })
	must(t, s.Approve(t, s.Cto, code))
	must(t, s.Approve(t, s.Ann, code))
	if got := s.reported(); strings.Contains(got, fake.Bot) || strings.Contains(got, fake.Secret) || strings.Contains(got, "127.0.0.1") {
		t.Errorf("it was reported: %s", got)
	}
}

func TestAClickIsAnsweredInThreeSecondsWhateverTakesLong(t *testing.T) {
	for _, way := range []string{"http", "socket"} {
		t.Run(way, func(t *testing.T) {
			s := newStage(t, way)
			code := s.Ask(t, s.Eng, "nord", 0)
			s.tell(t, s.Ceo.ID, notify.Waits, code)
			card := s.card(t, ceoIn)
			held, free := make(chan struct{}), make(chan struct{})
			go func() { // the ledger is busy
				_ = s.Ledger.Update(context.Background(), func(*ledger.Tx) error { close(held); <-free; return nil })
			}()
			<-held
			a := s.slack.Click(ceoIn, card, "decline")
			b := s.slack.Do("slash_commands", s.slack.Typed(engIn, "/lockbox revoke "+code))
			close(free)
			if a.Late || b.Late || a.Took > time.Second || b.Took > 2900*time.Millisecond {
				t.Errorf("got %+v and %+v", a, b)
			}
			until(t, "they are told", func() bool { return len(s.slack.Messages(engIn)) > 0 })
		})
	}
}

func TestGhostsAndRefreshesLoseNoMoreThanTheirClicks(t *testing.T) {
	s := newStage(t, "socket")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	card := s.card(t, ceoIn)
	s.slack.Ghost()
	late := 0
	for range 2 { // one of the two goes to the ghost
		if a := s.slack.Click(ceoIn, card, "review"); a.Late {
			late++
		}
	}
	if late != 1 {
		t.Errorf("%d clicks were lost", late)
	}
	s.slack.Lay()
	for name, end := range map[string]func(){"refreshed": s.slack.Refresh, "cut": s.slack.Cut} {
		end()
		until(t, "the old one is gone", func() bool { return s.slack.Calls()["apps.connections.open"] > 1 || s.slack.Sockets() == 0 })
		until(t, "there is a new one", func() bool { return s.slack.Sockets() == 1 })
		until(t, name+": it is heard", func() bool { return !s.slack.Type(ceoIn, "/lockbox list").Late })
	}
	p := s.slack.Press(ceoIn, card, card.Buttons[1])
	for range 3 { // Slack sends the same again, where it saw no answer
		s.slack.Envelope("interactive", "envelope-x", p)
	}
	until(t, "it counts", func() bool { return len(s.see(t, code).Request.Votes) == 1 })
	if n := s.app.Counts()["heard before"]; n != 2 {
		t.Errorf("%d were heard before", n)
	}
}

func TestTheSocketIsOpenedAnewAfterAnOutage(t *testing.T) {
	s := newStage(t, "socket")
	s.slack.Break(fake.Fault{Method: "apps.connections.open", Times: 1, Error: "invalid_auth"})
	s.slack.Cut()
	until(t, "it is reported", func() bool { return strings.Contains(s.reported(), "apps.connections.open: invalid_auth") })
	until(t, "there is a new one", func() bool { return s.slack.Sockets() == 1 })
	if got := s.reported(); strings.Contains(got, fake.AppToken) || strings.Contains(got, "127.0.0.1") {
		t.Errorf("it was reported: %s", got)
	}
}

// C16 over a socket: what is not ours is not heard there either.
func TestC16AStrangerIsNotHeardOverASocket(t *testing.T) {
	s := newStage(t, "socket")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	card := s.card(t, ceoIn)
	p := s.slack.Press(ceoIn, card, card.Buttons[1])
	p["team"] = map[string]any{"id": "T0OTHER"}
	s.slack.Do("interactive", p)
	c := s.slack.Typed(engIn, "/lockbox revoke "+code)
	c["api_app_id"] = "A0OTHER"
	if a := s.slack.Do("slash_commands", c); a.Shown() != "" {
		t.Errorf("got %q", a.Shown())
	}
	if v := s.see(t, code); len(v.Request.Votes) > 0 || v.Status.Phase != policy.Pending {
		t.Errorf("got %+v", v.Status)
	}
	if n := s.app.Counts(); n["of another workspace"] != 1 || n["of another app"] != 1 {
		t.Errorf("got %v", n)
	}
}

// C02: what is too long, hidden or turned around is seen to be so.
func TestC02ACardShowsWhatItLeavesOutAndWhatIsHidden(t *testing.T) {
	s := newStage(t, "http")
	code := s.Ask(t, s.Eng, "nord", 0)
	v := s.see(t, code)
	long := strings.Repeat("æ<!channel>& ", 2000)
	s.stop()
	s.opts.Teller = told(notify.Story{
		Lang: "da", Code: code, Title: strings.Repeat("T", 400), Lead: long, Page: "https://evil.example/a/" + code, Open: true, View: v, Next: "Intet.",
		Facts: []notify.Fact{
			{Label: "Why", Text: long}, {Label: "Turned", Text: "db1\u202egro.dorp"}, {Label: "Hidden", Text: "a\u200bb"}, {Label: "Lines", Text: "x\n<@U0CEO> <https://evil.example|db1.prod>"},
			{Label: "Number", Text: "the case of 010190-1234"}, {Label: "Secret", Text: "password=hunter22"},
			{Label: "7", Text: "g"}, {Label: "8", Text: "h"}, {Label: "9", Text: "i"}, {Label: "10", Text: "j"}, {Label: "11", Text: "the eleventh"},
		},
	})
	s.start(t)
	s.tell(t, s.Ceo.ID, notify.Waits, code)
	m := s.card(t, ceoIn)
	for _, want := range []string{" … [cut: ", "more characters]", "db1[U+202E]gro.dorp", "a[U+200B]b", "<@U0CEO> <https://evil.example|db1.prod>", "æ<!channel>& ", "the eleventh", "Se og godkend"} {
		if !strings.Contains(m.Shown, want) {
			t.Errorf("the card lacks %q", want)
		}
	}
	for _, secret := range []string{"010190", "hunter22", "\u202e"} {
		if strings.Contains(m.Shown+m.Text, secret) {
			t.Errorf("the card holds %q", secret)
		}
	}
	if m.Buttons[0].URL != "http://localhost:8080" {
		t.Errorf("it links to %q", m.Buttons[0].URL)
	}
}

// told tells the same of everything.
type told notify.Story

func (s told) Story(context.Context, notify.Notice) (notify.Story, error) {
	return notify.Story(s), nil
}

func TestNothingIsSentThatNobodyMayBeTold(t *testing.T) {
	s := newStage(t, "links")
	code := s.Ask(t, s.Eng, "nord", 0)
	s.BindSlack(t, s.Bo, fake.Team, s.slack.User("U0BO")) // of another customer
	if err := s.app.Send(t.Context(), s.notice("a", s.Bo.ID, notify.Waits, code)); !errors.Is(err, notify.ErrMoot) {
		t.Errorf("got %v", err)
	}
	if all := s.slack.Messages("U0BO"); len(all) > 0 {
		t.Errorf("got %+v", all)
	}
	if err := s.app.Send(t.Context(), s.notice("b", "C0OTHER", notify.Waits, code)); !errors.Is(err, notify.ErrNever) {
		t.Errorf("got %v", err)
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	s := newStage(t, "links")
	for name, change := range map[string]func(*slack.Options){
		"a team by name":    func(o *slack.Options) { o.Team = "example" },
		"no app":            func(o *slack.Options) { o.App = "" },
		"a channel by name": func(o *slack.Options) { o.Channel = "#prod" },
		"a user's token":    func(o *slack.Options) { o.Bot = "xoxp-000000000000000000000" },
		"both ways":         func(o *slack.Options) { o.Socket, o.Signing = fake.AppToken, fake.Secret },
		"a bot's token":     func(o *slack.Options) { o.Socket = fake.Bot },
		"no portal":         func(o *slack.Options) { o.Portal = "" },
		"nobody who tells":  func(o *slack.Options) { o.Teller = nil },
	} {
		o := s.opts
		o.File = t.TempDir() + "/x.db"
		change(&o)
		if _, err := slack.New(o); err == nil || strings.Contains(err.Error(), "000000") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := slack.New(s.opts); err == nil { // the file is in use
		t.Error("two use one file")
	}
}
