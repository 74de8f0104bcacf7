package requests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func logOf(t *testing.T, dir string, b Bounds) *Log {
	t.Helper()
	l, err := Open(dir, [32]byte{7}, b, func(err error) { t.Error(err) })
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

func line(n int) Line {
	return Line{
		At: time.Date(2026, 11, 22, 12, 0, n, 0, time.UTC), ID: fmt.Sprintf("01J%05d", n), Who: "ane@example.eu", From: "192.0.2.7", Target: "wiki", Session: "S1",
		Method: "GET", Path: fmt.Sprintf("/pages/%d", n), Status: 200, Outcome: "done", Milli: float64(n), In: 1, Out: 2,
	}
}

// find gives the ids of what is found, page by page.
func find(t *testing.T, l *Log, most int, words ...string) (ids []string, pages int) {
	t.Helper()
	for from := ""; ; {
		f, err := l.Search(t.Context(), Query{Words: words, Most: most, From: from})
		must(t, err)
		for _, one := range f.Lines {
			ids = append(ids, one.ID)
		}
		pages++
		if from = f.Next; from == "" {
			return ids, pages
		}
	}
}

func TestLinesAreFoundNewestFirstAndByPage(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	l, err := Open(dir, [32]byte{7}, Bounds{}, func(err error) { t.Error(err) })
	must(t, err)
	var want []string
	for n := range 250 {
		l.Add(line(n))
		want = append(want, line(n).ID)
		if n%60 == 0 { // several boxes
			_, err := l.Search(t.Context(), Query{Most: 1})
			must(t, err)
		}
	}
	slices.Reverse(want)
	got, pages := find(t, l, 100)
	if d := cmp.Diff(want, got); d != "" || pages != 3 {
		t.Error("want -, got +", d, pages)
	}
	must(t, l.Close())
	must(t, l.Close())
	l.Add(line(1)) // after the end: nobody waits
	l = logOf(t, dir, Bounds{})
	l.Add(line(250))
	if got, _ := find(t, l, 33); !slices.Equal(got, append([]string{line(250).ID}, want...)) {
		t.Errorf("after another start: got %d lines, first %v", len(got), got[:min(3, len(got))])
	}
	must(t, l.Close())
}

func TestALineIsFoundByItsWords(t *testing.T) {
	l := logOf(t, t.TempDir(), Bounds{})
	bad := line(2000)
	bad.Status, bad.Code, bad.Method, bad.Outcome = 502, "LBX-TARGET", "POST", "target failed: refused"
	l.Add(line(1))
	l.Add(bad)
	for _, c := range []struct {
		words string
		want  []string
	}{
		{"", []string{bad.ID, line(1).ID}},
		{"pages/1", []string{line(1).ID}},
		{"5xx", []string{bad.ID}},
		{"502 post", []string{bad.ID}},
		{"lbx-target", []string{bad.ID}},
		{">1s ane@", []string{bad.ID}},
		{"FAILED", []string{bad.ID}},
		{strings.ToLower(bad.ID), []string{bad.ID}},
		{"nothing", nil},
		{"delete 5xx", nil},
		{"wiki200", nil}, // two fields are not one word
	} {
		if got, _ := find(t, l, 10, strings.Fields(c.words)...); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %v, want %v", c.words, got, c.want)
		}
	}
}

func TestNothingStandsInClearAndNoSecretAtAll(t *testing.T) {
	dir := t.TempDir()
	l := logOf(t, dir, Bounds{})
	one := line(1)
	one.Path = "/people/010190-1234/glpat-" + strings.Repeat("x", 24)
	l.Add(one)
	f, err := l.Search(t.Context(), Query{})
	must(t, err)
	if got := f.Lines[0].Path; got != "/people/‹redacted:cpr›/‹redacted:token›" {
		t.Errorf("got path %q", got)
	}
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, name := range all {
		b, err := os.ReadFile(name)
		must(t, err)
		for _, word := range []string{"people", "ane@", "wiki", "01J0"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s holds %q", name, word)
			}
		}
	}
	if other, err := Open(dir, [32]byte{8}, Bounds{}, func(error) {}); err != nil {
		t.Error(err)
	} else {
		if got, _ := find(t, other, 10); got != nil {
			t.Errorf("with another key: got %v", got)
		}
		must(t, other.Close())
	}
}

func TestALogIsBounded(t *testing.T) {
	dir := t.TempDir()
	l := logOf(t, dir, Bounds{Bytes: 32 << 10})
	for n := range 20000 {
		one := line(n)
		one.Path = fmt.Sprintf("/%x/%x", n*n*7919, n*31337)
		l.Add(one)
		if n%1000 == 0 {
			l.settle(t.Context())
		}
	}
	l.settle(t.Context())
	size := int64(0)
	all, err := l.files()
	must(t, err)
	for _, k := range all {
		size += k.size
	}
	if size > 32<<10+batchMost/4 || len(all) < 4 {
		t.Errorf("got %d bytes in %d files", size, len(all))
	}
	f, err := l.Search(t.Context(), Query{Most: 1})
	if must(t, err); len(f.Lines) == 0 || f.Lines[0].ID != line(19999).ID {
		t.Errorf("the newest is not found: %v", f.Lines)
	}
}

func TestWhatIsTooOldGoes(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, [32]byte{7}, Bounds{Keep: time.Hour}, func(err error) { t.Error(err) })
	must(t, err)
	l.Add(line(1))
	must(t, l.Close())
	all, err := l.files()
	must(t, err)
	long := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(all[0].path, long, long))
	must(t, os.WriteFile(filepath.Join(dir, "note.txt"), []byte("not ours"), 0o600))
	l = logOf(t, dir, Bounds{Keep: time.Hour})
	l.Add(line(2))
	if got, _ := find(t, l, 10); !slices.Equal(got, []string{line(2).ID}) {
		t.Errorf("got %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "note.txt")); err != nil {
		t.Error(err)
	}
}

func TestAFullDiskIsReportedOnceAndStopsNobody(t *testing.T) {
	dir := t.TempDir()
	said := 0
	l, err := Open(dir, [32]byte{7}, Bounds{}, func(error) { said++ })
	must(t, err)
	must(t, os.Chmod(dir, 0o500))
	must(t, os.RemoveAll(dir))
	for n := range 3 {
		l.Add(line(n))
		l.settle(t.Context())
	}
	must(t, l.Close())
	if said != 1 {
		t.Errorf("reported %d times", said)
	}
}

func TestManyLinesAtOnceNeverWait(t *testing.T) {
	l := &Log{wake: make(chan struct{}, 1)} // nobody writes
	for n := range waiting + 3 {
		l.Add(line(n))
	}
	if got := l.lost.Load(); got != 3 {
		t.Errorf("lost %d", got)
	}
	var none *Log
	none.Add(line(1))
	f, err := none.Search(t.Context(), Query{})
	if err != nil || f.Lines != nil || none.Close() != nil {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestASearchEndsWithItsContext(t *testing.T) {
	l := logOf(t, t.TempDir(), Bounds{})
	l.Add(line(1))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := l.Search(ctx, Query{}); err == nil {
		t.Error("it went on")
	}
	for _, from := range []string{"1", "a.b.c", "-1.0.0", "1.2.3.4", strings.Repeat("9", 60)} {
		if _, err := l.Search(t.Context(), Query{From: from}); err != ErrPlace {
			t.Errorf("%q: got %v", from, err)
		}
	}
	f, err := l.Search(t.Context(), Query{From: "99999.1.1"})
	if err != nil || len(f.Lines) > 1 {
		t.Errorf("got %v, %v", f, err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte(magic + strings.Repeat("s", 32) + "\x00\x00\x00\x02ab\x00\x00\x00\x09cut"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, all, err := split(b)
		if err != nil {
			return
		}
		out := bytes.Clone(head)
		for _, box := range all {
			out = append(out, 0, byte(len(box)>>16), byte(len(box)>>8), byte(len(box)))
			out = append(out, box...)
		}
		if !bytes.HasPrefix(b, out) {
			t.Errorf("got %q of %q", out, b)
		}
	})
}

// FuzzLine: a line is written as encoding/json writes it.
func FuzzLine(f *testing.F) {
	f.Add("a", "<&>\u2028\"\\", int64(1795348800123456789), 1.5, int64(1))
	f.Add("", "\xff\x00\x7f", int64(-62135596800), 0.0, int64(-1))
	f.Add("é", "", int64(1<<62), 1e-9, int64(0))
	f.Fuzz(func(t *testing.T, s, u string, at int64, ms float64, n int64) {
		for _, l := range []Line{
			{At: time.Unix(0, at).UTC(), ID: s, Who: u, From: s, Target: u, Session: s, Method: u, Path: s, Status: int(n), Code: u, Outcome: s, Milli: ms, In: n, Out: -n},
			{At: time.Unix(at, n), ID: u, Path: u, Outcome: u, Milli: -ms},
		} {
			want, err := json.Marshal(l)
			if err == nil {
				want = append(want, '\n')
			}
			if got := appendLine(nil, l); string(got) != string(want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}
