package crash

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"lockbox/recorder"
)

// TestRecordingsSurviveKill: at any moment kill -9 takes at most a second and 64
// KiB of what was forwarded; what is left plays and verifies, and nothing of a
// recording that was closed goes.
func TestRecordingsSurviveKill(t *testing.T) {
	n := runs(t, "LOCKBOX_RECORD_KILLS", 8)
	var mu sync.Mutex // guards what follows
	var lines, missing int
	next := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range next {
				h, m, err := killRecording(t, i)
				mu.Lock()
				lines, missing = lines+h, missing+m
				mu.Unlock()
				if err != nil {
					t.Errorf("kill %d: %v", i+1, err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	t.Logf("kill -9: %d times, %d lines forwarded, %d of them younger than a second missing, every recording verifies and plays", n, lines, missing)
}

// killRecording kills one process with three sessions: one that types, one that
// floods, and one that was closed before.
func killRecording(t *testing.T, i int) (lines, missing int, err error) {
	s := newShelf(t, t.TempDir(), 2)
	s.Width, s.Pace = 80, 2*time.Millisecond
	if i%2 == 1 {
		s.Width, s.Pace = 40_000, 300*time.Microsecond // closes segments all the time
	}
	before := newShelf(t, s.Dir, 1)
	before.AtRest, before.To, before.Signer, before.Verifier, before.id = s.AtRest, s.To, s.Signer, s.Verifier, s.id
	before.Width, before.Total = 2000, 100_000
	c, out := before.recording(t)
	closed := before.hear(out, func() {})
	if err := c.Wait(); err != nil || !closed[0].closed {
		return 0, 0, fmt.Errorf("the neighbour: %v: %s", err, c.Stderr)
	}

	c, out = s.recording(t)
	begun := make(chan struct{})
	heard := make(chan []heard, 1)
	go func() { heard <- s.hear(out, sync.OnceFunc(func() { close(begun) })) }()
	<-begun
	<-time.After(time.Duration(rand.Int64N(int64(1200 * time.Millisecond))))
	ended := time.Now()
	if err := c.Process.Kill(); err != nil {
		return 0, 0, err
	}
	all := <-heard
	_ = c.Wait() // it was killed
	back := s.recover(t)
	for j, h := range all {
		if h.lines == 0 { // killed before it was open
			continue
		}
		if r := back[s.Sessions[j]]; r.Err != nil || r.Lost || r.Session.Cause != recorder.CauseStopped {
			return lines, missing, fmt.Errorf("recovered: %+v", r)
		}
		k, err := s.kept(s.Sessions[j])
		if err != nil {
			return lines, missing, err
		}
		if why := k.lost(h, ended); why != "" {
			return lines, missing, fmt.Errorf("session %d: %s", j, why)
		}
		lines, missing = lines+h.lines, missing+max(0, h.lines-k.lines)
	}
	if k, err := before.kept(before.Sessions[0]); err != nil || k.bytes != closed[0].bytes {
		return lines, missing, fmt.Errorf("the neighbour has %d of %d bytes: %w", k.bytes, closed[0].bytes, err)
	}
	return lines, missing, nil
}
