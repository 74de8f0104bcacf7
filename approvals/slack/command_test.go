package slack_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
)

// /lockbox list says what waits for whom, without a reason; revoke ends what is
// one's own or theirs to decide on, and nothing else.
func TestWhoMayEndDoesAndOthersDoNot(t *testing.T) {
	s := newStage(t, "http")
	code := s.Ask(t, s.Eng, "nord", 0)
	for user, want := range map[string]string{ceoIn: "waits for you, answer by", engIn: "waits, answer by"} {
		got := s.slack.Type(user, "/lockbox").Shown()
		if !strings.Contains(got, code+"  "+s.Eng.Name+" → db1.prod: "+want) || !strings.Contains(got, "/lockbox revoke CODE") || strings.Contains(got, s.see(t, code).Request.Need.Text) {
			t.Errorf("%s reads %q", user, got)
		}
	}
	if got := s.slack.Type(ceoIn, "/lockbox revoke "+code).Shown(); !strings.Contains(got, "waits for others") {
		t.Errorf("who decides takes back a request: %q", got)
	}
	if got := s.slack.Type(mateIn, "/lockbox revoke "+code).Shown(); strings.Contains(got, "withdrawn") || strings.Contains(got, "ended") {
		t.Errorf("a colleague takes it back: %q", got)
	}
	for _, odd := range []string{"", "ZZZZ", "../" + code, code + " " + code, "*", "all"} {
		if got := s.slack.Type(engIn, "/lockbox revoke "+odd).Shown(); !strings.Contains(got, "no such request") {
			t.Errorf("%q: got %q", odd, got)
		}
	}
	s.unmoved(t, "by others", code)
	must(t, s.Approve(t, s.Ceo, code))
	must(t, s.Approve(t, s.Ann, code))
	if got := s.slack.Type(mateIn, "/lockbox revoke "+code).Shown(); strings.Contains(got, "is ended") || !s.see(t, code).Grant.Revoked.IsZero() {
		t.Errorf("a colleague ends it: %q", got)
	}
	if got := s.slack.Type(ctoIn, "/lockbox revoke "+strings.ToLower(code)).Shown(); !strings.Contains(got, "is ended") || s.see(t, code).Grant.Revoked.IsZero() {
		t.Errorf("who decides cannot end it: %q", got)
	}
	mine := s.Ask(t, s.Eng, "nord", 20*time.Minute)
	if got := s.slack.Type(engIn, "/lockbox cancel "+mine).Shown(); !strings.Contains(got, "withdrawn") || s.see(t, mine).Status.Phase != policy.Withdrawn {
		t.Errorf("who asked cannot take it back: %q", got)
	}
	if got := s.slack.Type(engIn, "/lockbox list").Shown(); got != "" && !strings.Contains(got, "Nothing is open") {
		t.Errorf("got %q", got)
	}
	for _, word := range []string{"help", "approve " + mine, "what"} {
		if got := s.slack.Type(engIn, "/lockbox "+word).Shown(); !strings.Contains(got, "/lockbox ask asks for access") || !strings.Contains(got, "Approving takes your passkey") {
			t.Errorf("%s: got %q", word, got)
		}
	}
}

// C04: with two groups, whose card somebody presses says nothing; it counts for the
// stage that they are asked for, and what cards show is what is stored.
func TestC04APressCountsForOnesOwnGroup(t *testing.T) {
	s := newStage(t, "http")
	p := *s.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Stages = []policy.Stage{{Kind: policy.ByPeer, Group: "engineers", Count: 1, Expires: time.Hour}, {Kind: policy.ByExecutive, Group: "board", Count: 1, Expires: time.Hour}}
	s.SetPolicy(&p)
	s.follow(t)
	code := s.Ask(t, s.Eng, "nord", 0)
	until(t, "both groups are asked", func() bool { return len(s.slack.Messages(ceoIn)) > 0 && len(s.slack.Messages(mateIn)) > 0 })
	s.slack.Click(mateIn, s.card(t, ceoIn), "decline") // the board's card
	until(t, "it counts", func() bool { return len(s.see(t, code).Request.Votes) == 1 })
	if v := s.see(t, code).Request.Votes[0]; v.By.ID != s.Mate.ID || v.Stage != 0 {
		t.Errorf("it counts as %+v", v)
	}
	stored := s.see(t, code).Status
	until(t, "the cards say what is stored", func() bool {
		shown := strings.Contains(s.slack.Messages(ceoIn)[0].Shown, "Declined by "+s.Mate.Name)
		return shown == (stored.Phase == policy.Rejected) && (!shown || len(s.slack.Messages(ceoIn)[0].Buttons) == 0)
	})
}
