package crash

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A fault makes one call of the system's fail, once.
type fault struct{ call, errno string }

// strace counts the calls of each thread, and Go moves between threads: which
// call of all failed is read from what strace writes.
// One writer makes them as often as not on one thread, so that some rounds
// over all counts find every call.
const rounds = 60

func TestWhatWasAcknowledgedSurvivesEveryFailedCall(t *testing.T) {
	if runs(t, "LOCKBOX_FAULTS", 0) == 0 {
		return
	}
	all, ran := tally{}, 0
	for _, f := range []fault{
		{"fdatasync", "EIO"}, {"fdatasync", "ENOSPC"}, {"fsync", "EIO"}, {"ftruncate", "EIO"}, {"ftruncate", "ENOSPC"},
		{"pwrite64", "EIO"}, {"pwrite64", "ENOSPC"}, {"pwrite64", "EDQUOT"},
	} {
		hit, calls := map[int]bool{}, 0
		for round := 0; round < rounds && (round == 0 || len(missing(hit, calls)) > 0); round++ {
			for when := 1; ; when++ {
				at, of := f.inject(t, when, &all)
				ran++
				if len(at) == 0 { // a whole run without
					calls = of
					break
				}
				for _, i := range at {
					hit[i] = true
				}
			}
		}
		m := missing(hit, calls)
		t.Logf("%s %s: failed at %d of the %d calls of a run", f.call, f.errno, calls-len(m), calls)
		if len(m) > 0 {
			t.Errorf("%s %s: %d rounds found no run where these failed: %v", f.call, f.errno, rounds, m)
		}
	}
	report(t, "failed calls", ran, ran, all)
}

func missing(hit map[int]bool, calls int) (m []int) {
	for i := 1; i <= calls; i++ {
		if !hit[i] {
			m = append(m, i)
		}
	}
	return m
}

// inject runs a short load in which that call of a thread's fails. It says at
// which calls of all that was, and how many there were.
func (f fault) inject(t *testing.T, when int, all *tally) (at []int, calls int) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "fault")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, a, trace := filepath.Join(dir, "ledger.db"), newAcks(), filepath.Join(dir, "trace")
	c := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-o", trace, "-e", "trace="+f.call,
		"-e", fmt.Sprintf("inject=%s:error=%s:when=%d", f.call, f.errno, when), os.Args[0])
	c.Env = append(os.Environ(), pathEnv+"="+path, eachEnv+"=6")
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	failed := c.Run()
	if err := a.hear(&out); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatalf("strace: %v, %v: %s", err, failed, said.Bytes())
	}
	for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
		if !strings.Contains(in.Text(), " "+f.call+"(") { // else the end of one that took long
			continue
		}
		if calls++; strings.Contains(in.Text(), "INJECTED") {
			at = append(at, calls)
		}
	}
	if failed != nil && len(at) == 0 && !bytes.Contains(b, []byte("INJECTED")) {
		t.Fatalf("%v %d: nothing failed, and %v: %s", f, when, failed, said.Bytes())
	}
	took, err := a.check(path)
	if err != nil {
		t.Fatalf("%v %d, at %v: %v (kept: %s)", f, when, at, err, keep(t, path))
	}
	all.add(took)
	all.writes += a.writes
	all.notes += len(a.notes)
	return at, calls
}
