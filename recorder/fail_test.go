package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stall stops the syncs of journals until it is let go.
type stall struct {
	on   atomic.Bool
	gone chan struct{}
}

func (s *stall) before(op, name string, _ int) error {
	if s.on.Load() && op == "sync" && name == journalName {
		<-s.gone
	}
	return nil
}

// tries does something in another goroutine, and says whether it is over yet.
func tries(do func() error) (over *atomic.Bool, err chan error) {
	over, err = new(atomic.Bool), make(chan error, 1)
	go func() {
		e := do()
		over.Store(true)
		err <- e
	}()
	return over, err
}

func TestOutputWaitsForAStalledDisk(t *testing.T) {
	for _, row := range []struct {
		name  string
		first int           // bytes written while the disk stalls
		after time.Duration // until more is written
		next  int
		waits bool
	}{
		{"64 KiB are taken", 32 << 10, 0, 32 << 10, false},
		{"a byte more waits", 64 << 10, 0, 1, true},
		{"what is longer waits for its own beginning", 1, 0, 128 << 10, true},
		{"a byte is taken while the last is young", 1, 900 * time.Millisecond, 1, false},
		{"a byte waits for one older than a second", 1, 1001 * time.Millisecond, 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			synctest.Test(t, func(t *testing.T) {
				s := &stall{gone: make(chan struct{})}
				r.before = s.before
				w, rec, tr := r.begin(t, pty)
				s.on.Store(true)
				must(t, tr.Output(bytes.Repeat([]byte("x"), row.first)))
				time.Sleep(row.after)
				over, err := tries(func() error { return tr.Output(bytes.Repeat([]byte("y"), row.next)) })
				in, inErr := tries(func() error { return tr.Input([]byte("rm -rf /\r")) })
				synctest.Wait()
				if over.Load() == row.waits {
					t.Errorf("got waits %t, want %t", !over.Load(), row.waits)
				}
				if late := row.after > time.Second; in.Load() == late {
					t.Errorf("input: got waits %t, want %t", !in.Load(), late)
				}
				s.on.Store(false)
				close(s.gone)
				must(t, <-err)
				must(t, <-inErr)
				closed(t, rec)
				if got := len(stream(r.played(t, w.ID), CodeOutput)); got != row.first+row.next {
					t.Errorf("got %d bytes, want %d", got, row.first+row.next)
				}
			})
		})
	}
}

func TestWhatIsWrittenIsDurableSoon(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		w, rec, tr := r.begin(t, pty)
		for _, s := range []string{"one", "two \xe2\x82"} {
			must(t, tr.Output([]byte(s)))
			time.Sleep(450 * time.Millisecond)
		}
		synctest.Wait()
		p, err := r.Play(w.ID, r.id)
		must(t, err)
		if got := string(stream(events(t, p, tr.Name()), CodeOutput)); got != "onetwo \xe2\x82" {
			t.Errorf("got %q on disk", got)
		}
		closed(t, rec)
	})
}

func TestASegmentClosesAfterHalfAMinute(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		_, rec, tr := r.begin(t, pty)
		empty := rec.Progress()
		must(t, tr.Output([]byte("x")))
		time.Sleep(29 * time.Second)
		synctest.Wait()
		if rec.Progress() != empty {
			t.Error("it closed early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		root := rec.Progress()
		if root == empty {
			t.Error("it did not close")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if rec.Progress() != root {
			t.Error("a segment closed with nothing in it")
		}
		closed(t, rec)
	})
}

func TestADiskThatDoesNotAnswerFailsTheRecording(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &stall{gone: make(chan struct{})}
		r.before, r.Patience = s.before, 3*time.Second
		_, rec, tr := r.begin(t, pty)
		s.on.Store(true)
		must(t, tr.Output([]byte("x")))
		over, err := tries(func() error { time.Sleep(2 * time.Second); return tr.Output([]byte("y")) })
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if over.Load() {
			t.Error("it was taken, or failed early")
		}
		time.Sleep(time.Second)
		<-rec.Failed()
		if got := <-err; !errors.Is(got, errStalled) {
			t.Errorf("got %v, want %v", got, errStalled)
		}
		close(s.gone)
		_, _ = rec.Close("x")
	})
}

func TestAfterAFailureNothingIsTaken(t *testing.T) {
	r := newRig(t)
	var broken atomic.Bool
	r.before = func(string, string, int) error {
		if broken.Load() {
			return syscall.EIO
		}
		return nil
	}
	w, rec, tr := r.begin(t, pty)
	must(t, tr.Output(bytes.Repeat([]byte("x"), 1<<20)))
	_, err := rec.Track(pty) // all is durable
	must(t, err)
	broken.Store(true)
	must(t, tr.Output([]byte("late")))
	<-rec.Failed()
	broken.Store(false) // too late
	for name, do := range map[string]func() error{
		"output": func() error { return tr.Output([]byte("y")) },
		"stderr": func() error { return tr.Stderr([]byte("y")) },
		"input":  func() error { return tr.Input([]byte("y")) },
		"resize": func() error { return tr.Resize(1, 1) },
		"exit":   func() error { return tr.Exit(0) },
		"close":  tr.Close,
		"track":  func() error { _, err := rec.Track(pty); return err },
		"err":    rec.Err,
	} {
		if err := do(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: got %v, want %v", name, err, syscall.EIO)
		}
	}
	seal, err := rec.Close("client left")
	if !errors.Is(err, syscall.EIO) || seal.Segments == 0 {
		t.Errorf("close: got %v and %+v, want %v and what was saved", err, seal, syscall.EIO)
	}
	m, err := openedManifest(r, t, w.ID)
	must(t, err)
	if m.Cause != CauseFailed || m.Root != seal.Root {
		t.Errorf("got manifest %q, %s; want %q, %s", m.Cause, m.Root, CauseFailed, seal.Root)
	}
	if n := len(stream(r.played(t, w.ID), CodeOutput)); n != 1<<20+4 {
		t.Errorf("got %d bytes, want all that was taken", n)
	}
}

func openedManifest(r rig, t *testing.T, session string) (Manifest, error) {
	t.Helper()
	root := rootOf(t, r.folder(t, session))
	b, err := read(root, manifestName, manifestMost)
	if err != nil {
		return Manifest{}, err
	}
	return openManifest(b, r.Verifier)
}

// full is a disk with so much room.
type full struct{ room atomic.Int64 }

func (f *full) before(op, name string, n int) error {
	if op == "remove" && name == reserveName {
		f.room.Add(reserveSize)
	}
	if (op == "write" || op == "fill") && f.room.Add(-int64(n)) < 0 {
		f.room.Add(int64(n))
		return syscall.ENOSPC
	}
	return nil
}

func TestAFullDiskEndsTheRecordingAndTheEndIsWritten(t *testing.T) {
	for _, room := range []int64{80 << 10, 300 << 10, 900 << 10} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			r, f := newRig(t), &full{}
			r.before = f.before
			f.room.Store(room)
			synctest.Test(t, func(t *testing.T) { fill(t, r, f) })
		})
	}
}

// fill records until the disk is full.
func fill(t *testing.T, r rig, f *full) {
	w, rec, tr := r.begin(t, pty)
	var err error
	taken := -1000
	for ; err == nil && taken < 1<<24; taken += 1000 {
		err = tr.Output(noise(1000))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want %v", err, syscall.ENOSPC)
	}
	<-rec.Failed()
	if _, err := rec.Close("client left"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("close: got %v, want %v", err, syscall.ENOSPC)
	}
	m, err := openedManifest(r, t, w.ID)
	if err != nil || m.Cause != CauseFailed {
		t.Errorf("got manifest %q, %v; want %q", m.Cause, err, CauseFailed)
	}
	f.room.Store(1 << 30) // somebody made room
	all, err := r.Recover()
	if err != nil || len(all) > 1 || len(all) == 1 && (all[0].Err != nil || all[0].Lost) {
		t.Errorf("got %+v, %v", all, err)
	}
	if n := len(stream(r.played(t, w.ID), CodeOutput)); n < taken-undurable {
		t.Errorf("got %d of %d bytes, want at most 64 KiB less", n, taken)
	}
}

func TestAPanicFailsTheRecordingOnly(t *testing.T) {
	r := newRig(t)
	var broken atomic.Bool
	r.before = func(string, string, int) error {
		if broken.Load() {
			panic("disk on fire")
		}
		return nil
	}
	_, rec, tr := r.begin(t, pty)
	broken.Store(true)
	must(t, errors.Join(tr.Output([]byte("x")), tr.Close())) // nobody waits for the end of a track
	<-rec.Failed()
	if err := rec.Err(); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
	if _, err := rec.Close("x"); err == nil {
		t.Error("it closed as if nothing had happened")
	}
}

func TestCloseReturnsTheSameAgain(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	must(t, tr.Output([]byte("x")))
	a := closed(t, rec)
	b, err := rec.Close("another cause")
	if a != b || err != nil {
		t.Errorf("got %+v, %v, want %+v", b, err, a)
	}
	if m := r.verified(t, w.ID); m.Cause != "client left" {
		t.Errorf("got cause %q", m.Cause)
	}
	for _, err := range []error{tr.Output([]byte("y")), tr.Close(), tr.Input(nil)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: got %v, want %v", err, ErrClosed)
		}
	}
}
