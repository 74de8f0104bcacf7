package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/webhook"
	"lockbox/tests/world"
)

const (
	newer = "the-newer-secret-of-the-receiver"
	older = "whsec_dGhlLW9sZGVyLXNlY3JldC1vZi10aGUtcmVjZWl2ZXI=" // as Standard Webhooks writes it
)

// A came is a webhook as it came.
type came struct {
	Name    string
	Headers map[string]string
	Body    []byte
	Secrets []string // that the receiver has
	Right   bool
}

// sent is a webhook that the program itself sends, with both secrets.
func sent(t *testing.T, at time.Time) came {
	t.Helper()
	c := came{Headers: map[string]string{}}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
			c.Headers[h] = r.Header.Get(h)
		}
		c.Body, _ = io.ReadAll(r.Body) // what is missing is not signed
	}))
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	h, err := webhook.New(webhook.Options{
		Name: "siem", URL: srv.URL, Secrets: []webhook.Secret{newer, older}, May: anywhere, Roots: roots,
		Source: "https://lock.example.eu", Ledger: world.New(t, "127.0.0.1:1", "").Ledger, Now: func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Send(t.Context(), notify.Notice{Channel: h.Name(), To: "siem", Topic: notify.Deed}); err != nil {
		t.Fatal(err)
	}
	return c
}

func anywhere(context.Context, string, string, syscall.RawConn) error { return nil }

// with is the webhook changed.
func (c came) with(name string, right bool, change func(*came)) came {
	h := map[string]string{}
	for k, v := range c.Headers {
		h[k] = v
	}
	c.Name, c.Right, c.Headers, c.Body, c.Secrets = name, right, h, bytes.Clone(c.Body), []string{newer}
	change(&c)
	return c
}

func all(t *testing.T) []came {
	now := sent(t, time.Now())
	set := func(header, value string) func(*came) { return func(c *came) { c.Headers[header] = value } }
	keys := func(secrets ...string) func(*came) { return func(c *came) { c.Secrets = secrets } }
	return []came{
		now.with("as it is sent", true, func(*came) {}),
		now.with("by a receiver that has the older secret", true, keys(older)),
		now.with("by a receiver that has both", true, keys("something-else-altogether", older)),
		now.with("by a receiver that has another", false, keys("something-else-altogether")),
		now.with("by a receiver that takes the Base64 for the secret", false, keys("the-older-secret-of-the-receiver"[1:])),
		now.with("by a receiver that has half of it", false, keys(older[:len(older)-3])),
		now.with("by a receiver that has none", false, keys()),
		now.with("another body", false, func(c *came) { c.Body[len(c.Body)/2] ^= 1 }),
		now.with("a body with more behind it", false, func(c *came) { c.Body = append(c.Body, ' ') }),
		now.with("another id", false, set("Webhook-Id", "evt-1")),
		now.with("no id", false, set("Webhook-Id", "")),
		now.with("another time", false, set("Webhook-Timestamp", fmt.Sprint(time.Now().Unix()+1))),
		now.with("no time", false, set("Webhook-Timestamp", "")),
		now.with("a time that is none", false, set("Webhook-Timestamp", "soon")),
		now.with("no signature", false, set("Webhook-Signature", "")),
		now.with("a signature of another version", false, set("Webhook-Signature", strings.ReplaceAll(now.Headers["Webhook-Signature"], "v1,", "v2,"))),
		now.with("half a signature", false, set("Webhook-Signature", now.Headers["Webhook-Signature"][:20])),
		now.with("a signature that is no text", false, set("Webhook-Signature", "v1,\u00e6\u00f8\u00e5 v1,")),
		now.with("with the empty secret", false, func(c *came) { c.Headers["Webhook-Signature"] = signed("", *c) }),
		sent(t, time.Now().Add(-6*time.Minute)).with("too old", false, func(*came) {}),
		sent(t, time.Now().Add(6*time.Minute)).with("of the future", false, func(*came) {}),
	}
}

func signed(secret string, c came) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s.%s", c.Headers["Webhook-Id"], c.Headers["Webhook-Timestamp"], c.Body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestTheGoOfReadmeTellsWhatLockboxSent(t *testing.T) {
	for _, c := range all(t) {
		r := httptest.NewRequest(http.MethodPost, "/lockbox", bytes.NewReader(c.Body))
		for k, v := range c.Headers {
			r.Header.Set(k, v)
		}
		id, body, err := Verify(r, c.Secrets...)
		if (err == nil) != c.Right || c.Right && (id != c.Headers["Webhook-Id"] || !bytes.Equal(body, c.Body)) || !c.Right && (id != "" || body != nil) {
			t.Errorf("%s: %q, %v", c.Name, id, err)
		}
	}
}

// each webhook on a line, answered by its id or by "no".
const asks = `
import base64, json, sys
from verify import verify
for line in sys.stdin:
    c = json.loads(line)
    try:
        print(verify(c["Headers"], base64.b64decode(c["Body"]), *(c["Secrets"] or [])))
    except ValueError:
        print("no")
`

func TestThePythonOfReadmeTellsWhatLockboxSent(t *testing.T) {
	var in, out, errs bytes.Buffer
	cases := all(t)
	for _, c := range cases {
		if err := json.NewEncoder(&in).Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("python3", "-B", "-c", asks)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("%d answers: %q", len(lines), lines)
	}
	for i, c := range cases {
		want := "no"
		if c.Right {
			want = c.Headers["Webhook-Id"]
		}
		if lines[i] != want {
			t.Errorf("%s: %s", c.Name, lines[i])
		}
	}
}
