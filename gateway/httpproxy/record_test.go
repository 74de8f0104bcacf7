package httpproxy

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"lockbox/policy"
	"lockbox/recorder"
)

// A taper records one track of HTTP on disk.
type taper struct {
	*reel
	t   testing.TB
	dir string
	id  age.Identity
	rec *recorder.Recording
}

func tapeOf(t testing.TB, rule policy.Recording, secrets ...string) *taper {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	shelf := &recorder.Shelf{
		Dir: t.TempDir(), Recipients: []age.Recipient{id.Recipient()}, AtRest: [32]byte{1}, Signer: signer, Verifier: verifier, MinFree: -1, MinFreePercent: -1, Reserve: -1,
	}
	rec, err := shelf.Open(recorder.Session{ID: recorder.NewID(time.Now()), Target: "wiki", Who: policy.Principal{ID: "ane", Name: "Ane"}}, recorder.How{})
	must(t, err)
	tr, err := rec.Track(recorder.Header{Kind: "http", Command: "wiki", Bulk: rule.Bulk, Redact: rule.Redact})
	must(t, err)
	return &taper{reelOf(tr, rule, time.Now, secrets), t, shelf.Dir, id, rec}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// play closes the recording and opens it.
func (r *taper) play() *recorder.Playback {
	r.t.Helper()
	_, err := r.rec.Close("client left")
	must(r.t, err)
	found, err := filepath.Glob(filepath.Join(r.dir, "*", "*", "*", "manifest"))
	if err != nil || len(found) != 1 {
		r.t.Fatalf("got recordings %v, %v", found, err)
	}
	p, err := recorder.Open(filepath.Dir(found[0]), r.id)
	must(r.t, err)
	return p
}

// objects are all that was written, times left out.
func (r *taper) objects() (all []recorder.HTTPObject) {
	r.t.Helper()
	for ev, err := range r.play().Events("http0") {
		must(r.t, err)
		if ev.Code != recorder.CodeObject {
			continue
		}
		var o recorder.HTTPObject
		must(r.t, json.Unmarshal(ev.Data, &o))
		o.Milli = 0
		if o.Response != nil {
			o.Response.Head, o.Response.Conn, o.Response.Sent = 0, 0, 0
		}
		all = append(all, o)
	}
	return all
}

func ask(method, url string, fields ...string) asked {
	a := asked{ID: "01J", From: netip.MustParseAddr("192.0.2.7"), Method: method, URL: url, Proto: "HTTP/1.1", Host: "wiki.gw.example.eu", Header: http.Header{}}
	for i := 0; i < len(fields); i += 2 {
		a.Header.Add(fields[i], fields[i+1])
	}
	return a
}

func fields(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// pass passes one exchange whole.
func (r *taper) pass(a asked, up []string, status int, h http.Header, down []string) {
	r.t.Helper()
	x, err := r.begin(a)
	must(r.t, err)
	for _, p := range up {
		must(r.t, x.up([]byte(p)))
	}
	must(r.t, x.head(status, "HTTP/1.1", h))
	for _, p := range down {
		must(r.t, x.down([]byte(p)))
	}
	must(r.t, x.end("done", nil))
	must(r.t, x.end("again", nil))
}

func TestAReadingExchangeIsTwoObjects(t *testing.T) {
	r := tapeOf(t, policy.Recording{})
	r.pass(ask("GET", "/a?b=c", "Accept", "*/*"), nil, 200, fields("Content-Type", "text/plain"), []string{"hello ", "you"})
	want := []recorder.HTTPObject{
		{
			Op: "exchange", N: 1, Response: &recorder.HTTPResponse{Status: 200, Proto: "HTTP/1.1", Header: [][2]string{{"Content-Type", "text/plain"}}},
			Request: &recorder.HTTPRequest{
				ID: "01J", Client: "192.0.2.7", Method: "GET", Host: "wiki.gw.example.eu", URL: "/a?b=c", Proto: "HTTP/1.1", Header: [][2]string{{"Accept", "*/*"}},
			},
		},
		{Op: "end", N: 1, Outcome: "done", Out: &recorder.HTTPBody{Bytes: 9}},
	}
	if d := cmp.Diff(want, r.objects()); d != "" {
		t.Error("want -, got +", d)
	}
	if d := cmp.Diff(map[string]string{"requests": "1", "bytes-down": "9"}, r.counts()); d != "" {
		t.Error("counts: want -, got +", d)
	}
}

func TestWhatMayChangeSomethingIsWrittenDownFirst(t *testing.T) {
	for _, a := range []asked{ask("POST", "/"), ask("DELETE", "/x"), ask("BREW", "/"), ask("GET", "/ws", "Upgrade", "websocket")} {
		r := tapeOf(t, policy.Recording{})
		_, err := r.begin(a)
		must(t, err)
		got := r.objects() // as after a crash
		if len(got) != 1 || got[0].Request == nil || got[0].Request.Method != a.Method {
			t.Errorf("%s: got %+v", a.Method, got)
		}
	}
}

func TestNoSecretOfAHeadIsWrittenDown(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full"}, "X_Ward", "patient")
	const s = "S3cr3t-Value-1"
	a := ask("GET", "/p?token="+s+"&a=b&X-Amz-Signature="+s+"&pass%77ord="+s+"&patient="+s+";sid="+s+"&&z")
	for _, name := range []string{
		"Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token", "X-Vault-Token", "X-Csrf-Token", "X-Ward", "Ocp-Apim-Subscription-Key", "X-Session-Id", "X-Amz-Security-Token", "X-Lockbox-Identity", "X_auth_token",
	} {
		a.Header[name] = []string{s, s}
	}
	a.Header.Set("Referer", "https://wiki.gw.example.eu/x?access_token="+s)
	a.Header.Set("Sec-Websocket-Protocol", "base64.bearer."+strings.Repeat(s, 9))
	r.pass(a, nil, 302, fields("Set-Cookie", "a="+s, "Location", "/cb?code=1&id_token="+s+"#access_token="+s), nil)
	b, err := json.Marshal(r.objects())
	must(t, err)
	if bytes.Contains(b, []byte(s)) {
		t.Errorf("a secret is in %s", b)
	}
	for _, name := range []string{`"Authorization"`, `"Set-Cookie"`, `"X-Ward"`, "a=b", "code=1", `token=‹redacted:password›`} {
		if !bytes.Contains(b, []byte(name)) {
			t.Errorf("%s is not in %s", name, b)
		}
	}
}

func TestAHeadOfAnySizeIsWrittenDown(t *testing.T) {
	r := tapeOf(t, policy.Recording{Redact: policy.RedactTokens | policy.RedactCPR})
	long := strings.Repeat("password=x&", 5000)
	a := ask("GET", "/?"+strings.Repeat("<", 30000)+long)
	for i := range 300 {
		a.Header.Set(fmt.Sprintf("F%d", i), strings.Repeat("\x80<&password=1 ", 40))
	}
	r.pass(a, nil, 200, fields("A", long, "B", strings.Repeat("æ", 90000)), nil)
	got := r.objects()
	if len(got) != 2 || got[0].Request.Method != "GET" || got[0].Request.More < 200 || !strings.Contains(got[0].Request.URL, "…") {
		t.Errorf("got %.2000v", got)
	}
}

func TestBodiesAreKeptByTypeAndByWhatTheyAre(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\x01", 50)
	for _, c := range []struct {
		kind, body string
		text       string
		hash       bool
	}{
		{"application/json", `{"a":"æ"}`, `{"a":"æ"}`, true},
		{"text/html; charset=utf-8", "<p>", "<p>", true},
		{"application/vnd.x+xml", "<x/>", "<x/>", true},
		{"image/png", png, "", true},
		{"image/png", `{"really":"json"}`, `{"really":"json"}`, true},
		{"", "plain words", "plain words", true},
		{"application/octet-stream", "\x00\x01", "", false}, // its hash could be guessed
		{"application/x-www-form-urlencoded", "user=ane&password=hunter2&x=1", "user=ane&password=‹redacted:password›&x=1", false},
	} {
		r := tapeOf(t, policy.Recording{HTTP: "full"})
		r.pass(ask("POST", "/", "Content-Type", c.kind), []string{c.body[:len(c.body)/2], c.body[len(c.body)/2:]}, 204, nil, nil)
		got, text := r.objects(), ""
		for _, o := range got {
			text += o.Text
		}
		end := got[len(got)-1]
		if text != c.text || end.In.Bytes != int64(len(c.body)) || (end.In.SHA256 != "") != c.hash {
			t.Errorf("%s %q: got %q, %+v", c.kind, c.body, text, end.In)
		}
	}
}

func TestACompressedBodyIsHashedAndNotAskedFor(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full"})
	h := fields("Accept-Encoding", "gzip, br", "Sec-WebSocket-Extensions", "permessage-deflate")
	r.plain(h)
	if d := cmp.Diff(fields("Accept-Encoding", "identity"), h); d != "" {
		t.Error("want -, got +", d)
	}
	r.pass(ask("GET", "/"), nil, 200, fields("Content-Type", "text/plain", "Content-Encoding", "gzip"), []string{"\x1f\x8b\x08\x00" + strings.Repeat("x", 80)})
	if got := r.objects(); len(got) != 2 || got[1].Out.SHA256 == "" || got[1].Out.Kept != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestBodiesAreKeptUpToTheRulesLimit(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full", Bulk: 20000})
	var down []string
	for range 50 {
		down = append(down, strings.Repeat("æ\x00", 333))
	}
	r.pass(ask("GET", "/"), nil, 200, fields("Content-Type", "text/plain"), down)
	got, text := r.objects(), ""
	for _, o := range got {
		text += o.Text + string(o.Data)
	}
	whole := strings.Join(down, "")
	if end := got[len(got)-1]; text != whole[:20000] || end.Out.Kept != 20000 || end.Out.Bytes != int64(len(whole)) || end.Out.SHA256 == "" {
		t.Errorf("got %d bytes, %+v", len(text), end.Out)
	}
}

func TestBodiesAreRedactedAcrossPieces(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full", Redact: policy.RedactCPR | policy.RedactTokens})
	body := `{"cpr":"010190-1234","t":"ghp_` + strings.Repeat("a", 36) + `"}`
	r.pass(ask("PUT", "/", "Content-Type", "application/json"), strings.SplitAfter(body, ""), 200, fields("Content-Type", "text/plain"), []string{"fine"})
	got, text := r.objects(), ""
	for _, o := range got {
		text += o.Text
	}
	if strings.Contains(text, "1234") || strings.Contains(text, "aaaa") || !strings.Contains(text, "‹redacted:cpr›") {
		t.Errorf("got %q", text)
	}
	if end := got[len(got)-1]; end.In.SHA256 != "" || end.Out.SHA256 == "" {
		t.Errorf("got %+v, %+v", end.In, end.Out)
	}
}

func TestOfAFormEachPartIsKept(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full"}, "cvr")
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	must(t, w.WriteField("name", strings.Repeat("Ane æ ", 3000)))
	must(t, w.WriteField("new_password", "hunter2"))
	must(t, w.WriteField("CVR", "12345678"))
	f, err := w.CreateFormFile("doc", "r.pdf")
	must(t, err)
	_, err = f.Write(bytes.Repeat([]byte("%PDF"), 4000))
	must(t, err)
	must(t, w.Close())
	r.pass(ask("POST", "/up", "Content-Type", w.FormDataContentType()), []string{b.String()[:9000], b.String()[9000:]}, 200, nil, nil)
	var got []string
	text := ""
	for _, o := range r.objects() {
		if o.Op == "body" && o.More {
			text += o.Text
		} else if o.Op == "body" {
			got = append(got, fmt.Sprintf("%s %s %d %s %t", o.Field, o.File, o.Bytes, o.Text, o.SHA256 != ""))
		} else if o.Op == "end" {
			got = append(got, fmt.Sprintf("%t %d", o.In.SHA256 != "", o.In.Kept))
		}
	}
	want := []string{"name  21000  true", "new_password  7 ‹redacted:password› false", "CVR  8 ‹redacted:password› false", "doc r.pdf 16000  true", "false 21000"}
	if d := cmp.Diff(want, got); d != "" || text != strings.Repeat("Ane æ ", 3000) {
		t.Errorf("want -, got + %s; %d bytes of text", d, len(text))
	}
}

func TestAFormThatIsNoneIsHashed(t *testing.T) {
	r := tapeOf(t, policy.Recording{HTTP: "full"})
	r.pass(ask("POST", "/", "Content-Type", "multipart/form-data; boundary=x"), []string{"-", "-x\r\n" + strings.Repeat("no form ", 5000), "\r\n--x"}, 400, nil, nil)
	got := r.objects()
	if end := got[len(got)-1]; end.In.SHA256 == "" || end.In.Bytes != 40010 {
		t.Errorf("got %+v", end.In)
	}
}

// TestATypeThatIsALieHidesNothing: who has a text said to be something else
// may know that the application does not care.
func TestATypeThatIsALieHidesNothing(t *testing.T) {
	for _, fields := range [][]string{
		{"Content-Type", "multipart/form-data; boundary=x"}, {"Content-Type", "application/json", "Content-Encoding", "gzip"}, {"Content-Type", "video/mp4"}, {"Content-Type", "; ="}, {},
	} {
		r := tapeOf(t, policy.Recording{HTTP: "full"})
		r.pass(ask("POST", "/", fields...), []string{`{"drop":`, `"all"}`}, 200, nil, nil)
		text := ""
		for _, o := range r.objects() {
			text += o.Text
		}
		if text != `{"drop":"all"}` {
			t.Errorf("%q: got %q", fields, text)
		}
	}
}

func TestMetadataHoldsNoBody(t *testing.T) {
	r := tapeOf(t, policy.Recording{})
	r.pass(ask("POST", "/", "Content-Type", "text/plain"), []string{"words that nobody keeps"}, 200, fields("Content-Type", "text/plain"), []string{"answers, too"})
	for _, o := range r.objects() {
		if o.Op == "body" || o.In != nil && (o.In.SHA256 != "" || o.In.Kept > 0) {
			t.Errorf("got %+v", o)
		}
	}
	found, err := filepath.Glob(filepath.Join(r.dir, "*", "*", "*", "*", "*.seg"))
	must(t, err)
	for _, f := range found {
		b, err := os.ReadFile(f)
		must(t, err)
		if bytes.Contains(b, []byte("wiki")) {
			t.Errorf("%s is in clear", f)
		}
	}
}
