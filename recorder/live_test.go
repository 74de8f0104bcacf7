package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lockbox/recorder/screen"
)

// shown is what a key says.
func shown(t testing.TB, ev Event) string {
	t.Helper()
	var k struct {
		Cols, Rows int
		Screen     string
	}
	if ev.Code != CodeKey {
		t.Fatalf("got %s %q, want a key", ev.Code, ev.Data)
	}
	must(t, json.Unmarshal(ev.Data, &k))
	s := screen.New(k.Cols, k.Rows)
	_, _ = s.Write([]byte(k.Screen))
	return strings.TrimSpace(strings.Join(s.Text(), "\n"))
}

func live(t testing.TB, r rig, session string) *Live {
	t.Helper()
	l, err := r.Live(session)
	must(t, err)
	return l
}

func TestAFollowerSeesTheScreenAndThenWhatComes(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		w, rec, tr := r.begin(t, pty)
		must(t, tr.Output([]byte("\x1b[31mhello\r\n")))
		var evs []Event
		done := make(chan error, 1)
		go func() {
			for ev, err := range live(t, r, w.ID).Follow(t.Context(), tr.Name()) {
				if err != nil {
					done <- err
					return
				}
				evs = append(evs, ev)
			}
			done <- nil
		}()
		time.Sleep(time.Minute) // the track comes to rest
		must(t, tr.Output([]byte("world")))
		must(t, tr.Resize(100, 30))
		must(t, tr.Close())
		must(t, <-done)
		closed(t, rec)
		if len(evs) < 3 || shown(t, evs[0]) != "hello" || string(evs[1].Data) != "world" || evs[2].Code != CodeResize {
			t.Errorf("got %q", evs)
		}
		if evs[1].At != time.Minute {
			t.Errorf("at %v, want 1m", evs[1].At)
		}
	})
}

func TestAFollowerSeesOnlyWhatIsOnDisk(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &stall{gone: make(chan struct{})}
		r.before = s.before
		w, rec, tr := r.begin(t, Header{Kind: "exec"})
		seen := make(chan Event, 10)
		go func() {
			for ev, err := range live(t, r, w.ID).Follow(t.Context(), tr.Name()) {
				if err == nil {
					seen <- ev
				}
			}
			close(seen)
		}()
		synctest.Wait()
		s.on.Store(true)
		must(t, tr.Output([]byte("x")))
		time.Sleep(900 * time.Millisecond)
		synctest.Wait()
		if len(seen) > 0 {
			t.Error("it was shown before it was on disk")
		}
		s.on.Store(false)
		close(s.gone)
		if ev := <-seen; string(ev.Data) != "x" {
			t.Errorf("got %q", ev.Data)
		}
		closed(t, rec)
		for range seen {
		}
	})
}

// TestASlowFollowerMissesAndNobodyWaits: who does not read gets a key instead
// of what they missed, keeps little, and the session goes on.
func TestASlowFollowerMissesAndNobodyWaits(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	first, goOn := make(chan struct{}), make(chan struct{})
	var keys, size int
	var last string
	var wg sync.WaitGroup
	wg.Go(func() {
		for ev, err := range live(t, r, w.ID).Follow(t.Context(), tr.Name()) {
			if err != nil {
				t.Error(err)
				return
			}
			if ev.Code == CodeKey {
				if keys++; keys == 1 {
					close(first)
					<-goOn
				} else {
					last = shown(t, ev)
				}
			}
			size += len(ev.Data)
		}
	})
	<-first
	for range 64 {
		must(t, tr.Output(terminal(64<<10)))
	}
	must(t, tr.Output([]byte("\x1b[2J\x1b[Hthe end")))
	_, err := rec.Track(pty) // all is durable
	must(t, err)
	f := &tr.tape.show.feed
	f.mu.Lock()
	if f.size > followMost {
		t.Errorf("%d bytes are kept", f.size)
	}
	f.mu.Unlock()
	close(goOn)
	<-time.After(100 * time.Millisecond)
	must(t, tr.Close())
	wg.Wait()
	closed(t, rec)
	if keys < 2 || size > 2*followMost || last != "the end" {
		t.Errorf("got %d keys, %d bytes, the last screen %q", keys, size, last)
	}
}

func TestFollowingEnds(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := live(t, r, w.ID)
	why := errors.New("the session has ended for them")
	ctx, cancel := context.WithCancelCause(t.Context())
	follow := func(ctx context.Context, track string) chan error {
		done := make(chan error, 1)
		go func() {
			var last error
			for ev, err := range l.Follow(ctx, track) {
				if last = err; err == nil && ev.Code == CodeKey {
					done <- nil
				}
			}
			done <- last
		}()
		return done
	}
	if err := <-follow(ctx, "pty7"); !errors.Is(err, ErrNotLive) {
		t.Errorf("no such track: got %v", err)
	}
	gone := follow(ctx, tr.Name())
	<-gone // the key
	cancel(why)
	if err := <-gone; !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	stays := follow(t.Context(), tr.Name())
	<-stays
	if got := l.Tracks(); len(got) != 1 || got[0].Name != "pty0" || got[0].Header.Cols != 120 {
		t.Errorf("got %+v", got)
	}
	changed := l.Changed()
	b, err := rec.Track(Header{Kind: "exec"})
	must(t, err)
	<-changed
	if got := l.Tracks(); len(got) != 2 || got[1].Name != "exec1" {
		t.Errorf("got %+v", got)
	}
	changed = l.Changed()
	must(t, b.Close())
	<-changed
	if got := l.Tracks(); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
	closed(t, rec)
	if err := <-stays; err != nil {
		t.Errorf("got %v at the end", err)
	}
	if _, err := r.Live(w.ID); !errors.Is(err, ErrNotLive) {
		t.Errorf("after the end: got %v", err)
	}
}

func TestFollowersOfARecordingThatFailsAreTold(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	l := live(t, r, w.ID)
	var got error
	for _, err := range l.Follow(t.Context(), tr.Name()) {
		if got = err; err == nil {
			rec.fail(errPower)
			rec.poke()
		}
	}
	if !errors.Is(got, errPower) {
		t.Errorf("got %v, want %v", got, errPower)
	}
	_, _ = rec.Close("x")
}

// TestFiftyFollowersAreASecondBehindAtMost writes at the pace of a busy
// terminal and asks how late each event came to each of fifty.
func TestFiftyFollowersAreASecondBehindAtMost(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	l := live(t, r, w.ID)
	var mu sync.Mutex
	var late []time.Duration
	var wg sync.WaitGroup
	ready := make(chan struct{}, 50)
	for range 50 {
		wg.Go(func() {
			for ev, err := range l.Follow(t.Context(), tr.Name()) {
				if err != nil {
					t.Error(err)
				}
				if ev.Code == CodeKey {
					ready <- struct{}{}
					continue
				}
				for line := range bytes.Lines(ev.Data) { // two of the same millisecond are one event
					var ns int64
					if n, _ := fmt.Sscanf(string(line), "%d", &ns); n == 1 {
						mu.Lock()
						late = append(late, time.Since(time.Unix(0, ns)))
						mu.Unlock()
					}
				}
			}
		})
	}
	for range 50 {
		<-ready
	}
	tick := time.NewTicker(20 * time.Millisecond)
	var slowest time.Duration
	for range 100 {
		from := time.Now()
		must(t, tr.Output(fmt.Appendf(nil, "%d %s\r\n", from.UnixNano(), strings.Repeat("x", 500))))
		slowest = max(slowest, time.Since(from))
		<-tick.C
	}
	closed(t, rec)
	wg.Wait()
	slices.Sort(late)
	p50, p99 := late[len(late)/2], late[len(late)*99/100]
	t.Logf("%d lines: p50 %v, p99 %v, most %v; the slowest Output took %v", len(late), p50, p99, late[len(late)-1], slowest)
	if len(late) != 50*100 || p99 > time.Second {
		t.Errorf("got %d lines, p99 %v; want %d within 1 s", len(late), p99, 50*100)
	}
}

func TestOneTrackTooManyIsRefusedAndTheSessionGoesOn(t *testing.T) {
	r := newRig(t)
	_, rec, tr := r.begin(t, pty)
	rec.begun = maxTracks
	if _, err := rec.Track(pty); err == nil {
		t.Error("it began")
	}
	must(t, tr.Output([]byte("x")))
	closed(t, rec)
	if h := r.Health(); h.Level != Green {
		t.Errorf("got %v %q", h.Level, h.Why)
	}
}

// TestFollowingATrackWhileItEnds joins at every moment of its end.
func TestFollowingATrackWhileItEnds(t *testing.T) {
	r := newRig(t)
	w, rec, _ := r.begin(t, pty)
	l := live(t, r, w.ID)
	for range 50 {
		tr, err := rec.Track(pty)
		must(t, err)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for _, err := range l.Follow(t.Context(), tr.Name()) {
					if err != nil && !errors.Is(err, ErrNotLive) {
						t.Error(err)
					}
				}
			})
		}
		must(t, tr.Close())
		wg.Wait()
	}
	closed(t, rec)
}
