package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"lockbox/tests/fakes/slack"
	"lockbox/tests/fakes/smtp"
)

// TestTheStoryBegunInSlack is the main job told to people where they are: asked for
// in Slack, approved by passkey, by the customer from a mail, and done over OpenSSH.
func TestTheStoryBegunInSlack(t *testing.T) {
	w := newTold(t)
	t.Run("asked for in Slack, approved from Slack and from a mail", w.isToldAll)
	t.Run("declined in Slack", w.isDeclined)
	t.Run("the receiver has every event once", w.hasEveryEventOnce)
	t.Run("nothing waits for channels that are down", w.isNotHeldUp)
	t.Run("revoked in Slack while open, with signed clicks", w.isRevoked)
	t.Run("C31: a scanner changes and sees nothing", w.isScanned)
}

func (w *toldSite) isToldAll(t *testing.T) {
	code := w.asksInSlack("db1.prod", "contract stuck in state 7")
	ceo, third := w.card("U0CEO", code, asks), w.card("U0NEW", code, asks)
	if !strings.Contains(ceo.Shown, "contract stuck in state 7") {
		t.Errorf("the card does not say why:\n%s", ceo.Shown)
	}
	w.slack.Click("U0NEW", third, "ask")
	w.until("the form to ask", func() bool { return w.slack.Open("U0NEW") != nil })
	w.slack.Submit("U0NEW", map[string]string{"text": "which contract, and why at night?"})
	mine := w.card("U0ENG", code, func(slack.Message) bool { return true })
	w.untilUnder("U0ENG", mine, "which contract, and why at night?")
	w.signIn(w.eng)
	w.eng.Goto(w.url + "/r/" + code)
	w.eng.Choose("#text", "number 4312; the court opens at eight")
	w.eng.Press("Send")
	w.untilUnder("U0NEW", third, "number 4312; the court opens at eight")

	w.approves(w.ceo, reviewOf(t, ceo))
	asked := w.mailTo("ann@nord.x", code)
	w.approves(w.ann, w.oneLink(asked))
	w.card("U0ENG", code, func(m slack.Message) bool { return m.Edits > 0 && strings.Contains(m.Shown, "pproved") })
	w.card("U0CEO", code, over)
	w.card("U0NEW", code, over)

	p := w.opens("db1.prod", code)
	p.Send("echo in-$((40+2)); exit\r")
	p.Expect("in-42", wait)
	p.Wait(wait)
	w.untilUnder("U0CEO", ceo, "a session began", "a session ended")
	w.mailTo("ann@nord.x", "a session ended")
	if all := w.slack.Messages("U0CEO"); !slices.ContainsFunc(all, func(m slack.Message) bool {
		return m.Thread == ceo.TS && slices.ContainsFunc(m.Links, sessionID.MatchString)
	}) {
		t.Error("nothing under the card leads to the recording")
	}
	w.everyoneIsToldWhy(t, code)
	w.mailsAreWitnesses(t)
	if got := w.gateway("give-back", code); got.Code != 0 {
		t.Errorf("give-back: %+v", got)
	}
	w.untilUnder("U0CEO", ceo, "the access was ended early")
}

// mailsAreWitnesses: the log as it is grew from what the foot of an old mail says.
func (w *toldSite) mailsAreWitnesses(t *testing.T) {
	t.Helper()
	mails := w.mails.Mails()
	i := slices.IndexFunc(mails, func(m smtp.Letter) bool { return m.To == "ceo@x.eu" })
	must(t, os.WriteFile(w.path("ceo.eml"), mails[i].Body, 0o600))
	out := w.lockbox("verify", w.wholeLog(w.ceo), "--since", w.path("ceo.eml"), "--pins", w.writePins())
	if !strings.Contains(out, "nothing was rewritten") {
		t.Errorf("verify says\n%s", out)
	}
}

// everyoneIsToldWhy but the channel, which all may read.
func (w *toldSite) everyoneIsToldWhy(t *testing.T, code string) {
	t.Helper()
	if !strings.Contains(w.mailTo("ann@nord.x", code+": answer by"), "contract stuck in state 7") {
		t.Error("the reviewer's mail does not say why")
	}
	for _, m := range w.slack.Messages(slack.Channel) {
		if strings.Contains(m.Shown+m.Text, "stuck") || strings.Contains(m.Shown+m.Text, "court opens") || len(m.Buttons) > 0 {
			t.Errorf("the channel is told\n%s", m.Shown)
		}
	}
	posts, _ := w.hook.Posts()
	for _, p := range posts {
		if body := string(p.Body); strings.Contains(body, "stuck") || strings.Contains(body, "court opens") || strings.Contains(body, "at night") {
			t.Errorf("the receiver is told what somebody wrote: %s", body)
		}
	}
}

// reviewOf is the address that the card's button opens.
func reviewOf(t *testing.T, card slack.Message) string {
	t.Helper()
	for _, b := range card.Buttons {
		if b.Label == "Review and approve" && b.URL != "" && b.Value == "" {
			return b.URL
		}
	}
	t.Fatalf("nothing to review with: %+v", card.Buttons)
	return ""
}

// isDeclined: one's no is theirs alone; with the other's there is nobody left to say yes.
func (w *toldSite) isDeclined(t *testing.T) {
	code := w.asksInSlack("db1.prod", "the index is slow")
	w.slack.Click("U0NEW", w.card("U0NEW", code, asks), "decline")
	w.card("U0NEW", code, over)
	w.slack.Click("U0CEO", w.card("U0CEO", code, asks), "decline")
	w.card("U0CEO", code, over)
	mine := w.card("U0ENG", code, func(m slack.Message) bool { return strings.Contains(m.Shown, "eclined") })
	if !strings.Contains(mine.Shown, "eclined") {
		t.Errorf("Eng's card says\n%s", mine.Shown)
	}
	w.until("the end of the request", func() bool { return slices.Contains(w.happened(code), "request.rejected") })
	if got := w.happened(code); slices.Contains(got, "grant.made") || slices.Contains(got, "vote.approve") {
		t.Errorf("what happened: %q", got)
	}
}

// isRevoked has clicks come signed over HTTP; New, who approved nothing, may end what the board allowed.
func (w *toldSite) isRevoked(t *testing.T) {
	w.stop()
	w.edit("lockbox.yaml", `socket: "file:slack.socket"`, `signing: "file:slack.signing"`)
	w.start()
	w.slack.PostTo(w.url)
	code := w.asksInSlack("db2.prod", "a report runs for ever")
	w.approves(w.ceo, reviewOf(t, w.card("U0CEO", code, asks)))
	p := w.opens("db2.prod", code)
	if got := w.slack.Type("U0NEW", "/lockbox revoke "+code).Shown(); !strings.Contains(got, "is ended, with its sessions") {
		t.Errorf("revoke says %q", got)
	}
	p.Expect("revoked", wait)
	if got := p.Wait(wait); got != 77 {
		t.Errorf("ssh ended with %d, want 77", got)
	}
	w.untilUnder("U0ENG", w.card("U0ENG", code, func(slack.Message) bool { return true }), "the access was ended early")
}
