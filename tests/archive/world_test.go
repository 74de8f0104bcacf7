package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder"
	"lockbox/recorder/archive"
)

// world is a shelf, and who keeps it in a store.
type world struct {
	*archive.Keeper
	vkey string
	mu   sync.Mutex
	told []error
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	skey, vkey, err := note.GenerateKey(rand.Reader, "lockbox.test")
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	w := &world{vkey: vkey}
	w.Keeper = &archive.Keeper{Vault: []age.Identity{id}, Report: w.report, Shelf: shelf(t, t.TempDir(), vkey)}
	w.Shelf.Signer, w.Shelf.Recipients = signer, []age.Recipient{id.Recipient()}
	w.Store = open(t, url)
	w.Shelf.Closed = w.Closed
	return w
}

func shelf(t testing.TB, dir, vkey string) *recorder.Shelf {
	t.Helper()
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	s := &recorder.Shelf{Dir: dir, Verifier: verifier, MinFree: -1, MinFreePercent: -1, Patience: 5 * time.Second, Reserve: -1}
	_, _ = rand.Read(s.AtRest[:])
	return s
}

func open(t *testing.T, url string) *archive.Store {
	t.Helper()
	s, err := archive.OpenStore(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
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
func (w *world) begin(t *testing.T) (string, *recorder.Recording, *recorder.Track) {
	t.Helper()
	id := recorder.NewID(time.Now())
	rec, err := w.Shelf.Open(recorder.Session{ID: id, Request: "7KQM"}, recorder.How{})
	must(t, err)
	tr, err := rec.Track(recorder.Header{Kind: "pty", Cols: 80, Rows: 24})
	must(t, err)
	return id, rec, tr
}

// speak makes so many segments, of bytes that do not shrink.
func speak(t *testing.T, tr *recorder.Track, segments int) {
	t.Helper()
	for range segments * 9 {
		b := make([]byte, 16<<10)
		_, _ = rand.Read(b)
		must(t, tr.Output([]byte(fmt.Sprintf("%x", b))))
	}
}

func (w *world) record(t *testing.T) string {
	t.Helper()
	id, rec, tr := w.begin(t)
	speak(t, tr, 3)
	_, err := rec.Close("client left")
	must(t, err)
	return id
}

// run runs the keeper until stop.
func (w *world) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Run(ctx) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(stop)
	return stop
}

// stored waits until the recordings are in the store.
func (w *world) stored(t *testing.T, ids ...string) {
	t.Helper()
	until(t, "the recordings are stored", func() bool {
		lists, _ := filepath.Glob(filepath.Join(w.Shelf.Dir, ".archive/*.stored"))
		var all string
		for _, l := range lists {
			all += read(t, l)
		}
		for _, id := range ids {
			if !strings.Contains(all, id) {
				return false
			}
		}
		return w.Wait().Segments == 0
	})
}

// folder is a recording's, from the shelf's.
func (w *world) folder(t *testing.T, id string) string {
	t.Helper()
	f, err := recorder.Find(w.Shelf.Dir, id)
	must(t, err)
	f, err = filepath.Rel(w.Shelf.Dir, f)
	must(t, err)
	return f
}

// content is every file of a recording.
func (w *world) content(t *testing.T, id string) map[string]string {
	t.Helper()
	folder := filepath.Join(w.Shelf.Dir, w.folder(t, id))
	all := map[string]string{}
	must(t, fs.WalkDir(os.DirFS(folder), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all[name] = read(t, filepath.Join(folder, name))
		}
		return err
	}))
	return all
}

// played is what a recording's terminal showed.
func (w *world) played(t *testing.T, id string) []byte {
	t.Helper()
	folder := filepath.Join(w.Shelf.Dir, w.folder(t, id))
	_, err := recorder.Verify(folder, w.Shelf.Verifier)
	must(t, err)
	p, err := recorder.Open(folder, w.Vault...)
	must(t, err)
	var b bytes.Buffer
	for ev, err := range p.Events("pty0") {
		must(t, err)
		if ev.Code == recorder.CodeOutput {
			b.Write(ev.Data)
		}
	}
	return b.Bytes()
}
