package crash

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// runs is how many times to do what takes long: as the environment says.
func runs(t *testing.T, env string, least int) int {
	t.Helper()
	s := os.Getenv(env)
	if s == "" {
		return least
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

// A tally is what many runs came to.
type tally struct {
	writes, notes int
	opened        []time.Duration
}

func (y *tally) add(took time.Duration) {
	y.opened = append(y.opened, took.Round(time.Millisecond))
}

// start starts a process that writes until it is ended.
func start(t *testing.T, path string, a *acks) (c *exec.Cmd, heard chan error) {
	t.Helper()
	c = exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), pathEnv+"="+path)
	c.Stderr = &bytes.Buffer{} // after a power cut it complains, rightly
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	heard = make(chan error, 1)
	go func() { heard <- a.hear(out) }()
	return c, heard
}

// killed lets a process write for a while, and kills it.
func killed(t *testing.T, path string, a *acks, after time.Duration) {
	t.Helper()
	c, heard := start(t, path, a)
	<-time.After(after)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-heard; err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.Exited() {
		t.Fatalf("it ended before it was killed: %v: %s", err, c.Stderr)
	}
}

// lives is how often one ledger is killed before another one takes its place.
const lives = 25

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	n, all := runs(t, "LOCKBOX_KILLS", 15), tally{}
	var path string
	var a *acks
	for i := range n {
		if i%lives == 0 {
			path, a = filepath.Join(t.TempDir(), "ledger.db"), newAcks()
		}
		before := a.writes
		killed(t, path, a, time.Duration(rand.Int64N(int64(400*time.Millisecond))))
		all.notes += len(a.notes)
		took, err := a.check(path)
		if err != nil {
			t.Fatalf("kill %d: %v (kept: %s)", i+1, err, keep(t, path))
		}
		all.add(took)
		all.writes += a.writes - before
		if i%lives == lives-1 {
			_ = os.Remove(path) // TempDir goes only at the end
		}
	}
	report(t, "kill -9", n, 10*n, all)
}

// report is the line that counts. That nothing is lost was found run by run.
func report(t *testing.T, what string, n, least int, all tally) {
	t.Helper()
	slices.Sort(all.opened)
	at := append([]time.Duration{0}, all.opened...)
	median, slowest := at[len(at)/2], at[len(at)-1]
	t.Logf("%s: %d times, %d writes and %d checkpoints acknowledged, 0 lost, reopened in %s (median) to %s (slowest)", what, n, all.writes, all.notes, median, slowest)
	if slowest > 5*time.Second {
		t.Errorf("%s: reopening took %s, at most 5 s", what, slowest)
	}
	if all.writes < least {
		t.Errorf("%s: %d writes test nothing, want %d", what, all.writes, least)
	}
}

// keep keeps a ledger that did not hold, for who looks into it.
func keep(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(os.TempDir(), "lockbox-crash.db")
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		return err.Error()
	}
	return to
}
