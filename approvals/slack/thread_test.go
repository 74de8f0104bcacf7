package slack_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/policy"
	fake "lockbox/tests/fakes/slack"
	"lockbox/tests/world"
)

// reads is all that stands before a user or in a channel.
func (s *stage) reads(in string) string {
	var all []string
	for _, m := range s.slack.Messages(in) {
		all = append(all, m.Shown, m.Text, strings.Join(m.Links, " "))
	}
	return strings.Join(all, "\n")
}

// The thread under a card, and under the line of the channel, tells the start, the
// end, what was said and what was done, and leads to the recording.
func TestTheThreadTellsWhatWasSaidAndWhatWasDone(t *testing.T) {
	s := newStage(t, "http")
	s.follow(t)
	code := s.ask(t, need())
	until(t, "the board is asked", func() bool { return len(s.slack.Messages(ceoIn)) > 0 && len(s.slack.Messages(fake.Channel)) > 0 })
	must(t, s.Approve(t, s.Ceo, code))
	must(t, s.Approve(t, s.Ann, code))
	leave := s.Work(t, s.Eng)
	for _, in := range []string{ceoIn, fake.Channel} {
		until(t, in+" reads that it began", func() bool { return len(under(s.slack.Messages(in))) > 0 })
	}
	leave()
	for _, in := range []string{ceoIn, fake.Channel} {
		until(t, in+" reads that it ended", func() bool { return len(under(s.slack.Messages(in))) > 1 })
		all := s.slack.Messages(in)
		end := all[len(all)-1]
		for _, want := range []string{"1 command", "2 files (4.3 MiB)", "31 statements", "recorded", "the last command ended with 3", "less than a minute"} {
			if !strings.Contains(end.Shown, want) {
				t.Errorf("%s: the end lacks %q: %s", in, want, end.Shown)
			}
		}
		if len(end.Links) != 1 || !strings.HasPrefix(end.Links[0], "http://localhost:8080/s/") || !strings.Contains(end.Shown, "Watch the recording") {
			t.Errorf("%s: it leads to %q: %s", in, end.Links, end.Shown)
		}
		if said := strings.Contains(end.Shown, "INC-4312: contract stuck"); said != (in == ceoIn) {
			t.Errorf("%s: what was said stands there: %v: %s", in, said, end.Shown)
		}
		if got := s.reads(in); strings.Contains(got, "select cpr") || strings.Contains(got, "people.csv") || strings.Contains(got, "psql") {
			t.Errorf("%s reads what is in the recording: %s", in, got)
		}
	}
	if got := s.reads(fake.Channel); strings.Contains(got, "INC-4312") || strings.Contains(got, "contract") {
		t.Errorf("the channel reads why: %s", got)
	}
	until(t, "who asked reads who decided", func() bool {
		return strings.Contains(s.reads(engIn), "Approved by "+s.Ceo.Name+" (executive) and "+s.Ann.Name+" (reviewer)")
	})
	must(t, s.Desk.GiveBack(t.Context(), s.Eng.Principal, code)) // over ssh
	until(t, "who asked reads that it ended", func() bool { return len(under(s.slack.Messages(engIn))) > 0 })
	if all := s.slack.Messages(engIn); len(all) != len(under(all))+1 {
		t.Errorf("who asked has more than one thread: %+v", all)
	}
}

// However it is decided, and wherever: every card loses its buttons and the reason.
func TestACardIsOverHoweverAndWhereverItWasDecided(t *testing.T) {
	for name, c := range map[string]struct {
		says string
		do   func(t *testing.T, s *stage, code string)
	}{
		"approved at the portal": {"Approved by", func(t *testing.T, s *stage, code string) {
			must(t, s.Approve(t, s.Cto, code))
			must(t, s.Approve(t, s.Ann, code))
		}},
		"a part of it decided": {"others still have to decide", func(t *testing.T, s *stage, code string) { must(t, s.Approve(t, s.Cto, code)) }},
		"declined over ssh, the API or at the portal": {"Declined by", func(t *testing.T, s *stage, code string) {
			for _, h := range []*world.Human{s.Cto, s.Ceo} {
				if s.see(t, code).Status.Phase == policy.Pending {
					_, err := s.Desk.Reject(t.Context(), h.Principal, code, "not tonight")
					must(t, err)
				}
			}
		}},
		"withdrawn": {"Withdrawn at", func(t *testing.T, s *stage, code string) {
			must(t, s.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
		}},
		"not answered": {"Nobody answered in time", func(t *testing.T, s *stage, code string) {
			until(t, "its time is up", func() bool { must(t, s.Desk.Sweep(t.Context())); return s.see(t, code).Status.Phase == policy.Expired })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "http")
			if name == "not answered" {
				p := *s.Policy()
				p.Rules = slices.Clone(p.Rules)
				p.Rules[0].Stages = slices.Clone(p.Rules[0].Stages)
				p.Rules[0].Stages[0].Expires = 3 * time.Second
				s.SetPolicy(&p)
			}
			s.follow(t)
			code := s.Ask(t, s.Eng, "nord", 0)
			why := s.see(t, code).Request.Need.Text
			until(t, "the board is asked", func() bool {
				return strings.Contains(s.reads(ceoIn), why) && strings.Contains(s.reads(ctoIn), why) && len(s.slack.Messages(fake.Channel)) > 0
			})
			c.do(t, s, code)
			for _, user := range []string{ceoIn, ctoIn} {
				until(t, user+"'s card is over", func() bool { return strings.Contains(s.slack.Messages(user)[0].Shown, c.says) })
				if m := s.slack.Messages(user)[0]; len(m.Buttons) > 0 || strings.Contains(s.reads(user), why) {
					t.Errorf("%s reads %+v", user, m)
				}
			}
			if strings.Contains(s.reads(fake.Channel), why) {
				t.Error("the channel reads why")
			}
		})
	}
}

// Whom nobody tells any more: who left, whose passkey or link ended, and who may not decide now.
func TestACardIsOverForWhoCannotDecideAnyMore(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, s *stage){
		"ended the link": func(t *testing.T, s *stage) { must(t, s.People.UnbindSlack(t.Context(), s.Ceo.ID)) },
		"known by another user": func(t *testing.T, s *stage) {
			must(t, s.People.UnbindSlack(t.Context(), s.Ceo.ID))
			s.BindSlack(t, s.Ceo, fake.Team, s.slack.User("U0CEONEW"))
		},
		"dismissed": func(t *testing.T, s *stage) {
			s.Admit(t)
			s.Pass(t, policy.Motion{Kind: policy.ToDismiss, About: s.Ceo.ID, Text: "left the company"}, s.Cto, s.Lone)
		},
		"of another group": func(_ *testing.T, s *stage) {
			p := *s.Policy()
			p.Groups = map[string][]string{"engineers": p.Groups["engineers"], "board": {s.Cto.ID, s.Lone.ID}}
			s.SetPolicy(&p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "http")
			code := s.Ask(t, s.Eng, "nord", 0)
			why := s.see(t, code).Request.Need.Text
			s.tell(t, s.Ceo.ID, notify.Waits, code)
			s.tell(t, s.Cto.ID, notify.Waits, code)
			must(t, s.app.Tidy(t.Context()))
			if m := s.card(t, ceoIn); m.Edits > 0 || len(m.Buttons) != 3 {
				t.Errorf("before, they read %+v", m)
			}
			do(t, s)
			s.slack.Break(fake.Fault{Method: "chat.update", Times: 1, Status: 503})
			if err := s.app.Tidy(t.Context()); err == nil {
				t.Error("nobody says that Slack did not take it")
			}
			must(t, s.app.Tidy(t.Context()))
			must(t, s.app.Tidy(t.Context())) // once is enough
			if m := s.card(t, ceoIn); len(m.Buttons) > 0 || strings.Contains(m.Shown+m.Text, why) || m.Edits != 1 {
				t.Errorf("they read %+v", m)
			}
			if m := s.card(t, ctoIn); len(m.Buttons) != 3 || m.Edits > 0 {
				t.Errorf("who still may decide reads %+v", m)
			}
		})
	}
}

// A question and its answer are the request's thread, whoever reads it and wherever.
func TestAQuestionIsAnsweredInTheThread(t *testing.T) {
	s := newStage(t, "http")
	s.follow(t)
	code := s.ask(t, need())
	until(t, "the board is asked", func() bool { return len(s.slack.Messages(ceoIn)) > 0 })
	say := func(user, button, text string) {
		t.Helper()
		all := s.slack.Messages(user)
		before := s.slack.Calls()["views.open"]
		s.slack.Click(user, all[slices.IndexFunc(all, func(m fake.Message) bool {
			return slices.ContainsFunc(m.Buttons, func(b fake.Button) bool { return b.ID == button })
		})], button)
		until(t, "there is a form", func() bool { return s.slack.Calls()["views.open"] > before && s.slack.Open(user) != nil })
		if a := s.slack.Submit(user, map[string]string{"text": text}); a.Shown() != "" {
			t.Fatalf("got %q", a.Shown())
		}
	}
	say(ceoIn, "ask", "Why tonight?")
	until(t, "who asked reads it", func() bool { return strings.Contains(s.reads(engIn), s.Ceo.Name+": Why tonight?") })
	say(engIn, "answer", "The contract ends at midnight.")
	until(t, "who wanted to know reads it", func() bool { return strings.Contains(s.reads(ceoIn), s.Eng.Name+": The contract ends at midnight.") })
	until(t, "so do the others", func() bool {
		return strings.Contains(s.reads(ctoIn), "Why tonight?") && strings.Contains(s.reads(ctoIn), "ends at midnight")
	})
	if got := s.see(t, code).Thread; len(got) != 2 || got[1].By != s.Eng.ID || got[1].Thread != "" {
		t.Errorf("the thread is %+v", got)
	}
	if got := s.reads(fake.Channel); strings.Contains(got, "midnight") || strings.Contains(got, "tonight") {
		t.Errorf("the channel reads %s", got)
	}
}

// What a customer asks is answered to that customer alone.
func TestAnAnswerGoesToWhoAsked(t *testing.T) {
	s := newStage(t, "http")
	s.BindSlack(t, s.Ann, fake.Team, s.slack.User("U0ANN"))
	code := s.ask(t, need())
	must(t, s.Approve(t, s.Ceo, code))
	v, err := s.Desk.Say(t.Context(), s.Ann.Principal, code, "", "Which of our rows are these?")
	must(t, err)
	n := s.notice("said", s.Eng.ID, notify.Said, code)
	n.At = v.Thread[0].At
	must(t, s.app.Send(t.Context(), n))
	all := s.slack.Messages(engIn)
	m := all[slices.IndexFunc(all, func(m fake.Message) bool { return strings.Contains(m.Shown, "Which of our rows") })]
	s.slack.Click(engIn, m, "answer")
	until(t, "there is a form", func() bool { return s.slack.Open(engIn) != nil })
	if a := s.slack.Submit(engIn, map[string]string{"text": "Those of case 12."}); a.Shown() != "" {
		t.Fatalf("got %q", a.Shown())
	}
	if got := s.see(t, code).Thread; len(got) != 2 || got[1].Thread != "nord" {
		t.Errorf("the thread is %+v", got)
	}
	for _, value := range []string{"/syd", "/board", "/../nord"} { // a customer whom it does not concern
		b := m.Buttons[0]
		b.Value, _, _ = strings.Cut(b.Value, "/")
		f := &fake.Form{Callback: "ask", Meta: b.Value + value, Fields: []string{"text"}}
		if a := s.slack.Do("interactive", s.slack.Submission(engIn, f, map[string]string{"text": "Those of case 13."})); a.Shown() == "" {
			t.Errorf("it is taken for %s", value)
		}
	}
	if got := s.see(t, code).Thread; len(got) != 2 {
		t.Errorf("the thread is %+v", got)
	}
}
