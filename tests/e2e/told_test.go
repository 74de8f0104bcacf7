package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
	"lockbox/tests/fakes/receiver"
	"lockbox/tests/fakes/slack"
	"lockbox/tests/fakes/smtp"
)

// A toldSite tells people in Slack and by mail, and a program by webhook.
type toldSite struct {
	*site
	slack *slack.Slack
	mails *smtp.Server
	hook  *receiver.Server
	shown []string // links that Slack showed to one user alone
}

const (
	hookSecret = "secret-of-the-end-to-end-receiver"
	notifies   = `
notify:
  mail: { server: "SMTP", tls: implicit, from: lockbox@example.eu, user: lockbox, password: "file:mail.password", ca: mail.pem }
  slack:
    team: T024BE7LD
    app: A012ABCD0A0
    channel: C024BE91L
    bot: "file:slack.bot"
    socket: "file:slack.socket"
    api: "SLACK"
  webhooks:
    - { name: siem, url: "HOOK", secrets: ["file:hook.secret"], allow: ["127.0.0.0/8"], ca: hook.pem }
`
)

// newTold founds a site, configures all that tells, and has the engineer and both
// executives say in Slack who they are.
func newTold(t *testing.T) *toldSite {
	t.Helper()
	w := &toldSite{slack: slack.New(t), mails: smtp.Start(t, true, false, "localhost"), hook: receiver.Start(t, hookSecret)}
	w.mails.User, w.mails.Pass = "lockbox", "correct-horse-battery"
	w.site = newBoard(t, true)
	w.stop()
	for name, text := range map[string]string{
		"mail.pem": string(w.mails.CA), "mail.password": w.mails.Pass + "\n", "hook.pem": string(w.hook.CA), "hook.secret": hookSecret + "\n",
		"slack.bot": slack.Bot + "\n", "slack.socket": slack.AppToken + "\n", "slack.signing": slack.Secret + "\n",
	} {
		must(t, os.WriteFile(w.path(name), []byte(text), 0o600))
	}
	f, err := os.OpenFile(w.config(), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = io.WriteString(f, strings.NewReplacer("SMTP", w.mails.Addr, "SLACK", w.slack.API(), "HOOK", w.hook.URL).Replace(notifies))
	must(t, err)
	must(t, f.Close())
	if out := w.lockbox("serve", "--check", "--config", w.config()); !strings.Contains(out, "valid") {
		t.Errorf("serve --check says %q", out)
	}
	w.start()
	w.until("a socket to Slack", func() bool { return w.slack.Sockets() > 0 })
	for user, p := range map[string]*harness.Person{"U0ENG": w.eng, "U0CEO": w.ceo, "U0NEW": w.third} {
		w.becomesKnown(p, user)
	}
	return w
}

// until waits for something that nobody else waits for.
func (w *toldSite) until(what string, yes func() bool) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(wait)
	for !yes() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("waited in vain for %s\n%s", what, w.everything())
		}
	}
}

// everything is what people were told so far, for a test that failed.
func (w *toldSite) everything() string {
	var b strings.Builder
	for _, at := range []string{"U0ENG", "U0CEO", "U0NEW", slack.Channel} {
		for _, m := range w.slack.Messages(at) {
			b.WriteString("--- Slack, " + at + ", under " + m.Thread + ", " + m.TS + "\n" + m.Shown + "\n")
		}
	}
	for _, m := range w.mails.Mails() {
		b.WriteString("--- mail to " + m.To + "\n" + subject(w.t, m) + "\n")
	}
	for _, e := range w.events() {
		b.WriteString("--- webhook: " + e.Type + " " + e.ID + " " + e.Subject + "\n")
	}
	return b.String() + w.serve.Errors()
}

var (
	linkInSlack = regexp.MustCompile(`<(http[^|>]+)\|`)
	numberToSay = regexp.MustCompile(`number ([0-9]{2})`)
)

// becomesKnown has a person follow the link that Slack shows to them alone.
func (w *toldSite) becomesKnown(p *harness.Person, user string) {
	w.t.Helper()
	w.slack.User(user)
	shown := w.slack.Type(user, "/lockbox link").Shown()
	link, number := linkInSlack.FindStringSubmatch(shown), numberToSay.FindStringSubmatch(shown)
	if link == nil || number == nil {
		w.t.Fatalf("%s is shown %q", user, shown)
	}
	w.shown = append(w.shown, link[1])
	w.signIn(p)
	p.Goto(link[1])
	p.Type("#number", number[1])
	p.Press("Go on")
	p.WaitText("lockbox-slack/v1")
	p.Press("Sign with your passkey")
	p.WaitText("You are known there")
}

// asksInSlack fills the form in, and gives the code of the request and Eng's own card.
func (w *toldSite) asksInSlack(target, need string) (code string) {
	w.t.Helper()
	before := len(w.slack.Messages("U0ENG"))
	w.slack.Type("U0ENG", "/lockbox ask")
	w.until("the form", func() bool { return w.slack.Open("U0ENG") != nil })
	if a := w.slack.Submit("U0ENG", map[string]string{"target": target, "reason": "outage", "need": need, "long": "30"}); a.Shown() != "" {
		w.t.Fatalf("the form says %q", a.Shown())
	}
	w.until("what became of the form", func() bool {
		for _, m := range w.slack.Messages("U0ENG")[before:] {
			if found := sentAs.FindStringSubmatch(m.Shown); found != nil && (strings.Contains(m.Shown, "is sent") || strings.Contains(m.Shown, ": sent; answer by")) { // the answer to the form, or the notice
				code = found[1]
			}
		}
		return code != ""
	})
	return code
}

// card waits for the message about a request that stands by itself before a user, until it is as wanted.
func (w *toldSite) card(user, code string, as func(slack.Message) bool) (card slack.Message) {
	w.t.Helper()
	w.until("the card of "+code+" before "+user, func() bool {
		all := w.slack.Messages(user)
		i := slices.IndexFunc(all, func(m slack.Message) bool { return m.Thread == "" && strings.Contains(m.Shown, code) })
		if i < 0 {
			return false
		}
		card = all[i]
		return as(card)
	})
	return card
}

func asks(m slack.Message) bool { return len(m.Buttons) == 3 }
func over(m slack.Message) bool { return len(m.Buttons) == 0 && m.Edits > 0 }

// under is what stands under a card.
func (w *toldSite) under(user string, card slack.Message) (text string) {
	for _, m := range w.slack.Messages(user) {
		if m.Thread == card.TS {
			text += m.Shown + "\n"
		}
	}
	return text
}

// untilUnder waits until all these words stand under a card.
func (w *toldSite) untilUnder(user string, card slack.Message, words ...string) {
	w.t.Helper()
	for _, word := range words {
		w.until(word+" under the card before "+user, func() bool { return strings.Contains(w.under(user, card), word) })
	}
}

// mailTo waits for the mail to somebody whose subject has this word, and gives its text.
func (w *toldSite) mailTo(to, word string) (text string) {
	w.t.Helper()
	w.until("a mail to "+to+" on "+word, func() bool {
		for _, m := range w.mails.Mails() {
			if m.To == to && strings.Contains(subject(w.t, m), word) {
				text = parts(w.t, m)[0]
			}
		}
		return text != ""
	})
	return text
}

func subject(t *testing.T, m smtp.Letter) string { return header(t, m, "Subject") }

func header(t *testing.T, m smtp.Letter, name string) string {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(m.Body))
	must(t, err)
	s, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get(name))
	must(t, err)
	return s
}

func parts(t *testing.T, m smtp.Letter) (all []string) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(m.Body))
	must(t, err)
	_, with, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	must(t, err)
	r := multipart.NewReader(msg.Body, with["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return all
		}
		must(t, err)
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		must(t, err)
		all = append(all, string(b))
	}
}

var address = regexp.MustCompile(`https?://[^\s"<>|]+`)

// oneLink is the only address in a mail.
func (w *toldSite) oneLink(text string) string {
	w.t.Helper()
	all := address.FindAllString(text, -1)
	if len(all) != 1 {
		w.t.Fatalf("not one link, but %q, in\n%s", all, text)
	}
	return all[0]
}

// A hookEvent is what the receiver took.
type hookEvent struct {
	ID, Type, Subject string
	Data              struct {
		Seq    int64
		Detail map[string]string
	}
}

// events are what the receiver took, in the order of the log; one that came twice is there twice.
func (w *toldSite) events() (all []hookEvent) {
	posts, bad := w.hook.Posts()
	for _, why := range bad {
		w.t.Error("the receiver: " + why)
	}
	for _, p := range posts {
		var e hookEvent
		if err := json.Unmarshal(p.Body, &e); err != nil || e.ID != p.ID {
			w.t.Errorf("the receiver took %q: %v", p.Body, err)
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b hookEvent) int { return int(a.Data.Seq - b.Data.Seq) })
	return all
}

// happened lists the kinds of events about a request, in order.
func (w *toldSite) happened(code string) (kinds []string) {
	for _, e := range w.events() {
		if e.Subject == code {
			kinds = append(kinds, strings.TrimPrefix(e.Type, "lockbox."))
		}
	}
	return kinds
}

// approves follows a link and signs.
func (w *toldSite) approves(p *harness.Person, link string) {
	w.t.Helper()
	w.signIn(p)
	p.Goto(link)
	p.Press("Approve")
	p.WaitText("Sign with your passkey")
	p.Press("Sign with your passkey")
	p.WaitText("Who decides")
}
