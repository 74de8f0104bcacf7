package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder"
)

// world is a shelf, its keeper, and a store that can be broken.
type world struct {
	*Keeper
	id     *age.HybridIdentity
	broken *broken
	mu     sync.Mutex
	told   []error
}

func newWorld(t testing.TB) *world {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{id: id}
	shelf := &recorder.Shelf{
		Dir: t.TempDir(), Recipients: []age.Recipient{id.Recipient()}, Signer: signer, Verifier: verifier,
		MinFree: -1, MinFreePercent: -1, Patience: 5 * time.Second, Reserve: -1,
	}
	_, _ = rand.Read(shelf.AtRest[:])
	s, err := OpenStore(t.Context(), "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w.broken = &broken{objects: s.in}
	s.in = w.broken
	w.Keeper = &Keeper{Shelf: shelf, Store: s, Vault: []age.Identity{id}, Report: w.report}
	shelf.Closed = w.Closed
	return w
}

func (w *world) report(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, err)
}

func (w *world) reports() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.told)
}

// begin opens a recording with one terminal.
func (w *world) begin(t testing.TB) (string, *recorder.Recording, *recorder.Track) {
	t.Helper()
	id := recorder.NewID(time.Now())
	rec, err := w.Shelf.Open(recorder.Session{ID: id, Request: "7KQM"}, recorder.How{})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := rec.Track(recorder.Header{Kind: "pty", Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	return id, rec, tr
}

// speak puts so many segments onto a track, and a bit more.
func speak(t testing.TB, tr *recorder.Track, segments int) {
	t.Helper()
	for range segments*9 + 1 {
		if err := tr.Output(bytes.Repeat([]byte("0123456789abcde\n"), 2<<10)); err != nil {
			t.Fatal(err)
		}
	}
}

// record makes a whole recording.
func (w *world) record(t testing.TB) string {
	t.Helper()
	id, rec, tr := w.begin(t)
	speak(t, tr, 2)
	if _, err := rec.Close("client left"); err != nil {
		t.Fatal(err)
	}
	return id
}

// run runs the keeper until stop.
func (w *world) run(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Run(ctx) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(stop)
	return stop
}

// drain runs the keeper until everything is stored.
func (w *world) drain(t testing.TB) {
	t.Helper()
	stop := w.run(t)
	w.until(t, "everything is stored", func() bool { return w.allStored(t) })
	stop()
}

func (w *world) allStored(t testing.TB) bool {
	root, err := w.root()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	ms, _ := months(root)
	for _, m := range ms {
		done, _ := noted(root, m, stored)
		ids, _ := sessions(root, m)
		for _, id := range ids {
			if !done[id] {
				return false
			}
		}
	}
	return w.Wait().Segments == 0
}

func (w *world) until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not true in time: %s; waiting %+v; told %s", what, w.Wait(), w.reports())
		}
	}
}

func (w *world) folder(t testing.TB, id string) string {
	t.Helper()
	f, err := recorder.Find(w.Shelf.Dir, id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// content is every file of a recording.
func content(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(folder, name))
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// broken is a store that goes wrong as it is told.
type broken struct {
	objects
	mu    sync.Mutex
	onPut func(key string, data []byte) error
	onGet func(key string, data []byte) ([]byte, error)
	puts  int
	gets  int
}

func (b *broken) breakPut(f func(string, []byte) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onPut = f
}

func (b *broken) breakGet(f func(string, []byte) ([]byte, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onGet = f
}

func (b *broken) put(ctx context.Context, key string, data []byte) error {
	b.mu.Lock()
	f := b.onPut
	b.puts++
	b.mu.Unlock()
	if f != nil {
		if err := f(key, data); err != nil {
			return err
		}
	}
	return b.objects.put(ctx, key, data)
}

func (b *broken) get(ctx context.Context, key string, most int64) ([]byte, error) {
	data, err := b.objects.get(ctx, key, most)
	b.mu.Lock()
	f := b.onGet
	b.gets++
	b.mu.Unlock()
	if f != nil && err == nil {
		return f(key, data)
	}
	return data, err
}

func (b *broken) asked() (puts, gets int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.puts, b.gets
}

var errOut = errors.New("the store is out")

func inBubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func has(t testing.TB, where, what string) {
	t.Helper()
	if !strings.Contains(where, what) {
		t.Errorf("got %q, want it to say %q", where, what)
	}
}
