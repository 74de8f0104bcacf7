package mail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/tests/fakes/smtp"
	"lockbox/tests/world"
)

// A tale tells the same story of every notice.
type tale struct{ told notify.Story }

func (s tale) Story(context.Context, notify.Notice) (notify.Story, error) { return s.told, nil }

func story() notify.Story {
	return notify.Story{
		Lang: "en", Code: "7KQM", Title: "Access request 7KQM: answer by 15:02 UTC", Lead: "Eng asks for 1 hour on db1.prod.",
		Facts: []notify.Fact{{Key: "why", Label: "Why", Text: "Outage: <b>contract</b> stuck & \"broken\""}}, Next: "If you do nothing, no access is given.",
		Page: "https://lock.example.eu/a/7KQM", Open: true, Tree: "log.example\n12\nabc=\n\n— log.example sig\n",
	}
}

func notice(to string) notify.Notice {
	return notify.Notice{ID: "0123456789abcdef", Channel: "mail", To: to, Topic: notify.Waits, About: "7KQM"}
}

func channel(t *testing.T, s *smtp.Server, implicit bool, told notify.Story, more func(*mail.Options)) *mail.Mail {
	t.Helper()
	words, err := notify.NewWords()
	must(t, err)
	o := mail.Options{
		Server: s.Addr, Implicit: implicit, From: "lockbox@example.eu", Roots: s.Roots, Words: words,
		Teller: tale{told}, Key: []byte("of these tests"),
	}
	if more != nil {
		more(&o)
	}
	if o.Ledger == nil {
		o.Ledger = world.New(t, "127.0.0.1:1", "").Ledger
	}
	m, err := mail.New(o)
	must(t, err)
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAMailIsTextFirstWithItsTwin over both kinds of TLS.
func TestAMailIsTextFirstWithItsTwin(t *testing.T) {
	for _, implicit := range []bool{true, false} {
		s := smtp.Start(t, implicit, false, "localhost")
		m := channel(t, s, implicit, story(), nil)
		must(t, m.Send(t.Context(), notice("ceo@x.eu")))
		all := s.Mails()
		if len(all) != 1 || all[0].To != "ceo@x.eu" || all[0].From != "lockbox@example.eu" {
			t.Fatalf("%+v", all)
		}
		msg, text, twin := read(t, all[0].Body)
		for name, want := range map[string]string{
			"Auto-Submitted": "auto-generated", "List-Id": "Lockbox <lockbox.example.eu>", "References": msg.Header.Get("In-Reply-To"),
			"Subject": "Access request 7KQM: answer by 15:02 UTC", "User-Agent": "", "X-Mailer": "",
		} {
			if got := msg.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		for _, want := range []string{
			"Eng asks for 1 hour on db1.prod.", "Why  Outage: <b>contract</b> stuck & \"broken\"", "https://lock.example.eu/a/7KQM",
			"If you do nothing, no access is given.", "never ask you to approve by phone", "— log.example sig",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the text lacks %q:\n%s", want, text)
			}
		}
		if strings.Count(text, "://") != 1 {
			t.Errorf("not one link:\n%s", text)
		}
		harmless(t, twin, "https://lock.example.eu/a/7KQM")
		if got, want := words(untagged(twin)), words(text); got != want {
			t.Errorf("the parts differ:\n%s\n%s", got, want)
		}
	}
}

// harmless wants one link in a page, and nothing but text besides: nothing that is fetched, run or sent.
func harmless(t *testing.T, twin, link string) {
	t.Helper()
	known := map[string]string{ // element → attributes
		"html": "lang", "head": "", "meta": "charset", "title": "", "body": "", "p": "dir", "table": "", "tbody": "", "tr": "", "th": "align valign",
		"td": "dir", "a": "href", "pre": "",
	}
	links := 0
	z := html.NewTokenizer(strings.NewReader(twin))
	for z.Next() != html.ErrorToken {
		k := z.Token()
		if k.Type == html.TextToken || k.Type == html.DoctypeToken && k.Data == "html" {
			continue
		}
		attributes, ok := known[k.Data]
		if !ok || k.Type == html.CommentToken {
			t.Errorf("the twin holds %s", k)
		}
		for _, a := range k.Attr {
			if !slices.Contains(strings.Fields(attributes), a.Key) || a.Key == "href" && a.Val != link {
				t.Errorf("the twin holds %s", k)
			}
			if a.Key == "href" {
				links++
			}
		}
	}
	if links != 1 || !errors.Is(z.Err(), io.EOF) {
		t.Errorf("%d links, %v", links, z.Err())
	}
}

func words(s string) string { return strings.Join(strings.Fields(s), " ") }

func untagged(s string) string {
	var b strings.Builder
	_, s, _ = strings.Cut(s, "<body>")
	z := html.NewTokenizer(strings.NewReader(s))
	for z.Next() != html.ErrorToken {
		if k := z.Token(); k.Type == html.TextToken {
			b.WriteString(k.Data + " ")
		}
	}
	return b.String()
}

func read(t *testing.T, b []byte) (msg *netmail.Message, text, twin string) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(b))
	must(t, err)
	kind, with, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	must(t, err)
	if kind != "multipart/alternative" {
		t.Fatal(kind)
	}
	r := multipart.NewReader(msg.Body, with["boundary"])
	var parts []string
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		must(t, err)
		parts = append(parts, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	if len(parts) != 2 {
		t.Fatalf("%d parts", len(parts))
	}
	return msg, parts[0], parts[1]
}

// TestNoTextBecomesAHeader puts line ends into everything that a header is made of.
func TestNoTextBecomesAHeader(t *testing.T) {
	s := smtp.Start(t, true, false, "localhost")
	told := story()
	told.Title = "x\r\nBcc: evil@x.eu\r\n\r\nbody"
	told.Facts[0].Text = "a\r\n.\r\nMAIL FROM:<evil@x.eu>"
	m := channel(t, s, true, told, nil)
	must(t, m.Send(t.Context(), notice("ceo@x.eu")))
	all := s.Mails()
	if len(all) != 1 {
		t.Fatalf("%d mails", len(all))
	}
	msg, _, _ := read(t, all[0].Body)
	if msg.Header.Get("Bcc") != "" || !strings.Contains(msg.Header.Get("Subject"), "Bcc: evil") {
		t.Errorf("%v", msg.Header)
	}
	for _, to := range []string{"ceo@x.eu\r\nRCPT TO:<evil@x.eu>", "ceo@x.eu, evil@x.eu", "<evil@x.eu>", "a b@x.eu", "x@[127.0.0.1]", "ceo"} {
		if err := m.Send(t.Context(), notice(to)); err == nil {
			t.Errorf("%q: %v", to, err)
		}
	}
	if n := len(s.Mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// TestWhatAServerAnswersIsUnderstood: never, later, or a channel that is down.
func TestWhatAServerAnswersIsUnderstood(t *testing.T) {
	s := smtp.Start(t, true, false, "localhost")
	m := channel(t, s, true, story(), nil)
	for _, c := range []struct {
		name         string
		way          smtp.Way
		never, later bool
	}{
		{"no such mailbox", smtp.Way{Rcpt: 550}, true, false},
		{"greylisted", smtp.Way{Rcpt: 451}, false, true},
		{"content refused", smtp.Way{Data: 554}, true, false},
		{"content refused for now", smtp.Way{Data: 452}, false, false},
		{"we may not send", smtp.Way{Mail: 550}, false, false},
		{"the line goes dead", smtp.Way{Drop: true}, false, false},
	} {
		s.Do(c.way)
		err := m.Send(t.Context(), notice("ceo@x.eu"))
		var later *notify.Later
		if err == nil || errors.Is(err, notify.ErrNever) != c.never || errors.As(err, &later) != c.later {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s.Do(smtp.Way{Hang: true})
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	began := time.Now()
	if err := m.Send(ctx, notice("ceo@x.eu")); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("a server that hangs: %v after %s", err, time.Since(began))
	}
	if len(s.Mails()) != 0 {
		t.Error("something came")
	}
}

// TestNothingLeavesWithoutTLS: a certificate of another name, of nobody that is
// trusted, and a server (or who stands between) that offers no STARTTLS.
func TestNothingLeavesWithoutTLS(t *testing.T) {
	other := smtp.Start(t, true, false, "elsewhere.example")
	stripped := smtp.Start(t, false, true, "localhost")
	stranger := smtp.Start(t, false, false, "localhost")
	for _, c := range []struct {
		name     string
		s        *smtp.Server
		implicit bool
		more     func(*mail.Options)
	}{
		{"another name", other, true, nil},
		{"no STARTTLS", stripped, false, nil},
		{"TLS to one that speaks none", stripped, true, nil},
		{"nobody trusts it", stranger, false, func(o *mail.Options) { o.Roots = other.Roots }},
	} {
		c.s.User, c.s.Pass = "lockbox", "correct-horse"
		m := channel(t, c.s, c.implicit, story(), func(o *mail.Options) {
			o.User, o.Password = "lockbox", "correct-horse"
			if c.more != nil {
				c.more(o)
			}
		})
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		err := m.Send(ctx, notice("ceo@x.eu"))
		stop()
		if err == nil || errors.Is(err, notify.ErrNever) || c.s.Tries() != 0 {
			t.Errorf("%s: %v after %d tries", c.name, err, c.s.Tries())
		}
	}
}

// TestAPasswordIsNeverTold, although servers repeat it.
func TestAPasswordIsNeverTold(t *testing.T) {
	s := smtp.Start(t, true, false, "localhost")
	s.User, s.Pass = "lockbox", "correct-horse"
	good := channel(t, s, true, story(), func(o *mail.Options) { o.User, o.Password = "lockbox", "correct-horse" })
	must(t, good.Send(t.Context(), notice("ceo@x.eu")))
	wrong := channel(t, s, true, story(), func(o *mail.Options) { o.User, o.Password = "lockbox", "hunter2hunter2" })
	err := wrong.Send(t.Context(), notice("ceo@x.eu"))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
