package devtarget_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// running returns the processes started with home, or a folder in it, as HOME.
func running(t *testing.T, home string) []string {
	t.Helper()
	var left []string
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		environ, err := os.ReadFile(f)
		if err == nil && bytes.Contains(environ, []byte("HOME="+home+"/")) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline")) // may end meanwhile
			left = append(left, fmt.Sprintf("%s %q", f, command))
		}
	}
	return left
}

func TestAHundredShortSessionsLeaveNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := start(t)
	client := w.openssh(t)
	var workers sync.WaitGroup
	for n := range 4 {
		workers.Go(func() {
			for i := range 25 {
				want := (n*25 + i) % 200
				got := client.Run("", w.to(fmt.Sprintf("setsid sleep 1000 >/dev/null 2>&1 & exit %d", want))...)
				if got.Code != want {
					t.Errorf("got %+v, want status %d", got, want)
				}
			}
		})
	}
	workers.Wait()
	if left := running(t, w.home); len(left) > 0 {
		t.Errorf("left after the sessions: %q", left)
	}
	if err := w.target.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}

func TestCloseEndsWhatRuns(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := start(t)
	term := w.openssh(t).Terminal(w.to()...)
	term.Expect("$ ", soon)
	stay := `sh -c 'trap "" HUP TERM; echo $((40+2)); sleep 1000; :'`
	term.Send(stay + " & setsid " + stay + " &\r")
	term.Expect("42", soon)
	term.Expect("42", soon)
	exec := w.openssh(t).Start(w.to(stay + "; :")...)
	exec.Expect("42", soon)
	if got := running(t, w.home); len(got) < 5 {
		t.Fatalf("got %q, want two shells and three that stay", got)
	}
	if err := w.target.Close(); err != nil {
		t.Error(err)
	}
	if left := running(t, w.home); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	for _, p := range []interface{ Kill() }{term, exec} {
		p.Kill()
	}
	goleak.VerifyNone(t, before)
}

func TestAClientThatGoesAwayTakesItsProcessesAlong(t *testing.T) {
	w := start(t)
	client := w.client(t)
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	alive := filepath.Join(w.home, "deploy", "alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Start("exec 9>alive; sleep 1000 & sleep 1000"); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(alive) // waits for the writer
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(f); err != nil { // until the last writer has gone
		t.Fatal(err)
	}
	if left := running(t, w.home); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
