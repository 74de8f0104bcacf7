package mail_test

import (
	"context"
	"mime"
	"strings"
	"testing"
	"time"

	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/tests/fakes/smtp"
	"lockbox/tests/world"
)

// TestEachReadsTheirLanguage: a reader who chose Danish gets Danish throughout, in
// a thread; the subject holds no reason in either language.
func TestEachReadsTheirLanguage(t *testing.T) {
	w, s := world.New(t, "127.0.0.1:1", ""), smtp.Start(t, true, false, "localhost")
	text, err := notify.NewWords()
	must(t, err)
	p := &notify.Planner{Desk: w.Desk, People: w.People}
	m := channel(t, s, true, notify.Story{}, func(o *mail.Options) {
		o.Ledger = w.Ledger
		o.Teller = &notify.Teller{Ledger: w.Ledger, Planner: p, URL: "https://lock.example.eu", Words: text}
	})
	p.Channels = []notify.Channel{m}
	must(t, (&notify.Settings{Ledger: w.Ledger, Planner: p}).Set(t.Context(), w.Cto.Principal, notify.Setting{Lang: "da"}))
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	for _, to := range []string{w.Ceo.ID, w.Cto.ID} {
		must(t, m.Send(t.Context(), notify.Notice{ID: "1" + to, Channel: "mail", To: to, Topic: notify.Waits, About: code}))
	}
	must(t, w.Approve(t, w.Ceo, code))
	must(t, m.Send(t.Context(), notify.Notice{ID: "2", Channel: "mail", To: w.Cto.ID, Topic: notify.Decided, About: code}))
	all := s.Mails()
	if len(all) != 3 {
		t.Fatalf("%d mails", len(all))
	}
	en, enText, enTwin := read(t, all[0].Body)
	da, daText, daTwin := read(t, all[1].Body)
	then, _, _ := read(t, all[2].Body)
	for _, c := range []struct{ name, got, want string }{
		{"English", enText, "The page must show the code " + code}, {"English", en.Header.Get("Content-Language"), "en"}, {"English", enTwin, `<html lang="en">`},
		{"Danish", daText, "Siden skal vise koden " + code}, {"Danish", da.Header.Get("Content-Language"), "da"}, {"Danish", daTwin, `<html lang="da">`},
		{"Danish", daText, "Hvorfor"}, {"Danish", daText, "stuck in state"}, {"Danish", subject(t, da.Header.Get("Subject")), "svar senest"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s lacks %q:\n%s", c.name, c.want, c.got)
		}
	}
	if strings.Contains(daText, "Why") || strings.Contains(daText, "changes nothing") {
		t.Errorf("not Danish:\n%s", daText)
	}
	for _, msg := range []string{en.Header.Get("Subject"), da.Header.Get("Subject"), then.Header.Get("Subject")} {
		if got := subject(t, msg); strings.Contains(got, "stuck") || strings.Contains(got, "Nord") || strings.Contains(got, "db1") || !strings.Contains(got, code) {
			t.Errorf("subject %q", got)
		}
	}
	if a, b := da.Header.Get("References"), then.Header.Get("References"); a == "" || a != b || a == en.Header.Get("References") {
		t.Errorf("threads: %q %q, of another reader %q", a, b, en.Header.Get("References"))
	}
	for _, body := range []string{enTwin, daTwin} {
		harmless(t, body, "https://lock.example.eu/a/"+code)
	}
}

func subject(t *testing.T, s string) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(s)
	must(t, err)
	return s
}

// TestASlowMailboxHoldsUpNobodyElse: the server hangs for one reader only.
func TestASlowMailboxHoldsUpNobodyElse(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	s := smtp.Start(t, true, false, "localhost")
	s.Do(smtp.Way{HangFor: "ceo@x.eu"})
	m := channel(t, s, true, story(), func(o *mail.Options) { o.Ledger = w.Ledger })
	ctx, stop := context.WithCancel(t.Context())
	slow := make(chan error)
	go func() { slow <- m.Send(ctx, notice("ceo@x.eu")) }()
	for s.Tries() == 0 {
	}
	must(t, m.Send(t.Context(), notice("cto@x.eu")))
	if all := s.Mails(); len(all) != 1 || all[0].To != "cto@x.eu" {
		t.Errorf("%+v", all)
	}
	stop()
	if err := <-slow; err == nil {
		t.Error("the hanging one was taken")
	}
}
