package recorder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
)

// browse writes one of each kind of object of an http track.
func browse(t testing.TB, tr *Track) {
	put := func(o HTTPObject) { must(t, tr.Object(&o)) }
	time.Sleep(100 * time.Millisecond)
	put(HTTPObject{
		Op: HTTPExchange, N: 1, Request: &HTTPRequest{
			ID: "01A", Client: "192.0.2.7", Method: "GET", Host: "wiki.gw.example.eu", URL: "/a?b=c%20d&e", Proto: "HTTP/2.0", Header: [][2]string{{"Accept", "*/*"}, {"Cookie", "‹redacted:header›"}},
		},
		Response: &HTTPResponse{Status: 200, Proto: "HTTP/1.1", Header: [][2]string{{"Content-Type", "text/plain"}}, New: true, Conn: 2, Sent: 3, Head: 40},
	})
	put(HTTPObject{Op: HTTPBodyOp, N: 1, From: FromServer, Text: "words "})
	put(HTTPObject{Op: HTTPProgress, N: 1, Out: &HTTPBody{Bytes: 6}})
	put(HTTPObject{Op: HTTPBodyOp, N: 1, From: FromServer, Data: []byte{0xe6, 0xf8}})
	time.Sleep(20 * time.Millisecond)
	put(HTTPObject{Op: HTTPEnd, N: 1, Outcome: "done", Milli: 60, Out: &HTTPBody{Bytes: 8, Kept: 8, SHA256: "ab"}, Trailer: [][2]string{{"Grpc-Status", "0"}}})
	put(HTTPObject{Op: HTTPExchange, N: 2, Request: &HTTPRequest{ID: "01B", Method: "POST", Host: "wiki.gw.example.eu", URL: "/up", Header: [][2]string{{"Content-Type", "multipart/form-data"}}}})
	put(HTTPObject{Op: HTTPExchange, N: 3, Request: &HTTPRequest{ID: "01C", Method: "GET", Host: "wiki.gw.example.eu", URL: "/ws"}, Response: &HTTPResponse{Status: 101}})
	put(HTTPObject{Op: HTTPBodyOp, N: 2, From: FromClient, Field: "name", Text: "Ane ", More: true})
	put(HTTPObject{Op: HTTPFrame, N: 3, From: FromClient, Type: "text", Text: "half ", More: true})
	put(HTTPObject{Op: HTTPFrame, N: 3, From: FromServer, Type: "ping"})
	put(HTTPObject{Op: HTTPBodyOp, N: 2, From: FromClient, Field: "name", Text: "Dam", Bytes: 7})
	put(HTTPObject{Op: HTTPBodyOp, N: 2, From: FromClient, Field: "doc", File: "r.pdf", Bytes: 9000, SHA256: "cd"})
	put(HTTPObject{Op: HTTPFrame, N: 3, From: FromClient, Type: "text", Text: "whole", Bytes: 10})
	put(HTTPObject{Op: HTTPFrame, N: 3, From: FromServer, Type: "binary", Bytes: 70, SHA256: "ef"})
	put(HTTPObject{Op: HTTPFrame, N: 3, From: FromServer, Type: "close", Code: 1000, Bytes: 2})
	put(HTTPObject{Op: HTTPEnd, N: 2, Outcome: "target failed: it refused the connection", Milli: 5, In: &HTTPBody{Bytes: 9200, Kept: 7}})
	put(HTTPObject{Op: HTTPExchange, N: 4, Request: &HTTPRequest{ID: "01D", Method: "PUT", Scheme: "http", Host: "wiki.gw.example.eu", URL: "/late"}})
}

// played records what browse writes.
func played(t *testing.T) *Playback {
	t.Helper()
	r := newRig(t)
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "http", Command: "wiki"}, func(tr *Track) { browse(t, tr) })
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	return p
}

func TestExchangesAreWrittenAsHAR(t *testing.T) {
	p := played(t)
	var out bytes.Buffer
	must(t, p.HAR(&out, "http0", Form{}))
	var got struct {
		Log struct {
			Version string
			Creator struct{ Name, Version string }
			Entries []map[string]any
		}
	}
	must(t, json.Unmarshal(out.Bytes(), &got))
	if got.Log.Version != "1.2" || got.Log.Creator.Name == "" || len(got.Log.Entries) != 4 {
		t.Fatalf("got %+v", got)
	}
	began := p.Tracks()[0].Began
	first, form, ws, late := got.Log.Entries[0], got.Log.Entries[1], got.Log.Entries[2], got.Log.Entries[3]
	want := map[string]any{
		"startedDateTime": began.Add(60 * time.Millisecond).UTC().Format("2006-01-02T15:04:05.000Z"), "time": 60.0, "cache": map[string]any{}, "comment": "request 01A: done",
		"request": map[string]any{
			"method": "GET", "url": "https://wiki.gw.example.eu/a?b=c%20d&e", "httpVersion": "HTTP/2.0", "cookies": []any{}, "headersSize": -1.0, "bodySize": 0.0,
			"headers":     []any{map[string]any{"name": "Accept", "value": "*/*"}, map[string]any{"name": "Cookie", "value": "‹redacted:header›"}},
			"queryString": []any{map[string]any{"name": "b", "value": "c d"}, map[string]any{"name": "e", "value": ""}},
		},
		"response": map[string]any{
			"status": 200.0, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": []any{}, "redirectURL": "", "headersSize": -1.0, "bodySize": 8.0,
			"headers": []any{map[string]any{"name": "Content-Type", "value": "text/plain"}},
			"content": map[string]any{"size": 8.0, "mimeType": "text/plain", "text": "d29yZHMg5vg=", "encoding": "base64", "comment": "SHA-256 ab"},
		},
		"timings": map[string]any{"blocked": -1.0, "dns": -1.0, "ssl": -1.0, "connect": 2.0, "send": 1.0, "wait": 37.0, "receive": 20.0},
	}
	if d := cmp.Diff(want, first); d != "" {
		t.Error("want -, got +", d)
	}
	post, _ := json.Marshal(form["request"].(map[string]any)["postData"])
	if want := `{"mimeType":"multipart/form-data","params":[{"name":"name","value":"Ane Dam"},{"comment":"9000 bytes, SHA-256 cd","fileName":"r.pdf","name":"doc"}],"text":""}`; string(post) != want {
		t.Errorf("got %s", post)
	}
	if r := form["response"].(map[string]any); r["status"] != 0.0 || !strings.Contains(form["comment"].(string), "it refused") {
		t.Errorf("got %v", form)
	}
	var said []string
	for _, m := range ws["_webSocketMessages"].([]any) {
		m := m.(map[string]any)
		b, _ := json.Marshal([]any{m["type"], m["opcode"], m["data"], m["comment"]})
		said = append(said, string(b))
	}
	if d := cmp.Diff([]string{`["send",1,"half whole",null]`, `["receive",9,"",null]`, `["receive",2,"","70 bytes, SHA-256 ef"]`, `["receive",8,"","code 1000"]`}, said); d != "" {
		t.Error("want -, got +", d)
	}
	if !strings.Contains(late["comment"].(string), "had not ended") || late["request"].(map[string]any)["url"] != "http://wiki.gw.example.eu/late" {
		t.Errorf("got %v", late)
	}
}

func TestAnExchangeIsOneLineOfText(t *testing.T) {
	p := played(t)
	var out bytes.Buffer
	must(t, p.Text(&out, "http0"))
	const want = `GET wiki.gw.example.eu/a?b=c%20d&e 200
GET wiki.gw.example.eu/ws 101
r.pdf
POST wiki.gw.example.eu/up target failed: it refused the connection
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error("want -, got +", d)
	}
	for _, words := range []string{"up refused", "half", "Ane", "pdf"} {
		if found, err := p.Find(t.Context(), "http0", words, 9); err != nil || len(found) != 1 {
			t.Errorf("%q: got %v, %v", words, found, err)
		}
	}
	marks, err := p.Timeline(t.Context(), "http0")
	if must(t, err); len(marks) != 4 || marks[1].Text != "GET wiki.gw.example.eu/a?b=c%20d&e 200" {
		t.Errorf("got %+v", marks)
	}
}

func TestAnArchiveIsRedactedAndCut(t *testing.T) {
	r := newRig(t)
	w, _ := r.record(t, Header{Kind: "http"}, func(tr *Track) {
		must(t, tr.Object(&HTTPObject{Op: HTTPExchange, N: 1, Request: &HTTPRequest{Method: "GET", Host: "h", URL: "/?password=hunter2"}, Response: &HTTPResponse{Status: 200}}))
		for range 600 {
			must(t, tr.Object(&HTTPObject{Op: HTTPBodyOp, N: 1, From: FromServer, Text: strings.Repeat("010190-1234 ", 700)}))
		}
		must(t, tr.Object(&HTTPObject{Op: HTTPEnd, N: 1, Outcome: "done", Out: &HTTPBody{Bytes: 5040000}}))
		must(t, tr.Object(map[string]any{"op": "end", "n": 77}))
		must(t, tr.Object(map[string]any{"op": "frame", "n": "not a number"}))
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	var out bytes.Buffer
	must(t, p.HAR(&out, "http0", Form{Redact: policy.RedactTokens}))
	if !json.Valid(out.Bytes()) || strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "the recording has more") || out.Len() > 5<<20 {
		t.Errorf("got %d bytes: %.500s", out.Len(), out.String())
	}
	if err := p.HAR(&out, "http1", Form{}); err == nil {
		t.Error("there is no such track")
	}
}

func FuzzHTTPObjects(f *testing.F) {
	f.Add(`{"op":"exchange","n":1,"request":{"method":"GET","url":"/?a=%"},"response":{"status":200,"head":-1e300}}`, `{"op":"end","n":1,"ms":1e308}`)
	f.Add(`{"op":"frame","n":2,"from":"client","type":"text","data":"/w==","more":true}`, `{"op":"body","n":2,"from":"client","file":"x"}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		arch, r := &archiver{held: map[uint64]*harHeld{}}, &HTTPReader{}
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		for i, data := range []string{a, b, a} {
			ev := Event{At: time.Duration(i) * time.Second, Code: CodeObject, Data: []byte(data)}
			must(t, arch.event(w, ev))
			_ = r.words(ev)
		}
		must(t, arch.finish(w))
		if !json.Valid([]byte(`{"log":{"entries":[` + out.String())) {
			t.Errorf("got %q", out.Bytes())
		}
	})
}
