package mail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"unicode"

	"lockbox/approvals/notify"
)

func plainMail(t testing.TB, key string) *Mail {
	t.Helper()
	words, err := notify.NewWords()
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Options{Server: "mx.example.eu:465", From: "lockbox@example.eu", Key: []byte(key), Words: words, User: "u", Password: "correct-horse"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *Mail) bytes(t testing.TB, n notify.Notice, s notify.Story) []byte {
	t.Helper()
	msg, err := m.message(n, s, "ceo@x.eu")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func parse(t testing.TB, b []byte) (*netmail.Message, []string) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v:\n%s", err, b)
	}
	_, with, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for r := multipart.NewReader(msg.Body, with["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return msg, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
}

// TestAThreadIsOfOneReaderAndOneRequest, the same after a restart, and nobody who
// lacks the key can put a mail into it.
func TestAThreadIsOfOneReaderAndOneRequest(t *testing.T) {
	m, again, other := plainMail(t, "k"), plainMail(t, "k"), plainMail(t, "another")
	thread := func(m *Mail, to, code, id string) (root, own string) {
		msg, _ := parse(t, m.bytes(t, notify.Notice{ID: id, To: to, About: code}, notify.Story{Lang: "en", Code: code, Title: "x"}))
		if msg.Header.Get("References") != msg.Header.Get("In-Reply-To") {
			t.Errorf("%v", msg.Header)
		}
		return msg.Header.Get("References"), msg.Header.Get("Message-Id")
	}
	root, one := thread(m, "ceo@x.eu", "7KQM", "1")
	if r, id := thread(m, "ceo@x.eu", "7KQM", "2"); r != root || id == one {
		t.Errorf("another mail of it: %s %s, first %s %s", r, id, root, one)
	}
	if r, id := thread(again, "ceo@x.eu", "7KQM", "1"); r != root || id != one {
		t.Errorf("after a restart: %s %s, first %s %s", r, id, root, one)
	}
	for name, of := range map[string]func() (string, string){
		"another reader":  func() (string, string) { return thread(m, "cto@x.eu", "7KQM", "3") },
		"another request": func() (string, string) { return thread(m, "ceo@x.eu", "8KQM", "3") },
		"another gateway": func() (string, string) { return thread(other, "ceo@x.eu", "7KQM", "1") },
	} {
		if r, id := of(); r == root || id == one {
			t.Errorf("%s: the same thread", name)
		}
	}
	for _, id := range []string{root, one} {
		if strings.Contains(id, "7KQM") || strings.Contains(id, "ceo") || len(id) < 32 {
			t.Errorf("%s tells", id)
		}
	}
}

// FuzzMail puts anything into all that somebody else may have written: there are
// our headers and no others, two parts, in ASCII lines that every server takes.
func FuzzMail(f *testing.F) {
	for _, s := range []string{
		"x", "a\r\nBcc: evil@x.eu\r\n\r\n<script>", "=?utf-8?q?=0D=0ABcc:_evil@x.eu?=", strings.Repeat("æ", 3000), strings.Repeat("long ", 3000),
		"שלום \u202eevil\u202c عالم", "\xff\xfe\x00", ".\r\n.\r\nMAIL FROM:<a@b.eu>", "🔑 \u2028 x", "--boundary\r\n", "\u061c\u200b=?a?b?c?=", "",
	} {
		f.Add(s, s, s, "7KQM")
	}
	m := plainMail(f, "k")
	ours := []string{
		"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "In-Reply-To", "List-Id", "Message-Id", "Mime-Version", "References",
		"Subject", "To", "X-Auto-Response-Suppress",
	}
	f.Fuzz(func(t *testing.T, title, lead, fact, code string) {
		s := notify.Story{Lang: "da", Code: code, Title: title, Lead: lead, Facts: []notify.Fact{{Key: "why", Label: "Hvorfor", Text: fact}}, Page: "https://lock.example.eu/a/7KQM", Entries: []string{lead}}
		b := m.bytes(t, notify.Notice{ID: "1", To: "ceo@x.eu", About: code}, s)
		for line := range strings.SplitSeq(string(b), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") || strings.ContainsFunc(line, func(r rune) bool { return r > unicode.MaxASCII || r < ' ' && r != '\t' }) {
				t.Fatalf("a line: %.200q", line)
			}
		}
		msg, parts := parse(t, b)
		for name, values := range msg.Header {
			if !slices.Contains(ours, name) || len(values) != 1 {
				t.Fatalf("a header: %s %q", name, values)
			}
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
		if got, want := strings.Join(strings.Fields(subject), " "), strings.Join(strings.Fields(header(title)), " "); err != nil || got != want {
			t.Fatalf("subject %q, want %q, %v", got, want, err)
		}
		if to := msg.Header.Get("To"); to != "<ceo@x.eu>" {
			t.Fatalf("to %s", to)
		}
		if len(parts) != 2 || !strings.Contains(parts[0], oneLine(fact)) || strings.Contains(parts[1], "<script") || strings.Count(parts[1], "<a ") != 1 {
			t.Fatalf("parts: %q", parts)
		}
		for _, p := range parts {
			if strings.ContainsFunc(p, func(r rune) bool { return unicode.Is(unicode.Cf, r) || r < ' ' && r != '\n' }) {
				t.Fatalf("it holds what turns or ends a text: %q", p)
			}
		}
	})
}

// TestAPasswordIsNeverPrinted, with whatever it is printed, inside whatever.
func TestAPasswordIsNeverPrinted(t *testing.T) {
	m := plainMail(t, "k")
	o := Options{Password: "correct-horse"}
	var out bytes.Buffer
	for _, v := range []any{o, &o, m, *m, struct{ m Mail }{*m}, o.Password} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	b, err := json.Marshal(o.Password)
	if err != nil || string(b) != `"secret"` {
		t.Errorf("%s, %v", b, err)
	}
	if text := out.String(); strings.Contains(text, "correct-horse") || strings.Contains(text, "636f7272656374") {
		t.Error(text)
	}
}
