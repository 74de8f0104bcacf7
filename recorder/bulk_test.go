package recorder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/policy"
)

func sum(p []byte) string {
	h := sha256.Sum256(p)
	return hex.EncodeToString(h[:])
}

func TestABulkStreamIsKeptToItsLimitAndHashedWhole(t *testing.T) {
	data := noise(100 << 10)
	for _, row := range []struct {
		name string
		h    Header
		n    int // bytes
		o, i string
	}{
		{"below", Header{Kind: "exec", Bulk: 50 << 10}, 1000, `{"stream":"o","kept":1000,"bytes":1000,"sha256":"%s"}`, `{"bytes":1000,"sha256":"%s"}`},
		{"just all", Header{Kind: "exec", Bulk: 50 << 10, Input: true}, 50 << 10, `{"stream":"o","kept":51200,"bytes":51200,"sha256":"%s"}`, `{"stream":"i","kept":51200,"bytes":51200,"sha256":"%s"}`},
		{"a byte more", Header{Kind: "exec", Bulk: 50 << 10}, 50<<10 + 1, `{"stream":"o","kept":51200}{"stream":"o","kept":51200,"bytes":51201,"sha256":"%s"}`, `{"bytes":51201,"sha256":"%s"}`},
		{"a forward", Header{Kind: "fwd", Bulk: 1 << 10}, 90 << 10, `{"stream":"o","kept":1024}{"stream":"o","kept":1024,"bytes":92160,"sha256":"%s"}`, `{"stream":"i","kept":1024}{"stream":"i","kept":1024,"bytes":92160,"sha256":"%s"}`},
		{"a file, by default", Header{Kind: "file"}, 90 << 10, `{"stream":"o","kept":92160,"bytes":92160,"sha256":"%s"}`, `{"stream":"i","kept":92160,"bytes":92160,"sha256":"%s"}`},
		{"nothing", Header{Kind: "exec"}, 0, "", ""},
		{"a terminal has no limit", Header{Kind: "pty", Bulk: 10}, 1000, "", `{"bytes":1000}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			w, _ := r.record(t, row.h, func(tr *Track) {
				for p := data[:row.n]; len(p) > 0; {
					n := min(len(p), 700)
					must(t, tr.Output(p[:n]))
					must(t, tr.Input(p[:n]))
					p = p[n:]
				}
			})
			evs := r.played(t, w.ID)
			var o, i string
			for _, ev := range evs {
				switch {
				case ev.Code == CodeStdin, ev.Code == CodeCut && strings.Contains(string(ev.Data), `"i"`):
					i += string(ev.Data)
				case ev.Code == CodeCut:
					o += string(ev.Data)
				}
			}
			hash := sum(data[:row.n])
			if want := strings.ReplaceAll(row.o, "%s", hash); o != want {
				t.Errorf("output: got %s, want %s", o, want)
			}
			if want := strings.ReplaceAll(row.i, "%s", hash); i != want {
				t.Errorf("input: got %s, want %s", i, want)
			}
			most := row.h.Bulk
			if most == 0 || row.h.Kind == "pty" {
				most = policy.DefaultBulk
			}
			if got, want := stream(evs, CodeOutput), data[:min(int64(row.n), most)]; !bytes.Equal(got, want) {
				t.Errorf("kept %d bytes, want %d", len(got), len(want))
			}
		})
	}
}

func TestTheCutIsMarkedWhereItIsAndToldAtRest(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		w, rec, tr := r.begin(t, Header{Kind: "exec", Bulk: 3})
		must(t, tr.Output([]byte("abcd")))
		must(t, tr.Stderr([]byte("e")))
		time.Sleep(40 * time.Second) // a segment closes
		p, err := r.Play(w.ID, r.id)
		must(t, err)
		var got []string
		for _, ev := range events(t, p, "exec0") {
			got = append(got, ev.Code+" "+string(ev.Data))
		}
		want := []string{"o abc", `cut {"stream":"o","kept":3}`, "e e", `cut {"stream":"o","kept":3,"bytes":4,"sha256":"` + sum([]byte("abcd")) + `"}`}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		closed(t, rec)
	})
}

func TestALargeStreamCostsNeitherDiskNorMemory(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, Header{Kind: "exec", Bulk: 1 << 20})
	p := make([]byte, 1<<20)
	before := rss()
	for range 256 { // MiB: the rest is the same again
		must(t, tr.Output(p))
	}
	if grown := rss() - before; grown > 32<<10 {
		t.Errorf("memory grew by %d KiB", grown)
	}
	seal := closed(t, rec)
	if seal.Bytes > 2<<20 {
		t.Errorf("%d bytes on disk", seal.Bytes)
	}
	h := sha256.New()
	_, _ = io.CopyN(h, nulls{}, 256<<20)
	if got := string(stream(r.played(t, w.ID), CodeCut)); !strings.Contains(got, fmt.Sprintf(`"bytes":268435456,"sha256":"%x"`, h.Sum(nil))) {
		t.Errorf("got %s", got)
	}
}

type nulls struct{}

func (nulls) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestWhatIsNotKeptPassesOnlyWhileOtherThingsCouldBe(t *testing.T) {
	r := newRig(t)
	_, rec, tr := r.begin(t, Header{Kind: "exec", Bulk: 1})
	must(t, tr.Output([]byte("xy")))
	closed(t, rec)
	for name, err := range map[string]error{"output": tr.Output([]byte("z")), "input": tr.Input([]byte("z"))} {
		if err == nil {
			t.Errorf("%s passed after the end", name)
		}
	}
}

func TestObjectsAreKept(t *testing.T) {
	for _, kind := range []string{"sftp", "http", "sql"} {
		r := newRig(t)
		w, rec, tr := r.begin(t, Header{Kind: kind})
		must(t, tr.Object(map[string]any{"op": "open", "path": "/etc/passwd\n\xff", "size": 12345678901}))
		must(t, tr.Object(struct {
			SQL string `json:"sql"`
		}{strings.Repeat("x", 60000)}))
		for name, v := range map[string]any{
			"too large": map[string]string{"a": strings.Repeat("x", 65536)}, "a list": []int{1}, "nothing": nil, "no JSON": func() {}, "a string": "{",
		} {
			if err := tr.Object(v); err == nil {
				t.Errorf("%s was taken", name)
			}
		}
		for name, err := range map[string]error{"output": tr.Output([]byte("x")), "stderr": tr.Stderr([]byte("x")), "input": tr.Input([]byte("x"))} {
			if err == nil {
				t.Errorf("%s was taken", name)
			}
		}
		must(t, tr.Note("note", "well"))
		closed(t, rec)
		evs := r.played(t, w.ID)
		if len(evs) != 3 || evs[0].Code != CodeObject || string(evs[0].Data) != `{"op":"open","path":"/etc/passwd\n\ufffd","size":12345678901}` || len(evs[1].Data) != 60010 {
			t.Errorf("%s: got %d events, %.300v", kind, len(evs), evs)
		}
	}
	r := newRig(t)
	_, rec, tr := r.begin(t, Header{Kind: "exec"})
	if err := tr.Object(map[string]int{"a": 1}); err == nil {
		t.Error("a command's track took an object")
	}
	for _, h := range []Header{{Kind: "x11"}, {Kind: ""}, {Kind: "PTY"}, {Kind: "ssh"}, {Kind: "exec", Bulk: -1}} {
		if _, err := rec.Track(h); err == nil {
			t.Errorf("%+v was taken", h)
		}
	}
	closed(t, rec)
}

func TestKindsOfTracksSurviveACrash(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, Header{Kind: "sftp"})
	fwd, err := rec.Track(Header{Kind: "fwd", Bulk: 70000})
	must(t, err)
	data := terminal(80000)
	for n := range 2000 {
		must(t, tr.Object(map[string]any{"op": "read", "n": n, "pad": string(terminal(200))}))
	}
	must(t, fwd.Output(data))
	must(t, fwd.Input(data[:5]))
	_, err = rec.Track(pty) // all is durable
	must(t, err)
	dir := r.folder(t, w.ID)
	must(t, os.CopyFS(dir+".copy", os.DirFS(dir)))
	closed(t, rec)
	must(t, os.RemoveAll(dir))
	must(t, os.Rename(dir+".copy", dir))
	got := recovered(t, r, w.ID)
	if got.Err != nil || got.Lost {
		t.Fatalf("got %+v", got)
	}
	r.verified(t, w.ID)
	p, err := Open(dir, r.id)
	must(t, err)
	if evs := events(t, p, "sftp0"); len(evs) != 2000 || !strings.HasPrefix(string(evs[1999].Data), `{"n":1999,"op":"read"`) {
		t.Errorf("got %d objects", len(evs))
	}
	evs := events(t, p, "fwd1")
	if o, i := stream(evs, CodeOutput), stream(evs, CodeInput); !bytes.Equal(o, data[:70000]) || !bytes.Equal(i, data[:5]) {
		t.Errorf("got %d and %d bytes", len(o), len(i))
	}
	if cut := string(stream(evs, CodeCut)); cut != `{"stream":"o","kept":70000}` {
		t.Errorf("got %s", cut)
	}
}
