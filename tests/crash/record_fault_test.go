package crash

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// files are those that a recording writes, for strace: whole, and as they are
// named in calls that go from a folder.
func (s *shelfOfTest) files() (args []string) {
	for _, id := range s.Sessions {
		now := time.Now().UTC()
		folder := filepath.Join(s.Dir, now.Format("2006"), now.Format("01"), id)
		for _, name := range []string{".", "open", "open.tmp", "key.age", "manifest.tmp", "manifest", "reserve", "pty0", "pty0/000000.seg.tmp", "pty0/000001.seg.tmp", "pty0/000002.seg.tmp"} {
			args = append(args, "-P", filepath.Join(folder, name))
			if name != "." && name != "pty0" {
				args = append(args, "-P", filepath.Base(name))
			}
		}
	}
	return args
}

// TestRecordingsSurviveEveryFailedCall lets each call that a recording makes fail,
// once and for good. Once: it heals, or the session ends. For good: the session
// ends soon. What was forwarded is there, the process lives, and nothing has a hole.
func TestRecordingsSurviveEveryFailedCall(t *testing.T) {
	if runs(t, "LOCKBOX_FAULTS", 0) == 0 {
		return
	}
	for _, call := range []string{"write", "fsync", "fdatasync", "openat", "renameat", "mkdirat", "fallocate"} {
		for _, errno := range []string{"EIO", "ENOSPC"} {
			for _, good := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, for good %t", call, errno, good), func(t *testing.T) { failEvery(t, call, errno, good) })
			}
		}
	}
}

// failEvery lets the first call of a thread fail, then the second, and so on,
// until there is none to fail.
func failEvery(t *testing.T, call, errno string, good bool) {
	injected, ended := 0, 0
	var slowest time.Duration
	for when := 1; ; when++ {
		got, err := failRecording(t, call, errno, when, good)
		for range 3 {
			if errors.Is(err, errTracer) {
				got, err = failRecording(t, call, errno, when, good)
			}
		}
		if err != nil {
			t.Errorf("call %d: %v", when, err)
		}
		if !got.injected {
			break
		}
		injected++
		if got.refused != "" {
			ended++
		}
		if got.refused != "" && got.lines > 0 {
			slowest = max(slowest, got.refusedAt.Sub(got.last))
		}
	}
	t.Logf("failed at %d calls; %d healed, %d ended, the slowest %s after its last line", injected, injected-ended, ended, slowest.Round(time.Millisecond))
}

// errTracer: strace itself went wrong, which says nothing.
var errTracer = errors.New("strace broke off")

type failed struct {
	heard
	injected bool
}

func failRecording(t *testing.T, call, errno string, when int, good bool) (failed, error) {
	dir, err := os.MkdirTemp(t.TempDir(), "fault")
	if err != nil {
		return failed{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s := newShelf(t, filepath.Join(dir, "recordings"), 1)
	s.Width, s.Total, s.Pace = 60_000, 1_200_000, 5*time.Millisecond
	trace, at := filepath.Join(dir, "trace"), fmt.Sprint(when)
	if good {
		at += "+"
	}
	args := append([]string{"strace", "-f", "-qq", "-o", trace, "-e", "trace=" + call, "-e", "inject=" + call + ":error=" + errno + ":when=" + at}, s.files()...)
	c, out := s.recording(t, args...)
	h := s.hear(out, func() {})[0]
	ended := time.Now()
	if err := c.Wait(); err != nil {
		said := c.Stderr.(*bytes.Buffer).String()
		if strings.Contains(said, "strace: ptrace(") {
			return failed{}, errTracer
		}
		return failed{}, fmt.Errorf("the process did not live: %v: %s", err, said)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		return failed{}, err
	}
	f := failed{h, bytes.Contains(b, []byte("INJECTED"))}
	return f, s.settled(t, h, ended)
}

// settled holds what is on disk against what was forwarded.
func (s *shelfOfTest) settled(t *testing.T, h heard, ended time.Time) error {
	if took := h.refusedAt.Sub(h.last); h.refused != "" && h.lines > 0 && took > 2*time.Second {
		return fmt.Errorf("it was refused %s after the last line that went through", took)
	}
	if h.lines == 0 && h.refused != "" { // it never began: nothing went through
		return nil
	}
	back := s.recover(t)[s.Sessions[0]]
	k, err := s.kept(s.Sessions[0])
	switch {
	case back.Err != nil || back.Lost:
		return fmt.Errorf("recovered: %+v", back)
	case err != nil:
		return err
	case h.failed == "" && h.refused == "" && k.bytes != h.bytes:
		return fmt.Errorf("it was closed well with %d of %d bytes", k.bytes, h.bytes)
	case h.bytes-k.bytes > leadBytes:
		return fmt.Errorf("%d of %d bytes that were forwarded are missing", h.bytes-k.bytes, h.bytes)
	}
	return nil
}

// TestB26WhatIsForwardedNeverLeadsByMore: with a disk that takes a third of a
// second for each sync, a flood is slowed down, and killed at any moment it has
// lost no more than 64 KiB.
func TestB26WhatIsForwardedNeverLeadsByMore(t *testing.T) {
	n := runs(t, "LOCKBOX_FAULTS", 0)
	if n == 0 {
		return
	}
	for i := range 8 {
		s := newShelf(t, t.TempDir(), 1)
		s.Width = 3000
		c, out := s.recording(t, append([]string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
			"-e", "inject=fsync,fdatasync:delay_enter=300000"}, s.files()...)...)
		begun := make(chan struct{})
		heard := make(chan []heard, 1)
		go func() { heard <- s.hear(out, sync.OnceFunc(func() { close(begun) })) }()
		<-begun
		began := time.Now()
		<-time.After(time.Duration(rand.Int64N(int64(3 * time.Second))))
		if err := killTracee(c.Process.Pid); err != nil {
			t.Fatal(err)
		}
		h := (<-heard)[0]
		took := time.Since(began)
		_ = c.Wait() // what it traced was killed
		s.recover(t)
		k, err := s.kept(s.Sessions[0])
		switch {
		case err != nil:
			t.Fatalf("kill %d: %v", i+1, err)
		case h.bytes-k.bytes > leadBytes:
			t.Errorf("kill %d: %d of %d bytes that were forwarded are missing", i+1, h.bytes-k.bytes, h.bytes)
		case float64(h.bytes) > took.Seconds()*4*leadBytes+4*leadBytes:
			t.Errorf("kill %d: %d bytes in %s: the disk did not slow it down", i+1, h.bytes, took)
		}
	}
}

// killTracee kills the one process that strace runs.
func killTracee(pid int) error {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	var child int
	if _, err := fmt.Sscan(string(b), &child); err != nil {
		return err
	}
	p, err := os.FindProcess(child)
	if err != nil {
		return err
	}
	return p.Kill()
}
