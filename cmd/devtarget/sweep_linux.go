package devtarget

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// sweep kills every process that was started with variable in its environment, also one that left its process group by setsid,
// and returns when none is left, or after 2 s. In the middle of an exec a process has no environment to read: life, which all
// of them hold open, tells that too.
func sweep(variable string, life *os.File) {
	end := time.Now().Add(2 * time.Second)
	for time.Now().Before(end) {
		left := holders(variable)
		if len(left) == 0 && ended(life) {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is as good
		}
	}
}

// ended says whether the last writer of a pipe has gone, or goes within a few milliseconds.
func ended(life *os.File) bool {
	_ = life.SetReadDeadline(time.Now().Add(5 * time.Millisecond)) // pipes have deadlines
	_, err := life.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func holders(variable string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is good
	for _, f := range files {
		environ, err := os.ReadFile(f)
		if err != nil {
			continue // ended, or not ours
		}
		if !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+variable+"\x00")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
