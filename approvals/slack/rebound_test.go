package slack_test

import (
	"strings"
	"testing"

	"lockbox/approvals/notify"
	fake "lockbox/tests/fakes/slack"
)

// TestC17WhoWasKnownByAnotherUserIsToldAsTheOneTheyAreNow: what comes after the
// link to a stolen account was ended does not go on under the messages there.
func TestC17WhoWasKnownByAnotherUserIsToldAsTheOneTheyAreNow(t *testing.T) {
	s, code, _ := waits(t)
	before := len(s.slack.Messages(ceoIn))
	stays := s.card(t, ceoIn)
	must(t, s.People.UnbindSlack(t.Context(), s.Ceo.ID))
	s.BindSlack(t, s.Ceo, fake.Team, s.slack.User("U0CEONEW"))
	_, err := s.Desk.Say(t.Context(), s.Eng.Principal, code, "", "the customer's case has moved")
	must(t, err)
	s.tell(t, s.Ceo.ID, notify.Said, code)
	must(t, s.Approve(t, s.Ceo, code))
	s.tell(t, s.Ceo.ID, notify.Decided, code)
	if n := len(s.slack.Messages(ceoIn)); n != before {
		t.Errorf("the user who is nobody any more was told %d things more", n-before)
	}
	if now := s.card(t, ceoIn); now.TS != stays.TS || len(now.Buttons) > 0 || !strings.Contains(now.Shown, "not you any more") || strings.Contains(now.Shown+now.Text, code) {
		t.Errorf("there it reads %+v now", now)
	}
	if n := len(s.slack.Messages("U0CEONEW")); n == 0 {
		t.Error("the user whom they are known by was told nothing")
	}
}
