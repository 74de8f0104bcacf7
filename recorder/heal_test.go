package recorder

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnErrorOnceIsHealed breaks each step of a recording in turn, once.
func TestAnErrorOnceIsHealed(t *testing.T) {
	t.Parallel()
	for bad := 0; ; bad++ {
		r, n, what := newRig(t), -1, ""
		r.before = func(op, name string, _ int) error {
			if n++; n == bad {
				what = op + " " + name
				return syscall.EIO
			}
			return nil
		}
		w := words()
		_, err := scriptInTime(t, r, w)
		switch {
		case n < bad:
			t.Logf("%d steps", bad)
			return
		case err != nil && strings.HasPrefix(err.Error(), "open recording"): // no session yet
			continue
		case err != nil:
			t.Errorf("step %d, %s: %v", bad, what, err)
			continue
		}
		want := make([]byte, 0, 270000)
		for n := range 3 {
			want = append(want, bytes.Repeat([]byte(strconv.Itoa(n)), 90000)...)
		}
		if got := stream(r.played(t, w.ID), CodeOutput); !bytes.Equal(got, want) {
			t.Errorf("step %d, %s: got %d bytes, want %d", bad, what, len(got), len(want))
		}
	}
}

// breaks fails every step, or those it is told to, from a moment on.
type breaks struct{ on atomic.Bool }

func (b *breaks) before(string, string, int) error {
	if b.on.Load() {
		return syscall.EIO
	}
	return nil
}

func TestAnErrorFreezesAndIsTold(t *testing.T) {
	for _, row := range []struct {
		name  string
		lasts time.Duration
		fails bool
	}{{"it heals", 500 * time.Millisecond, false}, {"it does not", time.Hour, true}} {
		t.Run(row.name, func(t *testing.T) {
			r, b := newRig(t), &breaks{}
			r.before = b.before
			synctest.Test(t, func(t *testing.T) { frozen(t, r, b, row.lasts, row.fails) })
		})
	}
}

func frozen(t *testing.T, r rig, b *breaks, lasts time.Duration, fails bool) {
	w, rec, tr := r.begin(t, pty)
	_, changed, why := rec.Trouble()
	if why != nil {
		t.Errorf("in trouble from the beginning: %v", why)
	}
	b.on.Store(true)
	must(t, tr.Output([]byte("before ")))
	<-changed
	began := time.Now()
	since, changed, why := rec.Trouble()
	if !errors.Is(why, syscall.EIO) || since != began {
		t.Errorf("got trouble %v since %v", why, since)
	}
	out, outErr := tries(func() error { return tr.Output([]byte("after")) })
	in, inErr := tries(func() error { return tr.Input([]byte("rm -rf /\r")) })
	synctest.Wait()
	if out.Load() || in.Load() {
		t.Error("something passed while nothing could be recorded")
	}
	time.AfterFunc(lasts, func() { b.on.Store(false) })
	<-changed
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	err, inE := <-outErr, <-inErr
	if errors.Is(err, syscall.EIO) != fails || errors.Is(inE, syscall.EIO) != fails {
		t.Errorf("got %v and %v", err, inE)
	}
	if fails {
		<-rec.Failed()
		if h := r.Health(); h.Level != Red {
			t.Errorf("got %v, want red after what did not heal", h.Level)
		}
		_, _ = rec.Close("x")
		r.before = nil
		time.Sleep(31 * time.Second)
		if h := r.Health(); h.Level != Green || h.Why != nil {
			t.Errorf("got %v", h)
		}
		return
	}
	if _, _, why := rec.Trouble(); why != nil {
		t.Errorf("still in trouble: %v", why)
	}
	if h := r.Health(); h.Level != Green || h.Why != nil {
		t.Errorf("got %v after what healed", h)
	}
	closed(t, rec)
	if got := string(stream(r.played(t, w.ID), CodeOutput)); got != "before after" {
		t.Errorf("got %q", got)
	}
}

// TestAHungDiskIsToldBeforeItFails: bytes lead by a second, then it freezes;
// patience later it fails, and nobody waits for the disk any more.
func TestAHungDiskIsToldBeforeItFails(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &stall{gone: make(chan struct{})}
		r.before, r.Patience = s.before, 0
		_, rec, tr := r.begin(t, pty)
		_, changed, _ := rec.Trouble()
		s.on.Store(true)
		began := time.Now()
		must(t, tr.Output([]byte("x")))
		<-changed
		since, _, why := rec.Trouble()
		if got := since.Sub(began); got != time.Second || !errors.Is(why, errStalled) {
			t.Errorf("got %v after %v, want %v after 1 s", why, got, errStalled)
		}
		_, err := tries(func() error { _, err := rec.Track(pty); return err })
		<-rec.Failed()
		if got := time.Since(began); got != 2*time.Second {
			t.Errorf("it failed after %v, want 2 s", got)
		}
		if got := <-err; !errors.Is(got, errStalled) {
			t.Errorf("got %v, want %v", got, errStalled)
		}
		close(s.gone)
		_, _ = rec.Close("x")
	})
}

func TestASlowDiskDelaysAndGoesOn(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		r.before = func(op, _ string, _ int) error {
			if slow.Load() {
				time.Sleep(1500 * time.Millisecond)
			}
			return nil
		}
		w, rec, tr := r.begin(t, pty)
		_, changed, _ := rec.Trouble()
		slow.Store(true)
		must(t, tr.Output([]byte("one ")))
		<-changed
		must(t, tr.Output([]byte("two"))) // waits
		if _, _, why := rec.Trouble(); why != nil {
			t.Errorf("still in trouble: %v", why)
		}
		slow.Store(false)
		closed(t, rec)
		if got := string(stream(r.played(t, w.ID), CodeOutput)); got != "one two" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAFolderThatIsGoneEndsTheRecording(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	must(t, os.RemoveAll(r.folder(t, w.ID)))
	began := time.Now()
	for time.Since(began) < 10*time.Second {
		if err := tr.Output(noise(10000)); err != nil { // until a segment closes
			break
		}
	}
	<-rec.Failed()
	if since, _, why := rec.Trouble(); time.Since(since) > 3*time.Second || !errors.Is(why, os.ErrNotExist) {
		t.Errorf("got %v, since %v", why, time.Since(since))
	}
	if _, err := rec.Close("x"); err == nil {
		t.Error("it closed as if nothing had happened")
	}
}

func TestWhatAStrictTrackReturnedForIsOnDisk(t *testing.T) {
	r := newRig(t)
	syncs := 0
	r.before = func(op, name string, _ int) error {
		if op == "sync" && name == journalName {
			syncs++
		}
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		h := pty
		h.Strict = true
		w, rec, tr := r.begin(t, h)
		began := time.Now()
		want := ""
		for _, s := range []string{"one", "two \xe2", "\x82\xac three", strings.Repeat("four", 20000)} {
			must(t, tr.Output([]byte(s)))
			want += s
			p, err := r.Play(w.ID, r.id) // what a process that is killed now leaves
			must(t, err)
			if got := string(stream(events(t, p, tr.Name()), CodeOutput)); got != want {
				t.Errorf("got %d bytes on disk, want %d", len(got), len(want))
			}
		}
		syncs = 0
		for range 100 {
			must(t, tr.Output([]byte("x")))
		}
		if took := time.Since(began); took > 120*strictGap || syncs > 101 {
			t.Errorf("%v and %d writes for 100 times one byte", took, syncs)
		}
		closed(t, rec)
	})
}

func TestStrictWritersAreWrittenTogether(t *testing.T) {
	r := newRig(t)
	var syncs atomic.Int32
	r.before = func(op, name string, _ int) error {
		if op == "sync" && name == journalName {
			syncs.Add(1)
		}
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		_, rec, _ := r.begin(t, pty)
		done := make(chan struct{})
		for range 20 {
			tr, err := rec.Track(Header{Kind: "exec", Strict: true})
			must(t, err)
			go func() {
				for range 10 {
					_ = tr.Output([]byte("x"))
				}
				done <- struct{}{}
			}()
		}
		syncs.Store(0)
		for range 20 {
			<-done
		}
		if n := syncs.Load(); n > 20 {
			t.Errorf("%d writes for 20 tracks of 10 outputs each", n)
		}
		closed(t, rec)
	})
}

// TestLaterSegmentsBeginWithTheScreen: one a minute or so of activity, no more,
// also in what is put together after a crash.
func TestLaterSegmentsBeginWithTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		w, rec, tr := r.begin(t, pty)
		for n := range 60 {
			must(t, tr.Output([]byte("\x1b[2J\x1b[H"+strconv.Itoa(n)+" \x1b[1mbold")))
			time.Sleep(10 * time.Second)
		}
		must(t, tr.Output([]byte("!")))
		time.Sleep(time.Second)
		rec.fail(panicked{errPower})
		_, _ = rec.Close("")
		if got := recovered(t, r, w.ID); got.Err != nil || got.Lost {
			t.Fatalf("got %+v", got)
		}
		checkKeys(t, r.played(t, w.ID))
	})
}

// checkKeys: each key shows what was written before it.
func checkKeys(t *testing.T, evs []Event) {
	keys, last, now := 0, time.Duration(0), ""
	for _, ev := range evs {
		if ev.Code != CodeKey {
			now = strings.NewReplacer("\x1b[2J\x1b[H", "", "\x1b[1m", "").Replace(string(ev.Data))
			continue
		}
		keys++
		if got := shown(t, ev); got != now {
			t.Errorf("at %v it shows %q, want %q", ev.At, got, now)
		}
		if ev.At-last < time.Minute && last > 0 {
			t.Errorf("a key at %v after one at %v", ev.At, last)
		}
		last = ev.At
	}
	if keys < 6 || keys > 10 {
		t.Errorf("got %d keys in 10 minutes", keys)
	}
}

// A bark that waited for its turn while the disk answered, or while the recording froze, is no second one.
func TestALateBarkEndsNothing(t *testing.T) {
	r := newRig(t)
	_, rec, tr := r.begin(t, pty)
	rec.mu.Lock()
	rec.trouble.watched = true
	rec.guard(time.Hour)
	rec.mu.Unlock()
	rec.overdue()
	if _, _, why := rec.Trouble(); why != nil {
		t.Errorf("frozen an hour too early: %v", why)
	}
	rec.mu.Lock()
	rec.freeze(errStalled)
	rec.mu.Unlock()
	rec.overdue()
	rec.mu.Lock()
	given := rec.err
	rec.thaw()
	rec.mu.Unlock()
	if given != nil {
		t.Errorf("given up an hour too early: %v", given)
	}
	must(t, tr.Close())
	_, err := rec.Close("done")
	must(t, err)
}
