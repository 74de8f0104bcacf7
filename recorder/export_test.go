package recorder

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scene records a bit of everything, at times that are known.
func scene(t *testing.T, r rig, h Header) *Playback {
	t.Helper()
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, h, func(tr *Track) {
			must(t, tr.Output([]byte("\x1b]0;title\x07$ \x1b[1mls\x1b[0m\r\n")))
			time.Sleep(1500 * time.Millisecond)
			must(t, tr.Output([]byte("50%\r100%\nh\xe9l\xc3")))
			must(t, tr.Output([]byte("\xb8\n")))
			must(t, tr.Stderr([]byte("oops\n")))
			must(t, tr.Resize(100, 40))
			time.Sleep(250 * time.Millisecond)
			must(t, tr.Input([]byte("quit\r")))
			must(t, tr.Output([]byte("quit\r\n")))
			must(t, tr.Note("warning", "2 minutes left"))
			must(t, tr.Signal("HUP", false))
			must(t, tr.Exit(1))
		})
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	return p
}

func TestCastsForPlayers(t *testing.T) {
	typed := Header{Kind: "pty", Term: "xterm", Cols: 80, Rows: 24, Input: true}
	const v3 = `{"version":3,"term":{"cols":80,"rows":24,"type":"xterm"},"timestamp":946684800,"title":"ops@db1.prod"}
[0.000, "o", "$ \u001b[1mls\u001b[0m\r\n"]
[1.500, "o", "50%\r100%\nh�lø\n"]
[0.000, "o", "oops\n"]
[0.000, "r", "100x40"]
[0.250, "o", "quit\r\n"]
[0.000, "m", "warning: 2 minutes left"]
[0.000, "m", "signal HUP"]
[0.000, "x", "1"]
[0.000, "i", "quit\r"]
`
	const v2 = `{"version":2,"width":80,"height":24,"timestamp":946684800,"title":"ops@db1.prod"}
[0.000, "o", "\u001b]0;title\u0007$ \u001b[1mls\u001b[0m\r\n"]
[1.500, "o", "50%\r100%\nh�lø\n"]
[1.500, "o", "oops\n"]
[1.500, "r", "100x40"]
[1.750, "o", "quit\r\n"]
[1.750, "m", "warning: 2 minutes left"]
[1.750, "m", "signal HUP"]
[1.750, "m", "exit status 1"]
[1.750, "i", "quit\r"]
`
	const exec = `{"version":3,"term":{"cols":80,"rows":24},"timestamp":946684800,"title":"ops@db1.prod","command":"ls"}
[0.000, "o", "$ \u001b[1mls\u001b[0m\r\n"]
[1.500, "o", "50%\r100%\r\nh�lø\r\n"]
[0.000, "o", "oops\r\n"]
[0.000, "r", "100x40"]
[0.250, "o", "quit\r\n"]
[0.000, "m", "warning: 2 minutes left"]
[0.000, "m", "signal HUP"]
[0.000, "x", "1"]
`
	for _, row := range []struct {
		name string
		h    Header
		f    Form
		want string
	}{
		{"v3", typed, Form{}, v3},
		{"v2 with all escapes", typed, Form{Version: 2, Raw: true}, v2},
		{"exec has lines that end in LF", Header{Kind: "exec", Command: "ls"}, Form{Version: 3}, exec},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := scene(t, newRig(t), row.h)
			var b bytes.Buffer
			must(t, p.CastAs(&b, p.Tracks()[0].Name, row.f))
			if d := cmp.Diff(row.want, b.String()); d != "" {
				t.Error("want -, got +", d)
			}
			if err := p.CastAs(&b, "pty0", Form{Version: 4}); err == nil {
				t.Error("version 4 was written")
			}
			if err := p.Cast(&b, "pty7"); err == nil {
				t.Error("no such track was written")
			}
		})
	}
}

func TestTextIsWhatWasShown(t *testing.T) {
	p := scene(t, newRig(t), Header{Kind: "pty"})
	var b bytes.Buffer
	must(t, p.Text(&b, "pty0"))
	if got, want := b.String(), "$ ls\n100%\n    h�lø\n        oops\n            quit\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for in, want := range map[string]string{
		"abc\b\bX\n":                    "aXc\n",
		"long line\r\x1b[Kshort\n":      "short\n",
		"\x1b(0q\x1b(B \x1b[3;1Hx\x1b7": "─\nx\n",
		"no end":                        "no end\n",
		"":                              "",
	} {
		r := newRig(t)
		w, _ := r.record(t, pty, func(tr *Track) { must(t, tr.Output([]byte(in))) })
		p, err := Open(r.folder(t, w.ID), r.id)
		must(t, err)
		b.Reset()
		must(t, p.Text(&b, "pty0"))
		if got := b.String(); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
