package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/recorder"
)

// Who can write into the bucket, and nothing else, is the attacker here (F20 of attacks.md).

func TestAGraveThatNobodySignedDestroysNothing(t *testing.T) {
	w := newWorld(t)
	w.Shelf.Closed = nil
	id := w.record(t)
	was := content(t, w.folder(t, id))
	if err := w.broken.objects.put(t.Context(), graveName(id), []byte("The key of this recording was destroyed. Nobody brings it back.\n")); err != nil {
		t.Fatal(err)
	}
	stop := w.run(t)
	w.until(t, "the grave is told of", func() bool { return strings.Contains(w.reports(), graveName(id)) })
	stop()
	if got := content(t, w.folder(t, id)); got[keyName] != was[keyName] {
		t.Errorf("the key was destroyed on the word of the bucket: told %s", w.reports())
	}
}

func TestAGraveOfAnotherRecordingIsNone(t *testing.T) {
	w := newWorld(t)
	one, other := w.record(t), w.record(t)
	w.drain(t)
	if _, err := w.Destroy(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	grave, err := w.Store.get(t.Context(), graveName(one), keyMost)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.broken.objects.put(t.Context(), graveName(other), grave); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(w.folder(t, other)); err != nil {
		t.Fatal(err)
	}
	if err := w.Bring(t.Context(), other); !errors.As(err, new(*ConflictError)) {
		t.Errorf("got %v, want to hear of the grave", err)
	}
}

func TestAForgedGraveDoesNotSaveAKey(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	w.drain(t)
	key := content(t, w.folder(t, id))[keyName]
	if err := w.broken.objects.put(t.Context(), graveName(id), []byte("in the way")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Destroy(t.Context(), id); !errors.As(err, new(*ConflictError)) {
		t.Errorf("got %v", err)
	}
	if left := append(bytesOf(t, w.Shelf.Dir, key), bytesOf(t, w.storeDir(), key)...); len(left) > 0 {
		t.Errorf("the key is still in %v", left)
	}
}

func TestAKeyThatIsGoneWithoutADestructionIsToldOf(t *testing.T) {
	w := newWorld(t)
	id, _ := w.trimmed(t)
	found, _ := filepath.Glob(filepath.Join(w.storeDir(), "*/*", id, keyName))
	if err := os.Remove(found[0]); err != nil {
		t.Fatal(err)
	}
	if got := w.Try(t.Context(), w.root0); got.Err == nil || got.Verified {
		t.Errorf("the only key was taken away, and it is well: %+v", got)
	}
	w.Store = nil
	w.Shelf.Closed = nil
	id = w.record(t)
	root := mustRoot(t, w, id)
	if err := os.Remove(filepath.Join(w.folder(t, id), keyName)); err != nil {
		t.Fatal(err)
	}
	if got := w.Try(t.Context(), func(string) (string, error) { return root, nil }); got.Err == nil || got.Verified {
		t.Errorf("without a store: %+v", got)
	}
}

func mustRoot(t testing.TB, w *world, id string) string {
	t.Helper()
	m, err := recorder.Verify(w.folder(t, id), w.Shelf.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	return m.Root
}

// hiding is a bucket with versions, whose newest version of everything is a
// marker of its deletion: lists of what is there show nothing.
type hiding struct{ objects }

func (hiding) folders(context.Context, string, func(string) error) error { return nil }

func TestAKeyUnderAMarkerOfDeletionIsDestroyed(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	w.drain(t)
	key := content(t, w.folder(t, id))[keyName]
	w.Store.in = hiding{w.Store.in}
	if _, err := w.Destroy(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if left := bytesOf(t, w.storeDir(), key); len(left) > 0 {
		t.Errorf("it was destroyed, and is still in %v", left)
	}
}

// An object in the way, or a file that cannot be read, is of one recording: it
// must not close the door to all (G01).
func TestWhatWaitsForAPersonKeepsNobodyOut(t *testing.T) {
	w := newWorld(t)
	inTheWay, bad := w.record(t), w.record(t)
	name := strings.TrimPrefix(w.folder(t, inTheWay), w.Shelf.Dir+"/") + "/pty0/000001.seg"
	if err := w.broken.objects.put(t.Context(), name, []byte("somebody else's")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.folder(t, bad), "pty0/000000.seg")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.folder(t, bad), "pty0/000000.seg"), 0o700); err != nil {
		t.Fatal(err)
	}
	stop := w.run(t)
	w.until(t, "both are told of, and nothing else waits", func() bool {
		got := w.Wait()
		return strings.Contains(w.reports(), "other bytes") && strings.Contains(w.reports(), "not a plain file") && got.Segments == got.Stuck
	})
	stop()
	if got := w.Wait(); got.Stuck < 3 || !got.Oldest.IsZero() {
		t.Errorf("got %+v", got)
	}
	w.Shelf.Waits = w.Wait
	w.Shelf.Now = func() time.Time { return time.Now().Add(time.Hour) }
	if h := w.Shelf.Health(); h.Level != recorder.Amber || !strings.Contains(strings.Join(h.Why, " "), "cannot be brought") {
		t.Errorf("an hour later: got %v %q", h.Level, h.Why)
	}
}

func TestTryPassesOverWhatTheLogCannotKnowYet(t *testing.T) {
	unknown := func(string) (string, error) { return "", fs.ErrNotExist }
	w := newWorld(t)
	w.Store, w.Shelf.Closed = nil, nil
	id := w.record(t)
	if got := w.Try(t.Context(), unknown); got != (Trial{}) {
		t.Errorf("it ended just now: got %+v", got)
	}
	w.Now = func() time.Time { return time.Now().Add(time.Minute + time.Second) }
	if got := w.Try(t.Context(), unknown); got.Err == nil || got.Session != id {
		t.Errorf("it ended a minute ago: got %+v", got)
	}
	if err := os.RemoveAll(w.folder(t, id)); err != nil {
		t.Fatal(err)
	}
	end := func(cause string, tracks bool) Trial {
		id := recorder.NewID(time.Now())
		rec, err := w.Shelf.Open(recorder.Session{ID: id, Request: "7KQM"}, recorder.How{})
		if err != nil {
			t.Fatal(err)
		}
		if tracks {
			if _, err := rec.Track(recorder.Header{Kind: "exec"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := rec.Close(cause); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(w.folder(t, id)) }()
		return w.Try(t.Context(), unknown)
	}
	if got := end(recorder.CauseNever, false); got != (Trial{}) {
		t.Errorf("never opened: got %+v", got)
	}
	if got := end(recorder.CauseNever, true); got.Err == nil {
		t.Errorf("never opened, and yet something was recorded: got %+v", got)
	}
	if got := end("client left", false); got.Err == nil {
		t.Errorf("unknown: got %+v", got)
	}
}

// A store that is the folder of the recordings itself has what is there as long
// as it is there.
func TestTheOnlyCopyIsNotTrimmed(t *testing.T) {
	w := newWorld(t)
	s, err := OpenStore(t.Context(), "file://"+w.Shelf.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w.Store = s
	id := w.record(t)
	w.drain(t)
	if err := w.Trim(t.Context(), time.Now().Add(time.Hour)); err == nil {
		t.Error("no error")
	}
	if _, err := recorder.Verify(w.folder(t, id), w.Shelf.Verifier); err != nil {
		t.Error(err)
	}
}

// Who names a store for what has been recorded for years is not shut out until
// all of that is there; who starts again in an outage is.
func TestWhatIsOldIsBroughtWhileTheDoorIsOpen(t *testing.T) {
	w := newWorld(t)
	w.Shelf.Closed = nil
	id := w.record(t)
	old := time.Now().Add(-48 * time.Hour)
	for name := range content(t, w.folder(t, id)) {
		if err := os.Chtimes(filepath.Join(w.folder(t, id), name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	var out atomic.Bool
	wait := make(chan struct{})
	w.broken.breakPut(func(key string, _ []byte) error {
		if strings.HasPrefix(key, "probe/") {
			return nil
		}
		<-wait
		if out.Load() {
			return errOut
		}
		return nil
	})
	w.Shelf.Waits = w.Wait
	w.run(t)
	w.until(t, "it is on its way", func() bool { return w.Wait().Segments > 2 })
	if h := w.Shelf.Health(); h.Level != recorder.Green {
		t.Errorf("the store answers: got %v %q", h.Level, h.Why)
	}
	out.Store(true)
	close(wait)
	w.until(t, "the outage is seen", func() bool { return w.Shelf.Health().Level == recorder.Red })
	out.Store(false)
	w.until(t, "all is there", func() bool { return w.allStored(t) })
}
