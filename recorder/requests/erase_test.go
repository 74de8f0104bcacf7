package requests

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func of(session string) func(Line) bool { return func(l Line) bool { return l.Session == session } }

// TestWhatIsErasedIsInNoFile: of the session that is erased nothing is found any
// more, by nobody who has the key, and all else is there as it was.
func TestWhatIsErasedIsInNoFile(t *testing.T) {
	dir := t.TempDir()
	l := logOf(t, dir, Bounds{})
	var want []string
	var adding sync.WaitGroup
	for n := range 300 {
		one := line(n)
		if n%3 == 0 {
			one.Session = "S2"
		} else {
			want = append(want, one.ID)
		}
		l.Add(one)
		if n%50 == 0 {
			l.turn(t.Context()) // several files
		}
	}
	old, err := l.files()
	must(t, err)
	adding.Go(func() { // others go on meanwhile
		for n := range 100 {
			one := line(1000 + n)
			one.Session = "S3"
			l.Add(one)
		}
	})
	must(t, l.Erase(t.Context(), time.Time{}, time.Now(), of("S2")))
	adding.Wait()
	got, _ := find(t, l, 1000)
	slices.Reverse(got)
	if got = slices.DeleteFunc(got, func(id string) bool { return id >= line(1000).ID }); !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
	if ids, _ := find(t, l, 1000, "S3"); len(ids) != 100 {
		t.Errorf("%d of 100 that came meanwhile are there", len(ids))
	}
	now, err := l.files()
	must(t, err)
	for i := range old { // as old as they were, and so gone as soon
		if !now[i].changed.Equal(old[i].changed) || now[i].number != old[i].number {
			t.Errorf("file %d is another: %v", i, now[i])
		}
	}
	must(t, l.Erase(t.Context(), time.Time{}, time.Now(), of("S2"))) // there is nothing more to do
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestOnlyFilesOfItsTimeAreReadToEraseASession(t *testing.T) {
	dir := t.TempDir()
	l := logOf(t, dir, Bounds{})
	day := time.Now().Add(-5 * 24 * time.Hour)
	for n := range 4 { // a file a day
		l.Add(line(n))
		l.turn(t.Context())
		all, err := l.files()
		must(t, err)
		at := day.Add(time.Duration(n) * 24 * time.Hour)
		must(t, os.Chtimes(all[n].path, at, at))
	}
	must(t, l.Erase(t.Context(), day.Add(time.Hour), day.Add(25*time.Hour), of("S1")))
	want := []string{line(3).ID, line(0).ID}
	if got, _ := find(t, l, 10); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatWasStoppedWhileErasingIsClearedUp(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "00000001.new")
	must(t, os.WriteFile(left, []byte("half"), 0o600))
	l := logOf(t, dir, Bounds{})
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
	l.Add(line(1))
	must(t, l.Erase(t.Context(), time.Time{}, time.Now(), of("S1")))
	if got, _ := find(t, l, 10); got != nil {
		t.Errorf("got %v", got)
	}
	must(t, l.Close())
	if err := l.Erase(t.Context(), time.Time{}, time.Now(), of("S1")); err == nil {
		t.Error("a log that is closed says that it erased")
	}
	if err := (*Log)(nil).Erase(t.Context(), time.Time{}, time.Now(), of("S1")); err != nil {
		t.Error(err)
	}
}
