package archive

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAStoreThatIsOutIsTriedLater: who starts in an outage can go on.
func TestAStoreThatIsOutIsTriedLater(t *testing.T) {
	t.Setenv("LOCKBOX_TEST_KEY", "id secret")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer s.Close()
	for _, at := range []string{s.URL, "http://127.0.0.1:1"} {
		store, err := OpenStore(t.Context(), "s3://rec?region=eu-north-1&credentials=env:LOCKBOX_TEST_KEY&endpoint="+at)
		if !errors.Is(err, ErrUnreachable) || store == nil {
			t.Fatalf("%s: got %v, %v", at, store, err)
		}
		if err := store.put(t.Context(), "x", nil); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: got %v", at, err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAFolderThatIsNotThereIsNoStore(t *testing.T) {
	_, err := OpenStore(t.Context(), "file://"+filepath.Join(t.TempDir(), "unmounted"))
	if err == nil || errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "make the folder") {
		t.Errorf("got %v", err)
	}
}

func TestAStoreThatOverwritesIsRefused(t *testing.T) {
	w := newWorld(t)
	w.broken.breakPut(func(key string, data []byte) error {
		_, err := w.broken.objects.destroy(t.Context(), key)
		return err
	})
	if err := w.Store.try(t.Context()); err == nil || !strings.Contains(err.Error(), "overwrites objects") {
		t.Errorf("got %v", err)
	}
}

func TestTheProbeLeavesNothing(t *testing.T) {
	w := newWorld(t)
	es, err := os.ReadDir(filepath.Join(w.storeDir(), "probe"))
	if err != nil || len(es) > 0 {
		t.Errorf("got %v, %v", es, err)
	}
}

func FuzzNotes(f *testing.F) {
	f.Add([]byte("01JD3Y7RZZ0000000000000000\n\n01JD"))
	f.Add([]byte("01JD3Y7RZZ000000000000000001JD3Y7RZZ0000000000000000\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if err := makeFolders(root, notesDir); err != nil {
			t.Fatal(err)
		}
		if err := write(root, noteName("2026/11", stored), text); err != nil {
			t.Fatal(err)
		}
		before, err := noted(root, "2026/11", stored)
		if err != nil {
			t.Fatal(err)
		}
		const id = "06H0000000000000000000TEST"
		if err := remember(root, "2026/11", stored, id); err != nil {
			t.Fatal(err)
		}
		after, err := noted(root, "2026/11", stored)
		if err != nil || !after[id] {
			t.Fatalf("what was remembered is not there: %v", err)
		}
		for b := range before {
			if !isID(b) || !after[b] {
				t.Errorf("%q was read, and is not read any more", b)
			}
		}
	})
}
