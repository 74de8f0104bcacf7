package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// TestNothingIsLeftAfter200Sessions: no status or byte is lost, and afterwards
// the gateway holds no more files than before, the recordings are all closed,
// and the target runs nothing.
func TestNothingIsLeftAfter200Sessions(t *testing.T) {
	s := newSite(t)
	p, _ := s.enter()
	p.Send("exit\r")
	p.Wait(wait)
	before := s.files()
	var wg sync.WaitGroup
	for worker := range 4 {
		c := s.client()
		wg.Go(func() {
			for i := range 50 {
				n := worker*50 + i
				got := c.Run("", append(harness.To("db1.prod", s.sshAddr), fmt.Sprintf("echo out-%d; echo err-%d >&2; exit %d", n, n, n%256))...)
				if got.Code != n%256 || got.Stdout != fmt.Sprintf("out-%d\n", n) || !strings.Contains(got.Stderr, fmt.Sprintf("err-%d", n)) {
					t.Errorf("session %d: got %+v", n, got)
				}
			}
		})
	}
	wg.Wait()
	s.settles("open files", func() string {
		if now := s.files(); now > before {
			return fmt.Sprintf("%d open files, %d before", now, before)
		}
		return ""
	})
	s.settles("recordings", func() string {
		all, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", "*", "*"))
		must(t, err)
		closed := 0
		for _, f := range all {
			switch name := filepath.Base(f); {
			case name == "open" || strings.HasSuffix(name, ".tmp"):
				return f + " is left"
			case name == "manifest":
				closed++
			}
		}
		if closed != 201 {
			return fmt.Sprintf("%d recordings are closed, want 201", closed)
		}
		return ""
	})
	s.settles("processes on the target", func() string {
		out, err := exec.Command("pgrep", "-a", "-P", fmt.Sprint(s.target.Pid())).Output()
		// Two connections stand by at most, and nobody is signed in on them: sshd calls those "root@notty".
		if left := strings.Count(string(out), "\n"); err == nil && (left > 2 || strings.Contains(string(out), "@")) {
			return "sshd still has " + string(out)
		}
		return ""
	})
}

// files is how many the gateway has open.
func (s *site) files() int {
	s.t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.serve.Pid()))
	must(s.t, err)
	return len(all)
}

// settles waits until bad says nothing any more.
func (s *site) settles(what string, bad func() string) {
	s.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(wait); ; {
		why := bad()
		if why == "" {
			return
		}
		select {
		case <-late:
			s.t.Errorf("%s: %s", what, why)
			return
		case <-tick.C:
		}
	}
}
