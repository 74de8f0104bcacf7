package slack_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/policy"
	fake "lockbox/tests/fakes/slack"
)

// tried is every word that somebody could hope we listen to.
func tried() []string {
	return []string{
		"decline", "ask", "answer", "review", "request", "approve", "accept", "yes", "allow", "vote", "grant", "permit", "ok", "confirm", "sign", "touch",
		"extend", "renew", "longer", "admit", "delegate", "ratify", "activate", "recover", "declare", "enroll", "enrol", "bind", "link", "unlink",
		"break-glass", "glass", "settings", "standing", "retire", "login", "revoke", "withdraw", "give-back", "cancel", "list", "status", "help",
		"deny", "reject", "", "Approve", "APPROVE", "approve\x00", "lockbox", "view", "submit", "open", "number", "ballot", "statement",
	}
}

// everything does all that Slack's API lets a user do, with every id and value that
// we have or could have.
func (s *stage) everything(user string, card fake.Message, values []string) (n int) {
	for _, word := range tried() {
		for _, value := range values {
			s.slack.Do("interactive", s.slack.Press(user, card, fake.Button{ID: word, Block: word, Value: value}))
			for _, kind := range []string{"view_submission", "shortcut", word} {
				f := &fake.Form{Callback: word, Meta: value, Fields: []string{"text", "target", "reason", "need", "long", "number", "terms", "assertion"}}
				p := s.slack.Submission(user, f, map[string]string{"text": "approve " + value, "number": "42", "target": "db1.prod", "assertion": "{}"})
				p["type"], p["callback_id"], p["actions"] = kind, word, []any{map[string]any{"action_id": word, "value": value, "type": "button"}}
				s.slack.Do("interactive", p)
				n++
			}
			for _, line := range []string{"/lockbox ", "/approve "} {
				code, _, _ := strings.Cut(value, ".")
				for _, more := range []string{"", " 30m yes"} {
					s.slack.Do("slash_commands", s.slack.Typed(user, line+word+" "+code+more))
					n++
				}
			}
		}
	}
	return n
}

// A stolen Slack session of a board member, who is also asked, can say no, ask, and
// take away; nothing else comes of anything that can be done there.
func TestAStolenSlackSessionCanApproveNothing(t *testing.T) {
	s := newStage(t, "http")
	pending := s.Ask(t, s.Eng, "nord", 30*time.Minute)
	granted := s.Ask(t, s.Eng, "nord", time.Hour)
	must(t, s.Approve(t, s.Cto, granted))
	must(t, s.Approve(t, s.Ann, granted))
	defer s.Begin(t, s.Eng)()
	more, err := s.Desk.Extend(t.Context(), s.Eng.Principal, granted, 30*time.Minute, "it takes longer than we thought")
	must(t, err)
	ballot, err := s.Desk.Prepare(t.Context(), s.Ceo.Principal, pending, policy.Terms{}) // one that they left open at the portal
	must(t, err)
	s.tell(t, s.Ceo.ID, notify.Waits, pending)
	card := s.card(t, ceoIn)
	extension := more.Request.ID
	var values []string
	for _, code := range []string{pending, extension, granted} { // in the order in which they lose most
		v := s.see(t, code)
		values = append(values, code+"."+v.Digest)
	}
	values = append(values, ballot.Nonce, pending+".approve", values[0]+"/nord", values[0]+"/syd", values[0]+"/approve")
	before := s.see(t, granted).Grant
	begun := s.Ledger.Last()

	n := s.everything(ceoIn, card, values)
	s.stop() // what is under way ends

	if n < 1000 {
		t.Errorf("only %d things were tried", n)
	}
	s.harmless(t, begun)
	for _, code := range []string{pending, extension} {
		v := s.see(t, code)
		if v.Grant != nil || v.Status.Phase == policy.Approved || slices.ContainsFunc(v.Request.Votes, func(b policy.Vote) bool { return b.Verdict == policy.Yes }) {
			t.Errorf("%s: got %s, %+v", code, v.Status.Phase, v.Request.Votes)
		}
		if len(v.Request.Votes) != 1 || v.Request.Votes[0].By.ID != s.Ceo.ID {
			t.Errorf("%s: got votes %+v, want the one no that they could say", code, v.Request.Votes)
		}
	}
	after := s.see(t, granted).Grant
	if after.Until().After(before.Until()) || !after.NotAfter.Equal(before.NotAfter) || !slices.Equal(after.Actions, before.Actions) {
		t.Errorf("the grant was %+v, and is %+v", before, after)
	}
	if after.Revoked.IsZero() {
		t.Error("they could not even take away: did anything reach us?")
	}
}

// harmless wants that nothing was written since but a no, a question and what takes away.
func (s *stage) harmless(t *testing.T, since int64) {
	t.Helper()
	may := []string{"vote.reject", "request.remark", "grant.revoked", "request.withdrawn", "request.void", "request.rejected", "request.pending", "log.heartbeat", "log.head", "session.close", "session.ended"}
	kinds := map[string]int{}
	events, err := s.Ledger.After(t.Context(), since, 1000)
	must(t, err)
	for _, e := range events {
		kinds[e.Kind]++
		if e.Actor != s.Ceo.ID && e.Actor != "lockbox" {
			t.Errorf("%s acts: %s", e.Actor, e.Kind)
		}
		if !slices.Contains(may, e.Kind) {
			t.Errorf("it was written that %s, by %s: %v", e.Kind, e.Actor, e.Detail)
		}
	}
	if len(kinds) < 3 {
		t.Errorf("only %v was written: did anything reach us?", kinds)
	}
}
