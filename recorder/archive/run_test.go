package archive

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lockbox/recorder"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSegmentsLeaveWhileTheSessionGoesOn(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	id, rec, tr := w.begin(t)
	speak(t, tr, 3)
	folder := strings.TrimPrefix(w.folder(t, id), w.Shelf.Dir+"/")
	w.until(t, "key and segments are in the store, the session goes on", func() bool {
		for _, name := range []string{"key.age", "pty0/000000.seg", "pty0/000001.seg"} {
			if _, err := w.Store.get(t.Context(), folder+"/"+name, segmentMost); err != nil {
				return false
			}
		}
		return true
	})
	for _, name := range []string{"open", "reserve", "manifest"} {
		if _, err := w.Store.get(t.Context(), folder+"/"+name, segmentMost); err == nil {
			t.Errorf("%s is in the store while the session goes on", name)
		}
	}
	if _, err := rec.Close("client left"); err != nil {
		t.Fatal(err)
	}
	w.until(t, "all is stored", func() bool { return w.allStored(t) })
	if got := w.reports(); got != "[]" {
		t.Errorf("got reports %s", got)
	}
}

func TestWhatAStopLeftIsStoredAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	w.Shelf.Closed = nil
	id := w.record(t)
	w.drain(t)
	want := content(t, w.folder(t, id))
	got := map[string]string{}
	for name := range want {
		b, err := w.Store.get(t.Context(), strings.TrimPrefix(w.folder(t, id), w.Shelf.Dir+"/")+"/"+name, manifestMost)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(b)
	}
	if !maps.Equal(got, want) {
		t.Error("the store has other bytes than the disk")
	}
	puts, gets := w.broken.asked()
	next := &Keeper{Shelf: w.Shelf, Store: w.Store, Report: w.report}
	w.Keeper = next
	w.drain(t)
	if p, g := w.broken.asked(); p != puts || g != gets {
		t.Errorf("the store was asked %d and %d times about what is known to be there", p-puts, g-gets)
	}
}

func TestAnUploadThatWasCutIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	var puts atomic.Int32 // several files are sent beside each other
	w.broken.breakPut(func(key string, data []byte) error {
		if n := puts.Add(1); n%2 == 1 && n < 8 { // it comes to the store, and we do not hear
			if err := w.broken.objects.put(t.Context(), key, data); err != nil {
				return err
			}
			return errOut
		}
		return nil
	})
	w.drain(t)
	if _, err := recorder.Verify(w.folder(t, id), w.Shelf.Verifier); err != nil {
		t.Error(err)
	}
}

func TestAnOutageIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken.breakPut(func(string, []byte) error { return errOut })
		stop := w.run(t)
		defer stop()
		began := time.Now()
		w.record(t)
		time.AfterFunc(20*time.Minute, func() { w.broken.breakPut(nil) })
		<-time.After(19 * time.Minute)
		wait := w.Wait()
		if late := time.Since(wait.Oldest); wait.Segments < 4 || wait.Bytes == 0 || late < 18*time.Minute || wait.Oldest.Before(began) {
			t.Errorf("after 19 min: got %+v, late %v", wait, late)
		}
		if puts, _ := w.broken.asked(); puts > 600 {
			t.Errorf("the store was tried %d times in 19 min", puts)
		}
		<-time.After(time.Minute + backoffMost + 2*time.Second)
		if got := w.Wait(); got != (recorder.Wait{}) || !w.allStored(t) {
			t.Errorf("%v after the outage: got %+v", backoffMost, got)
		}
		if n := strings.Count(w.reports(), errOut.Error()); n < 1 || n > 3 {
			t.Errorf("told %d times in 20 min: %s", n, w.reports())
		}
	})
}

func TestAnObjectInTheWayIsNeverOverwritten(t *testing.T) {
	w := newWorld(t)
	id := w.record(t)
	name := strings.TrimPrefix(w.folder(t, id), w.Shelf.Dir+"/") + "/pty0/000001.seg"
	if err := w.Store.put(t.Context(), name, []byte("somebody else's")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	w.until(t, "two files wait", func() bool { return w.Wait().Segments == 2 && w.reports() != "[]" })
	has(t, w.reports(), "has other bytes")
	if got, _ := w.Store.get(t.Context(), name, 100); string(got) != "somebody else's" {
		t.Errorf("got %q", got)
	}
	if err := w.Trim(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	w.folder(t, id) // it stays
}

func TestManyRecordingsAreStoredAtOnce(t *testing.T) {
	w := newWorld(t)
	w.Shelf.Closed = nil
	for range 20 {
		w.record(t)
	}
	began := time.Now()
	w.drain(t)
	puts, _ := w.broken.asked()
	t.Logf("%d objects in %v", puts, time.Since(began))
}

func TestAFileThatCannotBeReadHoldsNothingUp(t *testing.T) {
	w := newWorld(t)
	bad, good := w.record(t), w.record(t)
	name := filepath.Join(w.folder(t, bad), "pty0/000000.seg")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	w.until(t, "the other is stored, this one is told of", func() bool {
		root, err := w.root()
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		done, _ := noted(root, time.Now().UTC().Format("2006/01"), stored)
		return done[good] && !done[bad] && strings.Contains(w.reports(), "not a plain file")
	})
}

func TestNamesThatAreNoneOfARecordingNeverLeave(t *testing.T) {
	k := &Keeper{Store: &Store{}}
	for _, name := range []string{
		"open", "open.tmp", "reserve", "../key.age", "pty0/../key.age", "pty0/000000.seg.tmp", "a/b/c", "", "/key.age", "pty0/00000.seg",
		"pty/000000.seg", "pty00/000000.seg", "Pty0/000000.seg", "../pty0/000000.seg", "pty0//000000.seg", "..0/000000.seg", "0/000000.seg",
	} {
		k.Closed(recorder.NewID(time.Now()), name)
	}
	k.Closed("../../etc", "key.age")
	if got := k.Wait(); got.Segments != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	k := &Keeper{Store: &Store{}}
	for i := range queueMost + 10 {
		k.Closed(recorder.NewID(time.Now()), fmt.Sprintf("pty%d/000000.seg", i%99999))
	}
	if got := k.Wait().Segments; got > queueMost {
		t.Errorf("got %d", got)
	}
}
