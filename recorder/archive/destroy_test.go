package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/recorder"
)

// bytesOf counts the files under a folder that hold these bytes.
func bytesOf(t testing.TB, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if strings.Contains(string(b), text) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (w *world) storeDir() string { return strings.TrimPrefix(w.Store.name, "file://") }

func TestADestroyedKeyIsNowhere(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	w.drain(t)
	key := content(t, w.folder(t, id))[keyName]
	// What a crash can leave: in a recording on its way, in the store's folder, in quarantine.
	month := filepath.Base(filepath.Dir(filepath.Dir(w.folder(t, id)))) + "/" + filepath.Base(filepath.Dir(w.folder(t, id)))
	for _, name := range []string{
		filepath.Join(w.Shelf.Dir, notesDir, "bring-X", id, keyName),
		filepath.Join(w.Shelf.Dir, notesDir, "trim-"+id+"-X", keyName),
		filepath.Join(w.Shelf.Dir, quarantine, id+"-2", keyName),
		filepath.Join(w.Shelf.Dir, quarantine, id, journalName),
		filepath.Join(w.storeDir(), month, id, halfMade+"X"),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := w.Destroy(t.Context(), id)
	if err != nil || len(copies) != 6 {
		t.Errorf("got %d places %q, %v", len(copies), copies, err)
	}
	if left := append(bytesOf(t, w.Shelf.Dir, key), bytesOf(t, w.storeDir(), key)...); len(left) > 0 {
		t.Errorf("the key is still in %v", left)
	}
	m, err := recorder.Verify(w.folder(t, id), w.Shelf.Verifier)
	if err != nil || !m.Erased {
		t.Errorf("got erased %v, %v", m.Erased, err)
	}
}

func TestDestroyIsAskedAgainWhereTheStoreIsOut(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	w.drain(t)
	key := content(t, w.folder(t, id))[keyName]
	w.broken.breakPut(func(string, []byte) error { return errOut })
	if _, err := w.Destroy(t.Context(), id); !errors.Is(err, errOut) {
		t.Errorf("got %v", err)
	}
	w.broken.breakPut(nil)
	copies, err := w.Destroy(t.Context(), id)
	if err != nil || len(copies) != 1 {
		t.Errorf("again: got %q, %v", copies, err)
	}
	if left := append(bytesOf(t, w.Shelf.Dir, key), bytesOf(t, w.storeDir(), key)...); len(left) > 0 {
		t.Errorf("the key is still in %v", left)
	}
}

func TestOneThatGoesOnIsNotDestroyed(t *testing.T) {
	w := newWorld(t)
	id, rec, _ := w.begin(t)
	if _, err := w.Destroy(t.Context(), id); err == nil {
		t.Error("it was destroyed while it is recorded")
	}
	if _, err := rec.Close("client left"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Destroy(t.Context(), id); err != nil {
		t.Error(err)
	}
	if _, err := w.Destroy(t.Context(), "../../etc/passwd"); err == nil {
		t.Error("a session that is none")
	}
}

func TestAKeyThatWasUnderWayIsDestroyedAgain(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	var late sync.Once
	w.broken.breakPut(func(key string, data []byte) error {
		if strings.HasSuffix(key, keyName) {
			late.Do(func() { // the store is slower than its answer: it makes the object after the end
				time.AfterFunc(300*time.Millisecond, func() { _ = w.broken.objects.put(context.Background(), key, data) })
			})
			return errOut
		}
		return nil
	})
	stop := w.run(t)
	w.until(t, "the key was tried", func() bool { return strings.Contains(w.reports(), errOut.Error()) })
	if _, err := w.Destroy(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	<-time.After(400 * time.Millisecond)
	stop()
	if err := w.scan(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	has(t, w.reports(), "came to the store after it was destroyed")
	w.broken.breakPut(nil)
	w.drain(t)
	for _, name := range bytesOf(t, w.storeDir(), "age-encryption.org") {
		t.Errorf("there is a key in %s", name)
	}
}

func TestAKeyOutOfABackupIsDestroyedAgain(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	w.drain(t)
	folder := w.folder(t, id)
	key := content(t, folder)[keyName]
	if _, err := w.Destroy(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, keyName), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	w.until(t, "it is told", func() bool { return strings.Contains(w.reports(), "has come back") })
	if left := append(bytesOf(t, w.Shelf.Dir, key), bytesOf(t, w.storeDir(), key)...); len(left) > 0 {
		t.Errorf("the key is still in %v", left)
	}
}

func TestAnotherGatewayDoesNotBringADestroyedKeyBack(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	w.drain(t)
	folder := w.folder(t, id)
	rel, _ := filepath.Rel(w.Shelf.Dir, folder)
	was := content(t, folder)
	if _, err := w.Destroy(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	// A new machine gets the folder as an old backup has it, without our lists.
	other := &recorder.Shelf{Dir: t.TempDir(), Recipients: w.Shelf.Recipients, AtRest: w.Shelf.AtRest, Signer: w.Shelf.Signer,
		Verifier: w.Shelf.Verifier, MinFree: -1, MinFreePercent: -1, Reserve: -1}
	for name, text := range was {
		at := filepath.Join(other.Dir, rel, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.Keeper = &Keeper{Shelf: other, Store: w.Store, Report: w.report}
	w.drain(t)
	if left := bytesOf(t, w.storeDir(), was[keyName]); len(left) > 0 {
		t.Errorf("the key is in %v again", left)
	}
}
