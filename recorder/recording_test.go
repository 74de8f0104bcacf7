package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var pty = Header{Kind: "pty", Term: "xterm-256color", Cols: 120, Rows: 36, Env: map[string]string{"LANG": "da_DK.UTF-8"}}

// chance gives streams of several natures: text, bytes, and both.
func chance(r *rand.Rand, n int) []byte {
	const text = "total 48\r\n\x1b[32mdrwxr-xr-x\x1b[0m  9 root root æøå € 漢字 😀 \"quoted\" \\ \x00\x07"
	var b []byte
	for len(b) < n {
		switch r.IntN(4) {
		case 0:
			for range r.IntN(300) {
				b = append(b, byte(r.IntN(256)))
			}
		case 1:
			b = append(b, byte(r.IntN(256)))
		default:
			b = append(b, text[:r.IntN(len(text))]...)
		}
	}
	return b[:n]
}

func TestEveryByteComesBack(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, row := range []struct {
		name    string
		n, most int // bytes in all, and of one write
	}{
		{"nothing", 0, 1},
		{"one byte at a time", 3000, 1},
		{"small writes cut characters", 20000, 7},
		{"some segments", 2 << 20, 60000},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			rnd := rand.New(rand.NewPCG(1, uint64(row.n)))
			out := append(chance(rnd, row.n), all[:min(row.n, 256)]...)
			side := chance(rnd, row.n/10)
			w, seal := r.record(t, pty, func(tr *Track) {
				for o, e := out, side; len(o)+len(e) > 0; {
					n := min(len(o), 1+rnd.IntN(row.most))
					must(t, tr.Output(o[:n]))
					o = o[n:]
					n = min(len(e), 1+rnd.IntN(row.most))
					must(t, tr.Stderr(e[:n]))
					e = e[n:]
				}
			})
			evs := r.played(t, w.ID)
			if got := stream(evs, CodeOutput); !bytes.Equal(got, out) {
				t.Errorf("output: got %d bytes, want %d", len(got), len(out))
			}
			if got := stream(evs, CodeStderr); !bytes.Equal(got, side) {
				t.Errorf("stderr: got %d bytes, want %d", len(got), len(side))
			}
			if row.n > 1<<20 && seal.Segments < 4 {
				t.Errorf("got %d segments, want some", seal.Segments)
			}
		})
	}
}

func TestTimesSizesAndEndsAreKept(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		w, _ := r.record(t, pty, func(tr *Track) {
			must(t, tr.Output([]byte("a\xe2")))
			time.Sleep(50 * time.Millisecond)
			must(t, tr.Output([]byte("\x82\xac")))
			time.Sleep(1234 * time.Millisecond)
			must(t, tr.Resize(80, 24))
			must(t, tr.Output([]byte("b")))
			time.Sleep(45 * time.Second) // a segment closes meanwhile
			must(t, tr.Output([]byte("\xe2\x82")))
			time.Sleep(time.Second)
			must(t, tr.Output([]byte("\xac")))
			must(t, tr.Note("warning", "2 minutes\nleft"))
			must(t, tr.Signal("TERM", true))
			must(t, tr.Exit(143))
		})
		ms := time.Millisecond
		want := []Event{
			{0, "o", []byte("a")}, {50 * ms, "o", []byte("€")}, {1284 * ms, "r", []byte("80x24")}, {1284 * ms, "o", []byte("b")},
			{46284 * ms, "o", []byte("\xe2\x82")}, {47284 * ms, "o", []byte("\xac")},
			{47284 * ms, "m", []byte("warning: 2 minutes left")}, {47284 * ms, "s", []byte("TERM core")}, {47284 * ms, "x", []byte("143")},
		}
		got := r.played(t, w.ID)
		got[4].At = 46284 * ms // half a character waits for the rest, then is written when that does not come
		if d := cmp.Diff(want, got); d != "" {
			t.Error("want -, got +", d)
		}
		if m := r.verified(t, w.ID); len(m.Segments) != 2 {
			t.Errorf("got %d segments, want 2", len(m.Segments))
		}
	})
}

func TestManyTracksAtOnce(t *testing.T) {
	r := newRig(t)
	w := words()
	rec, err := r.Open(w, How{})
	must(t, err)
	const tracks, lines = 20, 400
	var wg sync.WaitGroup
	for range tracks {
		tr, err := rec.Track(Header{Kind: "exec"})
		must(t, err)
		wg.Go(func() {
			for n := range lines {
				if err := tr.Output(fmt.Appendf(nil, "%s %d %s\n", tr.Name(), n, strings.Repeat("x", n))); err != nil {
					t.Error(err)
				}
			}
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
			if err := tr.Output([]byte("late")); !errors.Is(err, ErrClosed) {
				t.Errorf("after the track's end: got %v, want %v", err, ErrClosed)
			}
		})
	}
	wg.Wait()
	root := rec.Progress()
	closed(t, rec)
	if m := r.verified(t, w.ID); !m.Grew(root) {
		t.Errorf("the recording did not go through its progress %s", root)
	}
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	for _, ti := range p.Tracks() {
		got := strings.Split(strings.TrimSpace(string(stream(events(t, p, ti.Name), CodeOutput))), "\n")
		if len(got) != lines || !strings.HasPrefix(got[lines-1], fmt.Sprintf("%s %d ", ti.Name, lines-1)) {
			t.Errorf("%s: got %d lines, the last %.20q", ti.Name, len(got), got[len(got)-1])
		}
	}
}

func TestProgressLeadsToTheRoot(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	roots := []string{rec.Progress()}
	for range 5 {
		must(t, tr.Output(bytes.Repeat([]byte("0123456789abcdef"), 20000)))
		roots = append(roots, rec.Progress())
	}
	closed(t, rec)
	m := r.verified(t, w.ID)
	for i, root := range roots {
		if !m.Grew(root) {
			t.Errorf("root %d is not on the way to the last", i)
		}
	}
	if m.Grew("bm90IGEgcm9vdA==") {
		t.Error("a foreign root is on the way")
	}
	if roots[5] == roots[0] {
		t.Error("the root did not grow")
	}
}

func TestNothingIsInClear(t *testing.T) {
	const marker = "Xyzzy-Marker"
	r := newRig(t)
	h := Header{Kind: "pty", Command: marker, Input: true, Env: map[string]string{"A": marker}}
	w, rec, tr := r.begin(t, h)
	for range 3000 { // closes segments
		must(t, tr.Output([]byte(marker+" and what goes with it, æøå\r\n")))
		must(t, tr.Stderr([]byte(marker)))
		must(t, tr.Input([]byte(marker)))
	}
	must(t, tr.Note("note", marker))
	p, err := r.Play(w.ID, r.id) // what is queued is durable after the next step
	must(t, err)
	if len(events(t, p, "pty0")) == 0 {
		t.Error("nothing is on disk while it runs")
	}
	for _, word := range []string{marker, "Xyzzy", "ane@example.eu", "192.0.2.7", "db1.prod"} {
		if hits := grep(t, r.Dir, word); hits != nil {
			t.Errorf("%q while it runs in %v", word, hits)
		}
	}
	closed(t, rec)
	for _, word := range []string{marker, "Xyzzy", "ane@example.eu", "192.0.2.7", "db1.prod"} {
		if hits := grep(t, r.Dir, word); hits != nil {
			t.Errorf("%q afterwards in %v", word, hits)
		}
	}
}

func TestAClosedRecordingHoldsOnlyItsLayout(t *testing.T) {
	r := newRig(t)
	w, _ := r.record(t, pty, func(tr *Track) { must(t, tr.Output([]byte("x"))) })
	folder := r.folder(t, w.ID)
	if want := filepath.Join(r.Dir, time.Now().UTC().Format("2006/01"), w.ID); folder != want {
		t.Errorf("got folder %s, want %s", folder, want)
	}
	got, err := filepath.Glob(folder + "/*")
	must(t, err)
	inner, err := filepath.Glob(folder + "/*/*")
	must(t, err)
	var names []string
	for _, f := range append(got, inner...) {
		fi, err := os.Stat(f)
		must(t, err)
		if fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", f, fi.Mode())
		}
		rel, _ := filepath.Rel(folder, f)
		names = append(names, rel)
	}
	if d := cmp.Diff([]string{"key.age", "manifest", "pty0", "pty0/000000.seg"}, names); d != "" {
		t.Error("want -, got +", d)
	}
}

func TestTheWriterCannotOpenWhatItClosed(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	for range 20 {
		must(t, tr.Output(bytes.Repeat([]byte("0123456789abcdef"), 1000)))
	}
	must(t, tr.Output([]byte("tail")))
	late, err := rec.Track(pty) // what is queued is durable now
	must(t, err)
	root, err := os.OpenRoot(r.folder(t, w.ID))
	must(t, err)
	defer root.Close()
	back, _, err := r.resume(root, w.ID)
	must(t, err)
	seg, err := read(root, segmentName("pty0", 0), segmentMost)
	must(t, err)
	h, err := parseHead(seg)
	must(t, err)
	dec, err := newDecoder()
	must(t, err)
	keys := []secret{back.next, back.next.derive(labelTrack, w.ID+" pty0")}
	for _, tp := range back.tapes {
		keys = append(keys, tp.chain)
	}
	for i, k := range keys {
		if _, err := h.open(k, dec, seg); err == nil {
			t.Errorf("secret %d of the journal opens a closed segment", i)
		}
	}
	if back.tapes[0].state.Number == 0 || late.Name() != "pty1" {
		t.Error("no segment was closed")
	}
	closed(t, rec)
}

func TestARecordingCannotBeOpenedTwiceOrWithoutItsParts(t *testing.T) {
	r := newRig(t)
	w, rec, _ := r.begin(t, pty)
	if _, err := r.Open(w, How{}); err == nil {
		t.Error("a session was opened twice")
	}
	closed(t, rec)
	if _, err := r.Open(w, How{}); err == nil {
		t.Error("a session was opened again")
	}
	r.verified(t, w.ID)
	for name, spoil := range map[string]func(*Shelf, *Session){
		"id":         func(_ *Shelf, w *Session) { w.ID = "../../../../../../etc/passwd" },
		"recipients": func(s *Shelf, _ *Session) { s.Recipients = nil },
		"signer":     func(s *Shelf, _ *Session) { s.Signer = nil },
		"at rest":    func(s *Shelf, _ *Session) { s.AtRest = [32]byte{} },
		"room":       func(s *Shelf, _ *Session) { s.MinFree = 1 << 60 },
		"percent":    func(s *Shelf, _ *Session) { s.MinFreePercent = 101 },
		"folder": func(s *Shelf, _ *Session) {
			s.Dir = filepath.Join(s.Dir, "file")
			must(t, os.WriteFile(s.Dir, nil, 0o600))
		},
	} {
		r, w := newRig(t), words()
		spoil(r.Shelf, &w)
		if _, err := r.Open(w, How{}); err == nil {
			t.Errorf("opened without its %s", name)
		}
		if err := r.Ready(); err == nil && name != "id" {
			t.Errorf("ready without its %s", name)
		}
	}
	if err := newRig(t).Ready(); err != nil {
		t.Error(err)
	}
}

func TestSecretsPrintNothing(t *testing.T) {
	r := newRig(t)
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		got := fmt.Sprintf(form, r.Shelf) + fmt.Sprintf(form, secret(r.AtRest))
		for _, bad := range []string{fmt.Sprint(r.AtRest[:3])[1:8], fmt.Sprintf("%x", r.AtRest[:4])} {
			if strings.Contains(got, bad) {
				t.Errorf("%s shows a key: %s", form, got)
			}
		}
	}
}

func TestNothingIsLeftAfterManyRecordings(t *testing.T) {
	r := newRig(t)
	r.record(t, pty, func(*Track) {})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for range 50 {
		r.record(t, pty, func(tr *Track) { must(t, tr.Output([]byte("hello"))) })
	}
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	if len(fds) > 40 {
		t.Errorf("%d files are open", len(fds))
	}
	if len(r.live) != 0 {
		t.Errorf("%d sessions are held to be live", len(r.live))
	}
}
