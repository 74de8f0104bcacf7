package slack_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/slack"
	"lockbox/policy"
	fake "lockbox/tests/fakes/slack"
	"lockbox/tests/world"
)

// Every route that there is, found in the table that the handler is made of.
func TestC10EveryRouteWantsASignature(t *testing.T) {
	s, code, card := waits(t)
	_, body := s.press(card)
	base := strings.TrimSuffix(s.slack.Signed("interactive", nil).URL.String(), "/slack/interactions")
	if len(slack.Routes()) < 2 {
		t.Fatal("the table of routes is empty")
	}
	for _, path := range slack.Routes() {
		if !strings.HasPrefix(path, "/slack/") {
			t.Errorf("%s is not under /slack/, where the door hands it on", path)
		}
		for _, method := range []string{"POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"} {
			for name, break_ := range map[string]func(*http.Request){
				"no signature":    func(r *http.Request) { r.Header.Del("X-Slack-Signature") },
				"another body's":  func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v0="+strings.Repeat("ab", 32)) },
				"no headers":      func(r *http.Request) { r.Header = http.Header{} },
				"an empty secret": func(r *http.Request) { r.Header = fake.Sign(base+path, body, "", time.Now()).Header },
			} {
				r := fake.Sign(base+path, body, fake.Secret, time.Now())
				r.Method = method
				break_(r)
				want := 401
				if method != "POST" {
					want = 405 // C31: nothing is opened by following a link
				}
				if a := s.slack.Post(r); a.Status != want {
					t.Errorf("%s %s, %s: got %d, want %d", method, path, name, a.Status, want)
				}
			}
		}
	}
	s.unmoved(t, "unsigned", code)
	if n := s.app.Health().Heard["not signed"]; n != int64(4*len(slack.Routes())) {
		t.Errorf("%d were counted", n)
	}
}

// Slack tries again what was not answered in time: the first counts.
func TestC21ARetryDoesNothingTwice(t *testing.T) {
	s, code, card := waits(t)
	c := s.slack.Typed(engIn, "/lockbox revoke "+code)
	for n := range 4 {
		for kind, p := range map[string]map[string]any{"interactive": s.slack.Press(ceoIn, card, card.Buttons[1]), "slash_commands": c} {
			if kind == "interactive" {
				p["trigger_id"] = "U0CEO.77.the-same"
			}
			r := s.slack.Signed(kind, p)
			if n > 0 {
				r.Header.Set("X-Slack-Retry-Num", fmt.Sprint(n))
				r.Header.Set("X-Slack-Retry-Reason", "http_timeout")
			}
			if a := s.slack.Post(r); a.Status != 200 || n > 0 && len(a.Body) > 0 {
				t.Errorf("%s, try %d: got %d %s", kind, n, a.Status, a.Body)
			}
		}
	}
	if n := s.app.Health().Heard["heard before"]; n != 6 {
		t.Errorf("%d were heard before", n)
	}
	events, err := s.Ledger.After(t.Context(), -1, 1000)
	must(t, err)
	n := map[string]int{}
	for _, e := range events {
		n[e.Kind]++
	}
	if n["vote.reject"] > 1 || n["request.withdrawn"] != 1 {
		t.Errorf("it was done more than once: %v", n)
	}
}

// With a second user of Slack, nobody is a second person; and nobody decides on what they ask.
func TestC03NobodyDecidesOnTheirOwnWithASecondUser(t *testing.T) {
	s := newStage(t, "http")
	p := *s.Policy()
	p.Rules = append([]policy.Rule{}, p.Rules...)
	p.Rules[0].Stages = []policy.Stage{{Kind: policy.ByPeer, Group: "engineers", Count: 1, Expires: time.Hour}, {Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: time.Hour}}
	s.SetPolicy(&p)
	second := s.slack.User("U0ENG2")
	l, err := s.People.BeginSlack(fake.Team, second)
	must(t, err)
	if _, err := s.People.PrepareSlack(t.Context(), s.Eng.ID, l.Token, l.Number); err == nil {
		t.Error("a second user is bound to one person")
	}
	code := s.Ask(t, s.Eng, "nord", 0)
	s.tell(t, s.Mate.ID, notify.Waits, code)
	card := s.card(t, mateIn)
	if len(card.Buttons) != 3 {
		t.Fatalf("the peer reads %+v", card)
	}
	for _, user := range []string{engIn, second} { // with the peer's own card
		answers := len(s.slack.Messages(user)) + 1
		if user == second { // each click of a stranger makes a link, which voids the one before
			answers++
		}
		for _, id := range []string{"decline", "approve"} {
			b := card.Buttons[1]
			b.ID = id
			s.slack.Do("interactive", s.slack.Press(user, card, b))
		}
		until(t, user+" is answered", func() bool { return len(s.slack.Messages(user)) >= answers })
		if got := s.reads(user); strings.Contains(got, "You declined") {
			t.Errorf("%s reads %s", user, got)
		}
	}
	s.unmoved(t, "by who asked", code)
	must(t, s.People.UnbindSlack(t.Context(), s.Mate.ID))
	s.BindSlack(t, s.Bo, fake.Team, second) // who took the peer's place there is not the peer
	s.slack.Click(second, card, "decline")
	until(t, "it is answered", func() bool { return len(s.slack.Messages(second)) > 1 })
	s.unmoved(t, "by who is of no group", code)
}

// A flood of requests reaches nobody as one: five are open at a time, twenty a day,
// and what was asked already is not asked again.
func TestC22AFloodOfRequestsIsHeldBack(t *testing.T) {
	s := newStage(t, "http")
	s.follow(t)
	ask := func(i int) string {
		s.slack.Type(engIn, "/lockbox ask")
		return s.slack.Submit(engIn, need("need", fmt.Sprintf("INC-%d: contract stuck in state %d", i, i))).Shown()
	}
	for range 10 {
		if got := ask(0); got != "" {
			t.Errorf("the same again: %q", got)
		}
	}
	open := func() int {
		all, err := s.Desk.Mine(t.Context(), s.Eng.ID)
		must(t, err)
		return len(all)
	}
	if n := open(); n != 1 {
		t.Errorf("the same ten times are %d requests", n)
	}
	refused := 0
	for i := range 60 {
		if got := ask(i + 1); strings.Contains(got, "open requests") {
			refused++
		} else if got != "" {
			t.Errorf("got %q", got)
		}
	}
	if n := open(); n != 5 || refused != 56 {
		t.Errorf("%d are open, %d were refused", n, refused)
	}
	until(t, "the board has five cards", func() bool { return len(s.slack.Messages(ceoIn)) == 5 })
	if got := s.card(t, ceoIn); !strings.Contains(got.Shown, "4 more from "+s.Eng.Name) {
		t.Errorf("who is asked does not see how often: %s", got.Shown)
	}
	made := 5
	for i := 100; i < 140; i++ { // taken back, and asked anew
		all, err := s.Desk.Mine(t.Context(), s.Eng.ID)
		must(t, err)
		if len(all) > 0 {
			must(t, s.Desk.Withdraw(t.Context(), s.Eng.Principal, all[0].Request.ID))
		}
		if got := ask(i); got == "" {
			made++
		} else if !strings.Contains(got, "requests today") {
			t.Errorf("got %q", got)
		}
	}
	if made != 20 {
		t.Errorf("%d were made in a day", made)
	}
}

// A user who presses as fast as they can holds up nobody for long, and nothing is approved.
func TestC22ManyClicksAtOnceAreBounded(t *testing.T) {
	s, code, card := waits(t)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if a := s.slack.Click(ceoIn, card, "decline"); a.Late {
				t.Error("a click was not answered in time")
			}
		})
	}
	all.Wait()
	until(t, "it counts", func() bool { return len(s.see(t, code).Request.Votes) == 1 })
}

// Slack takes one message a second in a channel: all come, each once, in their order.
func TestAChannelTakesOneMessageASecond(t *testing.T) {
	s := newStage(t, "http")
	s.follow(t)
	s.slack.Limit(700 * time.Millisecond)
	var codes []string
	for i := range 3 {
		v := s.Ask(t, []*world.Human{s.Eng, s.Mate, s.Eng}[i], "nord", time.Duration(i+1)*20*time.Minute)
		codes = append(codes, v)
	}
	until(t, "the channel has them all", func() bool { return len(s.slack.Messages(fake.Channel)) == len(codes) })
	if s.slack.Slowed() == 0 {
		t.Error("none came too soon: the test tries nothing")
	}
	for _, code := range codes {
		if n := strings.Count(s.reads(fake.Channel), "Access request "+code); n != 2 { // in blocks, and where none are shown
			t.Errorf("%s stands there %d times", code, n/2)
		}
	}
	if h := s.app.Health(); h.Calls["limited"] == 0 || h.Calls["ok"] == 0 || h.Last.IsZero() {
		t.Errorf("got %+v", h)
	}
}

// C09: a no in Slack and a yes at the portal, at once, by one person, are one vote.
func TestC09ANoInSlackAndAYesAtThePortalAreOneVote(t *testing.T) {
	s := newStage(t, "http")
	s.Desk.Daily = 1000
	yes, no := 0, 0
	for i := range 40 {
		code := s.Ask(t, s.Eng, "nord", 0)
		s.tell(t, s.Ceo.ID, notify.Waits, code)
		card, before := s.card(t, ceoIn), len(s.slack.Messages(ceoIn))
		var both sync.WaitGroup
		both.Go(func() { _ = s.Approve(t, s.Ceo, code) }) // it may be too late
		both.Go(func() { s.slack.Click(ceoIn, card, "decline") })
		both.Wait()
		until(t, "the click is answered", func() bool { return len(s.slack.Messages(ceoIn)) > before })
		votes := s.see(t, code).Request.Votes
		if len(votes) != 1 {
			t.Fatalf("round %d: %d votes of one person: %+v", i, len(votes), votes)
		}
		if votes[0].Verdict == policy.Yes {
			yes++
		} else {
			no++
		}
		if s.see(t, code).Status.Phase == policy.Pending {
			must(t, s.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
		}
	}
	t.Logf("%d times the yes came first, %d times the no", yes, no)
}
