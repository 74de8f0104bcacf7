package crash

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/recorder"
	"lockbox/tests/door"
)

// holding lists the files below folders that hold one of some words.
func holding(t *testing.T, words []string, folders ...string) (found []string) {
	t.Helper()
	files := 0
	for _, dir := range folders {
		err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil // it has gone meanwhile, or is a folder
			}
			b, err := os.ReadFile(name)
			if err != nil {
				return nil // likewise
			}
			files++
			for _, w := range words {
				if bytes.Contains(b, []byte(w)) {
					found = append(found, w+" in "+name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 10 {
		t.Fatalf("%d files were looked through: not all of it", files)
	}
	return found
}

// TestNothingOfASessionStandsInClear: what is typed, shown, and run is in no
// file of the gateway, nor in its object storage: not while the session runs, not
// when the gateway was killed, not when what it left is repaired. Without its
// key a recording still verifies, and opens for nobody.
func TestNothingOfASessionStandsInClear(t *testing.T) {
	dir := t.TempDir()
	kept, store := filepath.Join(dir, "recordings"), filepath.Join(dir, "store")
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	h := newHouseOf(t, door.Config{Dir: filepath.Join(dir, "."), Recordings: kept, Store: "file://" + store, MinFree: -1})
	words := []string{"typed-7f3a9c", "shown-7f3a9c", "ran-7f3a9c"}
	v, err := h.enter(`: ran-7f3a9c; read x; echo "shown-${x#typed-}"; for i in $(seq 9000); do echo "shown-7f3a9c $i $RANDOM $RANDOM"; done; echo over; sleep 600`)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	if _, err := io.WriteString(v.in, "typed-7f3a9c\r"); err != nil {
		t.Fatal(err)
	}
	if !until(20*time.Second, func() bool { return strings.Contains(v.String(), "over") && len(sessionsIn(t, kept)) == 1 }) {
		t.Fatalf("it shows\n%.300s\n%s", v, h.log)
	}
	id := sessionsIn(t, kept)[0]
	if !until(20*time.Second, func() bool { return len(holdingSegments(store)) > 0 }) {
		t.Fatalf("no segment went to the object storage\n%s", h.log)
	}
	for _, f := range holding(t, words, dir) {
		t.Error("while it runs: ", f)
	}
	h.kill()
	for _, f := range holding(t, words, dir) {
		t.Error("after the kill: ", f)
	}
	text, err := h.played(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range words[:2] { // the terminal echoes
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in the recording", w)
		}
	}

	ring, err := h.Ring()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := recorder.Find(kept, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, "key.age")); err != nil {
		t.Fatal(err)
	}
	if _, err := recorder.Open(folder, ring.Vault); err == nil {
		t.Error("it opens without its key")
	}
	if m, err := recorder.Verify(folder, ring.LogVerifier); err != nil || !m.Erased {
		t.Errorf("it does not verify any more: %v", err)
	}
}

func holdingSegments(store string) (all []string) {
	_ = filepath.WalkDir(store, func(name string, e fs.DirEntry, err error) error {
		if err == nil && strings.Contains(name, ".seg") {
			all = append(all, name)
		}
		return nil
	})
	return all
}
