package archive

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"lockbox/recorder"
)

// trimmed is a recording that is in the store only.
func (w *world) trimmed(t testing.TB) (id string, was map[string]string) {
	t.Helper()
	id = w.record(t)
	w.drain(t)
	was = content(t, w.folder(t, id))
	if err := w.Trim(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := recorder.Find(w.Shelf.Dir, id); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("trimmed: got %v", err)
	}
	return id, was
}

func TestABroughtRecordingIsAsItWas(t *testing.T) {
	w := newWorld(t)
	id, was := w.trimmed(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := w.Bring(context.Background(), id); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := content(t, w.folder(t, id)); !maps.Equal(got, was) {
		t.Error("other files come back")
	}
	if _, gets := w.broken.asked(); gets > 40 {
		t.Errorf("eight at once asked %d times", gets)
	}
	if err := w.Trim(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Error(err)
	}
	w.folder(t, id) // it has been here for a moment only
	left, _ := filepath.Glob(filepath.Join(w.Shelf.Dir, notesDir, "*-*-*"))
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestOneThatNobodyHasIsNotThere(t *testing.T) {
	w := newWorld(t)
	for _, store := range []*Store{w.Store, nil} {
		w.Store = store
		if err := w.Bring(t.Context(), recorder.NewID(time.Now())); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
		if err := w.Bring(t.Context(), "../x"); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no session: got %v", err)
		}
	}
}

func TestTheMonthBesideTheIDsIsLookedInToo(t *testing.T) {
	w := newWorld(t)
	id, was := w.trimmed(t)
	now := time.Now().UTC()
	move := func(to string) {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(w.storeDir(), "*/*", id))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		at := filepath.Join(w.storeDir(), to, id)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(found[0], at); err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range []string{now.AddDate(0, 0, 40).Format("2006/01"), "2019/02"} {
		move(to)
		if err := w.Bring(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := content(t, w.folder(t, id)); !maps.Equal(got, was) {
			t.Error("other files come back")
		}
		if err := os.RemoveAll(w.folder(t, id)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHostileStoreIsHarmless(t *testing.T) {
	w := newWorld(t)
	id, _ := w.trimmed(t)
	for name, lie := range map[string]func(string, []byte) ([]byte, error){
		"another segment": func(key string, b []byte) ([]byte, error) {
			if strings.HasSuffix(key, ".seg") {
				return append([]byte("x"), b[1:]...), nil
			}
			return b, nil
		},
		"half a segment": func(key string, b []byte) ([]byte, error) {
			if strings.HasSuffix(key, "1.seg") {
				return b[:len(b)/2], nil
			}
			return b, nil
		},
		"another key": func(key string, b []byte) ([]byte, error) {
			if strings.HasSuffix(key, keyName) {
				return []byte("age"), nil
			}
			return b, nil
		},
		"a manifest with a name of its own": func(key string, b []byte) ([]byte, error) {
			return []byte(strings.ReplaceAll(string(b), "pty0/000000.seg", "../../../x.seg")), nil
		},
		"no manifest": func(string, []byte) ([]byte, error) { return nil, nil },
	} {
		w.broken.breakGet(lie)
		if err := w.Bring(t.Context(), id); err == nil {
			t.Errorf("%s: it was believed", name)
		}
		if _, err := recorder.Find(w.Shelf.Dir, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: it is here: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(w.Shelf.Dir, notesDir, "bring-*")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestAnObjectThatIsTooLargeIsNotRead(t *testing.T) {
	w := newWorld(t)
	id, was := w.trimmed(t)
	found, _ := filepath.Glob(filepath.Join(w.storeDir(), "*/*", id, "pty0/000001.seg"))
	if err := os.Truncate(found[0], 1<<30); err != nil { // sparse
		t.Fatal(err)
	}
	if err := w.Bring(t.Context(), id); !errors.As(err, new(tooLarge)) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(found[0], []byte(was["pty0/000001.seg"]), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Bring(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func TestTrimKeepsWhatTheStoreHasNot(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"a segment is missing": func(dir string) error { return os.Remove(filepath.Join(dir, "pty0/000001.seg")) },
		"a segment is shorter": func(dir string) error { return os.Truncate(filepath.Join(dir, "pty0/000001.seg"), 100) },
		"another manifest":     func(dir string) error { return os.WriteFile(filepath.Join(dir, manifestName), []byte("x"), 0o600) },
		"no key":               func(dir string) error { return os.Remove(filepath.Join(dir, keyName)) },
	} {
		w := newWorld(t)
		id := w.record(t)
		w.drain(t)
		found, _ := filepath.Glob(filepath.Join(w.storeDir(), "*/*", id))
		if err := spoil(found[0]); err != nil {
			t.Fatal(err)
		}
		if err := w.Trim(t.Context(), time.Now().Add(time.Hour)); err == nil {
			t.Errorf("%s: no error", name)
		}
		w.folder(t, id)
	}
}

func TestTrimLeavesWhatIsYoungOrGoesOnOrIsErased(t *testing.T) {
	w := newWorld(t)
	young, erased := w.record(t), w.record(t)
	live, rec, tr := w.begin(t)
	speak(t, tr, 1)
	stop := w.run(t)
	w.until(t, "two are stored", func() bool { return w.Wait().Segments == 0 })
	stop()
	if _, err := w.Destroy(t.Context(), erased); err != nil {
		t.Fatal(err)
	}
	if err := w.Trim(t.Context(), time.Now().Add(-time.Minute)); err != nil {
		t.Error(err)
	}
	w.folder(t, young)
	if err := w.Trim(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	w.folder(t, live)
	w.folder(t, erased)
	if _, err := rec.Close("client left"); err != nil {
		t.Error(err)
	}
}

func TestTryTakesAllAlike(t *testing.T) {
	w := newWorld(t)
	far, _ := w.trimmed(t)
	near, erased := w.record(t), w.record(t)
	w.drain(t)
	if _, err := w.Destroy(t.Context(), erased); err != nil {
		t.Fatal(err)
	}
	live, rec, _ := w.begin(t)
	seen := map[string]int{}
	for range 60 {
		got := w.Try(t.Context(), w.root0)
		seen[got.Session]++
		if got.Err != nil || !got.Verified || got.Played == got.Erased || got.Erased != (got.Session == erased) {
			t.Fatalf("got %+v", got)
		}
	}
	if seen[far] == 0 || seen[near] == 0 || seen[erased] == 0 || seen[live] > 0 {
		t.Errorf("got %v", seen)
	}
	if _, err := rec.Close("client left"); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.Shelf.Dir, notesDir, "bring-*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// root0 is what the log would hold.
func (w *world) root0(id string) (string, error) {
	found, err := filepath.Glob(filepath.Join(w.storeDir(), "*/*", id, manifestName))
	if err != nil || len(found) != 1 {
		return "", err
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		return "", err
	}
	m, err := recorder.Signed(b, w.Shelf.Verifier)
	return m.Root, err
}

func TestTrySaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	if got := w.Try(t.Context(), w.root0); got != (Trial{}) {
		t.Errorf("none to try: got %+v", got)
	}
	id := w.record(t)
	w.drain(t)
	for want, expect := range map[string]func(string) (string, error){
		"knows no such":   func(string) (string, error) { return "", nil },
		"the log holds x": func(string) (string, error) { return "x", nil },
		"is out":          func(string) (string, error) { return "", errOut },
	} {
		if got := w.Try(t.Context(), expect); got.Err == nil || got.Verified || !strings.Contains(got.Err.Error(), want) {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
	stranger, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	w.Vault = []age.Identity{stranger}
	if got := w.Try(t.Context(), w.root0); got.Err != nil || !got.Verified || got.Played {
		t.Errorf("sealed to others: got %+v", got)
	}
	w.Vault = nil
	if got := w.Try(t.Context(), w.root0); got.Err != nil || !got.Verified || got.Played {
		t.Errorf("no vault: got %+v", got)
	}
	if err := os.Truncate(filepath.Join(w.folder(t, id), "pty0/000000.seg"), 500); err != nil {
		t.Fatal(err)
	}
	if got := w.Try(t.Context(), w.root0); got.Err == nil || got.Verified || got.Session != id {
		t.Errorf("a segment is damaged: got %+v", got)
	}
}
