package devtarget

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestTheWikiDoesWhatApplicationsDo(t *testing.T) {
	defer goleak.VerifyNone(t)
	w, err := StartWeb("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := "http://" + w.Addr()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	get := func(path string, header ...string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return read(t)(client.Do(r))
	}
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"eva@example.eu"}`)) + ".x"
	if page := get("/", identity, token); !strings.Contains(page, "eva@example.eu") || !strings.Contains(page, "Contract 7") {
		t.Errorf("the first page is %q", page)
	}
	if page := read(t)(client.PostForm(at+"/wiki/new-1", url.Values{"text": {"<b>&"}})); !strings.Contains(page, "&lt;b&gt;&amp;") {
		t.Errorf("a page that was written is %q", page)
	}
	if body := get("/files/1000.bin", "Range", "bytes=255-257"); body != "\xff\x00\x01" {
		t.Errorf("a range is %q", body)
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("file", "x")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, "abc") // into memory
	_ = m.Close()                      // as above
	if said := read(t)(client.Post(at+"/files", m.FormDataContentType(), &form)); !strings.Contains(said, "3 bytes came, SHA-256 ba7816bf8f01cfea") {
		t.Errorf("an upload got %q", said)
	}
	converse(t, at)
	res, err := client.Get(at + "/clock")
	if err != nil {
		t.Fatal(err)
	}
	if line := make([]byte, 4); res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the clock is %v", res.Header)
	} else if _, err := io.ReadFull(res.Body, line); err != nil || string(line) != "id: " {
		t.Errorf("the clock says %q, %v", line, err)
	}
	if err := w.Close(); err != nil { // it ends what is open
		t.Error(err)
	}
	_ = res.Body.Close() // it was cut
}

func converse(t *testing.T, at string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	c, _, err := websocket.Dial(ctx, at+"/talk", &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("echo a b")); err != nil {
		t.Fatal(err)
	}
	if _, said, err := c.Read(ctx); err != nil || string(said) != "a b" {
		t.Errorf("it says %q, %v", said, err)
	}
	_ = c.CloseNow() // the test is over
}

func read(t *testing.T) func(*http.Response, error) string {
	return func(res *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // read
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func FuzzClaims(f *testing.F) {
	f.Add("e30.e30.x")
	f.Add("..")
	f.Fuzz(func(_ *testing.T, token string) {
		_ = claims(&http.Request{Header: http.Header{identity: {token}}}) // whatever it says, it does not end the target
	})
}
