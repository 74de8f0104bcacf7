package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestARecordingKeepsItsPlaceOrHasNone puts another folder where a recording's
// was, and a link to where it is now.
func TestARecordingKeepsItsPlaceOrHasNone(t *testing.T) {
	rig := newRig(t)
	rig.Shelf.Reserve, rig.Shelf.MinFree, rig.Shelf.MinFreePercent = -1, -1, -1
	id := NewID(time.Now())
	r, err := rig.Shelf.Open(Session{ID: id}, How{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close("done") }() // its folder is gone for a while
	if err := rig.Shelf.Holds(id); err != nil {
		t.Fatal(err)
	}
	folder, err := Find(rig.Shelf.Dir, id)
	if err != nil {
		t.Fatal(err)
	}
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(folder, away); err != nil {
		t.Fatal(err)
	}
	holds := func(what string, put func() error) {
		t.Helper()
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if err := rig.Shelf.Holds(id); err == nil {
			t.Errorf("%s will do", what)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	holds("no folder", func() error { return nil })
	holds("another folder", func() error {
		return errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, journalName), nil, 0o600))
	})
	holds("a link", func() error { return os.Symlink(away, folder) })
	if err := os.Rename(away, folder); err != nil {
		t.Fatal(err)
	}
	if err := rig.Shelf.Holds(id); err != nil {
		t.Errorf("back where it was: %v", err)
	}
}

func TestAnIDTellsWhenItWasMade(t *testing.T) {
	now := time.Date(2026, 11, 22, 18, 0, 0, 7e6, time.UTC)
	if got := IDTime(NewID(now)); !got.Equal(now) {
		t.Errorf("got %v", got)
	}
	for _, none := range []string{"", "x", "../../etc", NewID(now)[1:]} {
		if got := IDTime(none); !got.IsZero() {
			t.Errorf("%q: got %v", none, got)
		}
	}
}
