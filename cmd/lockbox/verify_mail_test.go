package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockbox/approvals"
	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/recorder/proof"
	"lockbox/tests/fakes/smtp"
	"lockbox/tests/world"
)

// mailedStory is a mail as it came, from a gateway with pins.
func mailedStory(t *testing.T) (eml []byte, pins string) {
	t.Helper()
	w, s := world.New(t, "127.0.0.1:1", ""), smtp.Start(t, true, false, "localhost")
	words, err := notify.NewWords()
	ok(t, err)
	p := &notify.Planner{Desk: w.Desk, People: w.People}
	m, err := mail.New(mail.Options{
		Server: s.Addr, Implicit: true, From: "lockbox@example.eu", Roots: s.Roots, Ledger: w.Ledger, Words: words,
		Teller: &notify.Teller{Ledger: w.Ledger, Planner: p, URL: "https://lock.example.eu", Words: words},
	})
	ok(t, err)
	ok(t, m.Send(t.Context(), notify.Notice{ID: "1", Channel: "mail", To: w.Ceo.ID, Topic: notify.Ping, Seq: -1}))
	b, err := json.Marshal(approvals.Pinned{Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(), Executives: []string{w.Ceo.Fingerprint}})
	ok(t, err)
	pins = filepath.Join(t.TempDir(), "pins.json")
	ok(t, os.WriteFile(pins, b, 0o600))
	return s.Mails()[0].Body, pins
}

// TestTheFootOfAMailCanBeVerified as the mail was saved, and as its text was copied or quoted; and not after a change.
func TestTheFootOfAMailCanBeVerified(t *testing.T) {
	eml, pins := mailedStory(t)
	msg, err := netmail.ReadMessage(bytes.NewReader(eml))
	ok(t, err)
	_, with, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	ok(t, err)
	part, err := multipart.NewReader(msg.Body, with["boundary"]).NextRawPart()
	ok(t, err)
	var text bytes.Buffer
	_, err = text.ReadFrom(quotedprintable.NewReader(part))
	ok(t, err)
	foot, err := noteIn(text.String())
	ok(t, err)
	changed := strings.Replace(text.String(), strings.Split(string(foot), "\n")[2], base64.StdEncoding.EncodeToString(make([]byte, 32)), 1)
	for _, c := range []struct {
		name string
		file string
		want int
	}{
		{"the mail as it was saved", string(eml), 0},
		{"with the line ends of Unix", strings.ReplaceAll(string(eml), "\r\n", "\n"), 0},
		{"its text", text.String(), 0},
		{"its text, indented", "  " + strings.ReplaceAll(text.String(), "\n", "\n  "), 0},
		{"an answer to it", "> " + strings.ReplaceAll(text.String(), "\n", "\n> "), 0},
		{"the foot alone", string(foot), 0},
		{"the foot alone, a line doubled", strings.Replace(string(foot), "\n\n", "\n\n\n", 1), 1},
		{"its text, changed", changed, 1},
		{"a mail without one", "From: a@b.eu\r\nContent-Type: text/plain\r\n\r\nhello\r\n", 1},
	} {
		file := filepath.Join(t.TempDir(), "mail.eml")
		ok(t, os.WriteFile(file, []byte(c.file), 0o600))
		if code, out, errs := typed(t, "verify", file, "--pins", pins); code != c.want {
			t.Errorf("%s: %d\n%s%s", c.name, code, out, errs)
		}
	}
}

// FuzzMailed: what is found is a checkpoint, and found in itself.
func FuzzMailed(f *testing.F) {
	f.Add([]byte("From: a\nContent-Type: text/plain\n\nlog.test\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— log.test AAAAAAA=\n"))
	f.Add([]byte("> log.test\n> 1\n> AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n> \n> — log.test AAAAAAAAAAA=\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--y--\n--x--\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := mailed(data)
		if err != nil {
			return
		}
		if _, err := proof.Peek(b); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if again, err := noteIn(string(b)); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q, again %q, %v", b, again, err)
		}
	})
}
