package recorder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/policy"
	"lockbox/recorder/screen"
)

// exported makes a recording of a terminal and the casts of all forms.
func exported(t *testing.T) (p *Playback, casts map[string]Form) {
	r := newRig(t)
	dice := rand.New(rand.NewPCG(7, 7))
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "pty", Term: "xterm", Cols: 80, Rows: 24}, func(tr *Track) {
			must(t, tr.Output([]byte("\x1b]0;title\x07\x1b]52;c;eA==\x07\x1b[6n\x1b[21t")))
			busy(t, tr, dice, 90*time.Second)
			must(t, tr.Resize(65535, 65535))
			must(t, tr.Signal("HUP", false))
			must(t, tr.Exit(1))
		})
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	return p, map[string]Form{
		"v3": {Version: 3}, "v2": {Version: 2}, "v3 of a range": {From: 31 * time.Second, Until: 50 * time.Second},
		"v2 of a range": {Version: 2, From: 31 * time.Second}, "v3 redacted": {Redact: policy.RedactTokens},
	}
}

func castIn(t *testing.T, p *Playback, f Form) string {
	t.Helper()
	var b bytes.Buffer
	must(t, p.CastAs(&b, "pty0", f))
	name := filepath.Join(t.TempDir(), "x.cast")
	must(t, os.WriteFile(name, b.Bytes(), 0o600))
	return name
}

// outputOf joins what a cast puts out, to compare with what a player makes of it.
func outputOf(t *testing.T, name string) (out string) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	for line := range bytes.Lines(b) {
		var part []json.RawMessage
		if json.Unmarshal(line, &part) != nil || string(part[1]) != `"o"` {
			continue
		}
		var s string
		must(t, json.Unmarshal(part[2], &s))
		out += s
	}
	return out
}

func TestThePlayerTakesWhatWeExport(t *testing.T) {
	const dist = "../gateway/portal/web/node_modules/asciinema-player/dist"
	if _, err := os.Stat(dist); err != nil {
		t.Fatalf("the player is not there: run .ci/web (%v)", err)
	}
	p, forms := exported(t)
	for name, f := range forms {
		cast := castIn(t, p, f)
		out, err := exec.Command("node", "testdata/player.mjs", dist, cast).CombinedOutput()
		var seen struct {
			Output string
			Size   struct{ Cols, Rows int }
		}
		if err == nil {
			err = json.Unmarshal(out, &seen)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%.2000s", name, err, out)
		}
		if want := outputOf(t, cast); seen.Output != want || want == "" || seen.Size.Cols < 60 {
			t.Errorf("%s: it shows %d bytes on %v, want %d", name, len(seen.Output), seen.Size, len(want))
		}
		if strings.Contains(seen.Output, "\x1b]") || strings.Contains(seen.Output, "\x1b[6n") {
			t.Errorf("%s: it acts on the viewer", name)
		}
	}
}

func TestDebiansPlayerTakesVersion2(t *testing.T) {
	p, forms := exported(t)
	for name, f := range forms {
		if f.Version != 2 {
			continue
		}
		cast := castIn(t, p, f)
		// It wants a terminal, which is to leave the output as it is.
		cmd := exec.Command("script", "-qec", "stty raw -echo; asciinema cat '"+cast+"'", "/dev/null")
		cmd.Env = append(os.Environ(), "ASCIINEMA_CONFIG_HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: script and asciinema of Debian are needed: %v\n%s", name, err, out)
		}
		if want := outputOf(t, cast); string(out) != want {
			t.Errorf("%s: got %d bytes, want %d", name, len(out), len(want))
		}
	}
}

// A piece begins with what stood on the screen, and ends with what then stands.
func TestAPieceOfARecordingShowsWhatTheWholeDid(t *testing.T) {
	p, _ := exported(t)
	for _, f := range []Form{{From: 31 * time.Second, Until: 50 * time.Second}, {From: time.Second, Until: 80 * time.Second}, {Until: 20 * time.Second}} {
		want := newScreen(p.tracks[0].Header)
		for _, ev := range events(t, p, "pty0") {
			if ev.At <= f.Until {
				follow(want, ev)
			}
		}
		if got := shownIn(t, castIn(t, p, f)); strings.Join(got.Text(), "\n") != strings.Join(want.Text(), "\n") {
			t.Errorf("%v: got\n%s\nwant\n%s", f, strings.Join(got.Text(), "\n"), strings.Join(want.Text(), "\n"))
		}
	}
}

// shownIn plays a cast on a screen.
func shownIn(t *testing.T, name string) *screen.Screen {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	var h castHeader
	must(t, json.Unmarshal(first, &h))
	s := screen.New(h.Term.Cols, h.Term.Rows)
	_, err = eventsIn(rest, 0, func(ev Event) bool { follow(s, ev); return true })
	must(t, err)
	return s
}

func TestJSONLinesHoldAll(t *testing.T) {
	p, _ := exported(t)
	var b bytes.Buffer
	must(t, p.JSONLines(&b, "pty0", Form{Raw: true}))
	var got []Event
	for line := range bytes.Lines(b.Bytes()) {
		var ev struct {
			Time   time.Time
			At     float64
			Code   string
			Text   string
			Base64 []byte
			Object json.RawMessage
		}
		must(t, json.Unmarshal(line, &ev))
		if ev.Code == "" { // the first line
			continue
		}
		at := time.Duration(ev.At*1000+0.5) * time.Millisecond
		if !ev.Time.Equal(p.tracks[0].Began.Add(at)) {
			t.Fatalf("%s: time %v, at %v", line, ev.Time, at)
		}
		got = append(got, Event{at, ev.Code, append(append([]byte(ev.Text), ev.Base64...), ev.Object...)})
	}
	var want []Event
	for _, ev := range events(t, p, "pty0") {
		if ev.Code != CodeKey {
			want = append(want, ev)
		}
	}
	if !same(got, want) {
		t.Errorf("got %d events, want %d", len(got), len(want))
	}
	b.Reset()
	must(t, p.JSONLines(&b, "pty0", Form{}))
	if bytes.Contains(b.Bytes(), []byte(`\u001b]`)) {
		t.Error("it acts on the viewer")
	}
}

func TestASecretIsTakenOutAtExport(t *testing.T) {
	r := newRig(t)
	const token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "pty", Cols: 80, Rows: 24}, func(tr *Track) {
			must(t, tr.Output([]byte("token "+token[:9])))
			time.Sleep(5 * time.Second)
			must(t, tr.Output([]byte(token[9:]+"\r\nplain text\r\n")))
			time.Sleep(5 * time.Second)
			must(t, tr.Output([]byte("the end\r\n")))
		})
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	for _, from := range []time.Duration{0, 6 * time.Second} {
		f := Form{Redact: policy.RedactTokens | policy.RedactCPR, From: from}
		for name, write := range map[string]func(*bytes.Buffer) error{
			"cast": func(b *bytes.Buffer) error { return p.CastAs(b, "pty0", f) },
			"text": func(b *bytes.Buffer) error { return p.TextAs(b, "pty0", f) },
			"json": func(b *bytes.Buffer) error { return p.JSONLines(b, "pty0", f) },
		} {
			var b bytes.Buffer
			must(t, write(&b))
			if strings.Contains(b.String(), token[9:]) || strings.Contains(b.String(), token[:9]) || !strings.Contains(b.String(), "the end") {
				t.Errorf("%s from %v: %s", name, from, b.String())
			}
		}
	}
	var b bytes.Buffer
	must(t, p.TextAs(&b, "pty0", Form{Times: true}))
	if want := fmt.Sprintf("00:00:00.000  token %s\n00:00:05.000  token %s\n00:00:05.000  plain text\n00:00:10.000  the end\n", token[:9], token); b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if err := p.TextAs(&b, "pty0", Form{From: 2, Until: 1}); err == nil {
		t.Error("a piece that ends before it begins was written")
	}
}
