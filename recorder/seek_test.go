package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// busy makes a terminal's recording of some minutes with a bit of everything.
func busy(t testing.TB, tr *Track, r *rand.Rand, d time.Duration) {
	t.Helper()
	for began := time.Now(); time.Since(began) < d; {
		switch r.IntN(12) {
		case 0:
			must(t, tr.Resize(60+r.IntN(60), 20+r.IntN(20)))
		case 1:
			must(t, tr.Output([]byte("\x1b[?1049h\x1b[2J\x1b[1;44mmenu\x1b[0m")))
		case 2:
			must(t, tr.Output([]byte("\x1b[?1049l$ ")))
		case 3:
			must(t, tr.Note("warning", "a word"))
		case 4:
			must(t, tr.Output([]byte("half a sequence \x1b[3")))
			must(t, tr.Output([]byte("1m, and its end\x1b[0m\r\n")))
		case 5:
			must(t, tr.Output([]byte("bytes \xff\xfe and text\r\n")))
		default:
			must(t, tr.Output(fmt.Appendf(nil, "\x1b[3%dmline %x of æøå\x1b[0m\r\n", r.IntN(8), r.Uint64())))
		}
		time.Sleep(time.Duration(r.IntN(900)) * time.Millisecond)
	}
}

// shownBy follows a track to a moment from its beginning.
func shownBy(t testing.TB, p *Playback, track string, at time.Duration) (shown []byte, later []Event) {
	t.Helper()
	info := p.tracks[0]
	s := newScreen(info.Header)
	for _, ev := range events(t, p, track) {
		switch {
		case ev.Code == CodeKey:
		case at > 0 && ev.At <= at:
			follow(s, ev)
		default:
			later = append(later, ev)
		}
	}
	return keyOf(s), later
}

func from(t testing.TB, p *Playback, track string, at time.Duration) (evs []Event) {
	t.Helper()
	for ev, err := range p.From(track, at) {
		must(t, err)
		evs = append(evs, ev)
	}
	return evs
}

func same(a, b []Event) bool {
	return slices.EqualFunc(a, b, func(a, b Event) bool { return a.At == b.At && a.Code == b.Code && bytes.Equal(a.Data, b.Data) })
}

func TestFromAnyMomentIsAsFromTheBeginning(t *testing.T) {
	r := newRig(t)
	dice := rand.New(rand.NewPCG(1, 2))
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "pty", Cols: 80, Rows: 24}, func(tr *Track) { busy(t, tr, dice, 8*time.Minute) })
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	long, err := p.Length("pty0")
	must(t, err)
	all := events(t, p, "pty0")
	if want := all[len(all)-1].At; long != want || len(p.Manifest.Segments) < 8 {
		t.Fatalf("got %v and %d segments, want %v and 8", long, len(p.Manifest.Segments), want)
	}
	moments := []time.Duration{-1, 0, 1, long - 1, long, long + time.Hour}
	for range 60 {
		moments = append(moments, time.Duration(dice.Int64N(int64(long))), all[dice.IntN(len(all))].At)
	}
	for _, at := range moments {
		got := from(t, p, "pty0", at)
		shown, later := shownBy(t, p, "pty0", max(at, 0))
		if got[0].Code != CodeKey || got[0].At != max(at, 0) || !bytes.Equal(got[0].Data, shown) {
			t.Fatalf("at %v: got %q, want %q", at, got[0].Data, shown)
		}
		if !same(got[1:], later) {
			t.Fatalf("after %v: got %d events, want %d", at, len(got)-1, len(later))
		}
	}
}

func TestSeekingReadsOnlyWhatItNeeds(t *testing.T) {
	r := newRig(t)
	dice := rand.New(rand.NewPCG(1, 3))
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "pty", Cols: 80, Rows: 24}, func(tr *Track) { busy(t, tr, dice, 10*time.Minute) })
	})
	folder := r.folder(t, w.ID)
	p, err := Open(folder, r.id)
	must(t, err)
	last := len(p.Manifest.Segments) - 1
	for n := 1; n < last-3; n++ { // all but their heads, which are looked at
		flip(t, fmt.Sprintf("%s/%s", folder, segmentName("pty0", n)), 200)
	}
	h, err := p.head(mustRoot(t, folder), p.tracks[0], last)
	must(t, err)
	at := time.Duration(h.at+1) * time.Millisecond
	if got := from(t, p, "pty0", at); got[0].Code != CodeKey {
		t.Errorf("got %v", got[0])
	}
	if _, err := p.Length("pty0"); err != nil {
		t.Error(err)
	}
	flip(t, fmt.Sprintf("%s/%s", folder, segmentName("pty0", last)), 65) // a clear field of the head
	bad := error(nil)
	for _, err := range p.From("pty0", at) {
		bad = err
	}
	if bad == nil {
		t.Error("a changed head was believed")
	}
}

func mustRoot(t testing.TB, folder string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(folder)
	must(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// What is sought in a recording that goes on: no manifest, and more to come.
func TestSeekWhileItGoesOn(t *testing.T) {
	r := newRig(t)
	dice := rand.New(rand.NewPCG(1, 4))
	synctest.Test(t, func(t *testing.T) {
		w, rec, tr := r.begin(t, Header{Kind: "pty", Cols: 80, Rows: 24})
		busy(t, tr, dice, 3*time.Minute)
		time.Sleep(time.Minute)
		p, err := Open(r.folder(t, w.ID), r.id)
		must(t, err)
		long, err := p.Length("pty0")
		must(t, err)
		for _, at := range []time.Duration{0, long / 3, long / 2, long} {
			got := from(t, p, "pty0", at)
			shown, later := shownBy(t, p, "pty0", at)
			if !bytes.Equal(got[0].Data, shown) || !same(got[1:], later) {
				t.Errorf("at %v: got %q, want %q", at, got[0].Data, shown)
			}
		}
		closed(t, rec)
	})
}

func TestAnExecHasNoScreen(t *testing.T) {
	p := scene(t, newRig(t), Header{Kind: "exec", Command: "ls"})
	for at, want := range map[time.Duration]int{0: 8, 1: 7, 1500 * time.Millisecond: 4, time.Hour: 0} {
		got := from(t, p, "exec0", at)
		if slices.ContainsFunc(got, func(ev Event) bool { return ev.Code == CodeKey }) {
			t.Errorf("from %v: a key", at)
		}
		_, later := shownBy(t, p, "exec0", at)
		if !same(got, later) {
			t.Errorf("from %v: got %d events, want %d (about %d)", at, len(got), len(later), want)
		}
	}
}

func TestAnErasedRecordingSaysSo(t *testing.T) {
	r := newRig(t)
	w, _ := r.record(t, pty, func(tr *Track) { must(t, tr.Output([]byte("x"))) })
	folder := r.folder(t, w.ID)
	must(t, os.Remove(folder+"/key.age"))
	if _, err := Open(folder, r.id); !errors.Is(err, ErrErased) {
		t.Errorf("got %v, want ErrErased", err)
	}
	must(t, os.Remove(folder+"/manifest"))
	if _, err := Open(folder, r.id); err == nil || errors.Is(err, ErrErased) {
		t.Errorf("without a manifest: got %v", err)
	}
}

// B24 of attacks.md: ways to write a word so that who reads the screen, or who
// reads the bytes, does not find it.
func disguises() map[string]string {
	return map[string]string{
		"plain":                     "canary\r\n",
		"overwritten at once":       "canary\rxxxxxx\r\n",
		"erased at once":            "canary\r\x1b[Kclean\r\n",
		"backspaces":                "canary\b\b\b\b\b\bxxxxxx\r\n",
		"another character set":     "\x1b(0canary\x1b(B\r\n",
		"shifted out":               "\x1b)0\x0ecanary\x0f\r\n",
		"concealed":                 "\x1b[8mcanary\x1b[0m\r\n",
		"black on black":            "\x1b[30;40mcan\x1b[39;49m\x1b[30;40mary\x1b[0m\r\n",
		"a colour for each letter":  "\x1b[31mc\x1b[32ma\x1b[33mn\x1b[34ma\x1b[35mr\x1b[36my\x1b[0m\r\n",
		"the cursor set":            "\x1b[5;4Hary\x1b[5;1Hcan\x1b[6;1H",
		"letters out of order":      "\x1b[5;6Hy\x1b[5;1Hc\x1b[5;3Hn\x1b[5;5Hr\x1b[5;2Ha\x1b[5;4Ha\x1b[2J",
		"the text of a link":        "\x1b]8;;http://x/\x1b\\canary\x1b]8;;\x1b\\\r\n",
		"the address of a link":     "\x1b]8;;http://x/canary\x1b\\here\x1b]8;;\x1b\\\r\n",
		"a title":                   "\x1b]0;canary\x07\r\n",
		"right to left":             "\u202eyranac\u202c\r\n",
		"invisible characters":      "can\u200bary\u2060 x\r\n",
		"marks":                     "ca\u0301nary\r\n",
		"fullwidth":                 "ｃａｎａｒｙ\r\n",
		"capitals":                  "CANARY\r\n",
		"the other screen":          "\x1b[?1049h\x1b[Hcanary\x1b[?1049l",
		"wrapped":                   strings.Repeat("x", 76) + " canary\r\n",
		"inserted":                  "nary\r\x1b[4hca\x1b[4l\r\n",
		"deleted between":           "caXXnary\x1b[6D\x1b[2P\r\n",
		"scrolled away":             "canary" + strings.Repeat("\r\n", 60),
		"no end of the line":        "canary",
		"cut in a sequence":         "can\x1b[1;\x1b[mary\r\n",
		"bytes that are not UTF-8":  "\xff canary \xfe\r\n",
		"a string that has no end":  "\x1bPcanary",
		"written by repeating none": "c\x1b[0Xanary\r\n",
	}
}

func TestADisguisedWordIsFound(t *testing.T) {
	r := newRig(t)
	for name, in := range disguises() {
		for _, h := range []Header{{Kind: "pty", Cols: 80, Rows: 24}, {Kind: "exec", Command: "x"}} {
			w, _ := r.record(t, h, func(tr *Track) {
				for _, b := range []byte(in) { // cut everywhere
					must(t, tr.Output([]byte{b}))
				}
			})
			p, err := Open(r.folder(t, w.ID), r.id)
			must(t, err)
			found, err := p.Find(context.Background(), p.Tracks()[0].Name, "Canar", 9)
			must(t, err)
			if len(found) == 0 {
				t.Errorf("%s (%s): not found in %v", name, h.Kind, lines(t, p))
			}
			if found, err = p.Find(context.Background(), p.Tracks()[0].Name, "anary", 9); err != nil || len(found) != 0 {
				t.Errorf("%s: the end of the word was found: %v, %v", name, found, err)
			}
		}
	}
}

func lines(t testing.TB, p *Playback) (ls []Line) {
	t.Helper()
	for l, err := range p.Lines(p.Tracks()[0].Name) {
		must(t, err)
		ls = append(ls, l)
	}
	return ls
}

func TestLinesComeWhenTheyAreFinished(t *testing.T) {
	r := newRig(t)
	var w Session
	synctest.Test(t, func(t *testing.T) {
		w, _ = r.record(t, Header{Kind: "pty", Cols: 80, Rows: 24}, func(tr *Track) {
			must(t, tr.Output([]byte("\x1b]0;ops@db1\x07ops@db1:~$ ")))
			time.Sleep(3 * time.Second)
			must(t, tr.Output([]byte("ls\r\nfile one\r\n10%\r100%\r\n")))
			must(t, tr.Note("warning", "2 minutes left"))
			time.Sleep(5 * time.Second)
			must(t, tr.Resize(100, 30))
			must(t, tr.Output([]byte("ops@db1:~$ exit\r\n")))
			must(t, tr.Exit(3))
		})
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	var got []string
	for _, l := range lines(t, p) {
		got = append(got, fmt.Sprintf("%v %s %s", l.At, l.Kind, l.Text))
	}
	want := []string{"0s text ops@db1:~$", "0s written 0;ops@db1", "3s text ops@db1:~$ ls", "3s text file one", "3s text 100%",
		"3s mark warning: 2 minutes left", "3s written 10%", "8s text ops@db1:~$ exit"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	marks, err := p.Timeline(context.Background(), "pty0")
	must(t, err)
	got = got[:0]
	for _, m := range marks {
		got = append(got, fmt.Sprintf("%v %v %s %s", m.At, m.Until, m.Kind, m.Text))
	}
	want = []string{"0s 3s idle ", "3s 0s mark warning: 2 minutes left", "3s 8s idle ", "8s 0s resize 100x30", "8s 0s exit 3"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFindTakesAllWordsOrTheirBeginnings(t *testing.T) {
	for _, row := range []struct {
		text, words string
		want        bool
	}{
		{"systemctl restart nginx", "restart", true}, {"systemctl restart nginx", "NGI syst", true},
		{"systemctl restart nginx", "start", false}, {"systemctl restart nginx", "restart apache", false},
		{"Rødgrød med FLØDE", "fløde rødg", true}, {"/etc/ssl/private.key", "ssl priv", true},
		{"a-b_c.d", "b c d", true}, {"İstanbul", "istanbul", true}, {"xrestart restart", "restart", true},
	} {
		if got := holds(folded(row.text), strings.Fields(folded(row.words))); got != row.want {
			t.Errorf("%q in %q: got %t", row.words, row.text, got)
		}
	}
}

func FuzzQuickEvent(f *testing.F) {
	for _, s := range []string{`[0.100, "o", "x\u001b[1m\n\"\\"]`, `[0.1, "o64", "eA=="]`, `[12.000, "j", "{\"a\":1}"]`, `[1.000, "o", "\ud800"]`} {
		f.Add([]byte(s + "\n"))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		quick, ok := quickEvent(line)
		if !ok {
			return
		}
		slow, err := parseEvent(line)
		if err != nil || quick.At != slow.At || quick.Code != slow.Code || !bytes.Equal(quick.Data, slow.Data) {
			t.Errorf("%q: got %+v, want %+v, %v", line, quick, slow, err)
		}
	})
}
