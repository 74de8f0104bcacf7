package clients

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestShortSessions runs many sessions of OpenSSH's client that are over at
// once, each with a connection of its own or as one of several on one, half of
// them through -J: no status and no byte may be lost. LOCKBOX_CLIENT_SESSIONS
// says how many, LOCKBOX_CLIENT_MINUTES when no more are begun.
func TestShortSessions(t *testing.T) {
	s := newStage(t)
	s.let(t)
	many, until := number("LOCKBOX_CLIENT_SESSIONS", 100), time.Now().Add(time.Duration(number("LOCKBOX_CLIENT_MINUTES", 20))*time.Minute)
	const workers = 6
	var next, done atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for i := range workers {
		w := s.ways()[1+i%2]
		p := s.place(t, w)
		shared := []string{"-F", filepath.Join(p.dir, "config")}
		if i >= workers/2 { // these come over one connection
			shared = append(shared, "-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-S", filepath.Join(p.dir, "m"))
		}
		all.Go(func() {
			for n := int(next.Add(1)); n <= many && time.Now().Before(until); n = int(next.Add(1)) {
				if err := short(n, shared); err != nil {
					t.Errorf("session %d (%s, connection of its own: %t): %v", n, w.name, i < workers/2, err)
				}
				done.Add(1)
			}
			_ = exec.Command("ssh", append(shared, "-O", "exit", "target")...).Run() // where there is a master
		})
	}
	all.Wait()
	t.Logf("%d sessions in %s", done.Load(), time.Since(began).Round(time.Second))
}

// short runs session n, whose output is as long as n says, and says what was lost.
func short(n int, args []string) error {
	size := n * 977 % 40_000
	in := bytes.Repeat([]byte{byte(n)}, size)
	cmd := exec.Command("ssh", append(args, "target", fmt.Sprintf("cat; echo err %d >&2; exit %d", n, n%256))...)
	cmd.Stdin = bytes.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second // a master that stays has our standard error
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	switch {
	case cmd.ProcessState.ExitCode() != n%256:
		return fmt.Errorf("status %d, want %d: %s", cmd.ProcessState.ExitCode(), n%256, stderr.String())
	case sha256.Sum256(stdout.Bytes()) != sha256.Sum256(in):
		return fmt.Errorf("%d bytes of %d, or others", stdout.Len(), size)
	case stderr.String() != fmt.Sprintf("err %d\n", n):
		return fmt.Errorf("standard error is %q", stderr.String())
	}
	return nil
}
