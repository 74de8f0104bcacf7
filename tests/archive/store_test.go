package archive

import (
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockbox/recorder"
	"lockbox/recorder/archive"
)

func TestARecordingGoesThereWhileItIsMadeAndComesBack(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url("", p.secret))
		w.run(t)
		id, rec, tr := w.begin(t)
		speak(t, tr, 3)
		folder := w.folder(t, id)
		until(t, "key and first segments are there, the session goes on", func() bool {
			return p.get(t, "some/prefix/"+folder+"/key.age") != "" && p.get(t, "some/prefix/"+folder+"/pty0/000001.seg") != ""
		})
		seal, err := rec.Close("client left")
		must(t, err)
		w.stored(t, id)
		want, shown := w.content(t, id), w.played(t, id)
		for name, text := range want {
			if got := p.get(t, "some/prefix/"+folder+"/"+name); got != text {
				t.Errorf("%s: %d bytes are there, %d here", name, len(got), len(text))
			}
		}

		must(t, w.Trim(t.Context(), time.Now().Add(time.Hour)))
		if _, err := recorder.Find(w.Shelf.Dir, id); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("after trim: got %v", err)
		}
		tried := w.Try(t.Context(), func(string) (string, error) { return seal.Root, nil })
		if tried != (archive.Trial{Session: id, Root: seal.Root, Verified: true, Played: true}) {
			t.Errorf("a trimmed one is tried out of the store: got %+v", tried)
		}
		must(t, w.Bring(t.Context(), id))
		if got := w.content(t, id); !maps.Equal(got, want) {
			t.Error("other files come back")
		}
		if string(w.played(t, id)) != string(shown) {
			t.Error("it plays otherwise")
		}
		if err := w.Bring(t.Context(), recorder.NewID(time.Now())); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("one that nobody has: got %v", err)
		}
		if got := w.reports(); got != "[]" {
			t.Errorf("told %s", got)
		}
	})
}

func TestAnOutageLosesNothing(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url("", p.secret))
		var ahead atomic.Int64
		w.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		w.Shelf.Now, w.Shelf.Waits = w.Now, w.Wait
		w.run(t)
		p.stop(t)
		id, rec, tr := w.begin(t)
		speak(t, tr, 2)
		until(t, "it is told", func() bool { return w.reports() != "[]" })
		for _, step := range []struct {
			after time.Duration
			level recorder.Level
		}{{0, recorder.Green}, {2 * time.Minute, recorder.Amber}, {20 * time.Minute, recorder.Red}} {
			ahead.Store(int64(step.after))
			if h := w.Shelf.Health(); h.Level != step.level {
				t.Errorf("%v into the outage: got %v, want %v: %v", step.after, h.Level, step.level, h.Why)
			}
		}
		speak(t, tr, 1) // the session goes on
		_, err := rec.Close("client left")
		must(t, err)
		p.start(t)
		began := time.Now()
		w.stored(t, id)
		t.Logf("all was there %v after the store came back", time.Since(began).Round(time.Millisecond))
		if h := w.Shelf.Health(); h.Level != recorder.Green {
			t.Errorf("after the outage: got %v %v", h.Level, h.Why)
		}
	})
}

func TestASlowLinkDelaysOnlyTheStore(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url(slow(t, p.addr, 128<<10, 100*time.Millisecond), p.secret))
		w.run(t)
		began := time.Now()
		id := w.record(t)
		took := time.Since(began)
		w.stored(t, id)
		t.Logf("recorded in %v, stored after %v", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if took > 10*time.Second {
			t.Errorf("the session took %v", took)
		}
	})
}

func TestAnObjectInTheWayStaysAsItIs(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url("", p.secret))
		id := w.record(t)
		key := "some/prefix/" + w.folder(t, id) + "/pty0/000001.seg"
		p.put(t, key, []byte("somebody else's"))
		w.run(t)
		until(t, "it is told, and waits with the manifest", func() bool {
			return strings.Contains(w.reports(), "other bytes") && w.Wait().Segments == 2
		})
		if got := p.get(t, key); got != "somebody else's" {
			t.Errorf("got %.40q", got)
		}
	})
}

func TestTheSameObjectIsFine(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url("", p.secret))
		id := w.record(t)
		for name, text := range w.content(t, id) {
			p.put(t, "some/prefix/"+w.folder(t, id)+"/"+name, []byte(text))
		}
		w.run(t)
		w.stored(t, id)
		if got := w.reports(); got != "[]" {
			t.Errorf("told %s", got)
		}
	})
}

func TestTheStartSaysWhatIsWrong(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		for _, row := range []struct{ name, url, want string }{
			{"wrong credentials", p.url("", p.wrong), "not the credentials"},
			{"no such container", strings.Replace(p.url("", p.secret), "://rec/", "://nothere/", 1), "name as it is"},
			{"nobody there", p.url("127.0.0.1:1", p.secret), "connection refused"},
		} {
			_, err := archive.OpenStore(t.Context(), row.url)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: got %v, want %q", row.name, err, row.want)
				continue
			}
			for _, secret := range append(strings.Fields(read(t, p.secret)), strings.Fields(read(t, p.wrong))...) {
				if secret != "owner" && strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %v shows a secret", row.name, err)
				}
			}
			if strings.Contains(err.Error(), "Signature=") || strings.Contains(err.Error(), "SharedKey") {
				t.Errorf("%s: %v shows a signature", row.name, err)
			}
		}
	})
}

func TestAFullStoreIsWaitedFor(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		var full atomic.Bool
		via := between(t, p.addr, func(w http.ResponseWriter, r *http.Request) bool {
			if !full.Load() || r.Method != http.MethodPut {
				return false
			}
			w.Header().Set("Content-Type", "application/xml")
			w.Header().Set("x-ms-error-code", "InsufficientStorage")
			w.WriteHeader(http.StatusInsufficientStorage)
			_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>QuotaExceeded</Code><Message>full</Message></Error>`))
			return true
		})
		w := newWorld(t, p.url(via, p.secret))
		w.run(t)
		full.Store(true)
		id := w.record(t)
		until(t, "it is told", func() bool { return strings.Contains(w.reports(), "507") })
		if got := w.Wait(); got.Segments < 4 {
			t.Errorf("got %+v", got)
		}
		full.Store(false)
		w.stored(t, id)
	})
}

func TestDestroyLeavesNoKeyAnywhere(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url("", p.secret))
		w.run(t)
		id, other := w.record(t), w.record(t)
		w.stored(t, id, other)
		folder := w.folder(t, id)
		key := w.content(t, id)["key.age"]
		copies, err := w.Destroy(t.Context(), id)
		must(t, err)
		if len(copies) != 2 {
			t.Errorf("got copies %q, want this disk and the store", copies)
		}
		m, err := recorder.Verify(filepath.Join(w.Shelf.Dir, folder), w.Shelf.Verifier)
		must(t, err)
		if !m.Erased || p.get(t, "some/prefix/"+folder+"/key.age") != "" {
			t.Error("the key is still there")
		}
		if again, err := w.Destroy(t.Context(), id); err != nil || len(again) != 0 {
			t.Errorf("again: got %q, %v", again, err)
		}
		// Somebody puts back what a backup had, here and there: it does not come to life.
		p.put(t, "some/prefix/"+folder+"/key.age", []byte(key))
		must(t, os.RemoveAll(filepath.Join(w.Shelf.Dir, folder)))
		must(t, w.Bring(t.Context(), id))
		if _, here := w.content(t, id)["key.age"]; here {
			t.Error("bring brought a destroyed key back")
		}
		w.played(t, other)
	})
}
