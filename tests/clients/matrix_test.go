package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A scenario is a script. Its first lines say whose client it is and what is
// done with it; it exits with 0 where the client did as it should.
type scenario struct {
	file, client, does string
}

// An outcome is what a scenario came to: all that it wrote, and its status.
type outcome struct {
	stdout, stderr string
	code           int
}

// slow is what the recorder says of a disk that is busy with other things.
var slow = regexp.MustCompile(`(?m)^lockbox: the recorder (cannot write; nothing passes until it can|writes again; the session goes on)\r?\n`)

// patience is how long one run of a scenario may take.
const patience = 2 * time.Minute

func scenarios(t *testing.T) (all []scenario) {
	t.Helper()
	files, err := filepath.Glob("testdata/[0-9]*.sh")
	must(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		lines := strings.SplitN(string(text), "\n", 3)
		client, ok := strings.CutPrefix(lines[0], "# client: ")
		does, ok2 := strings.CutPrefix(lines[1], "# does: ")
		if !ok || !ok2 {
			t.Fatalf("%s does not say who does what in its first two lines", f)
		}
		all = append(all, scenario{f, client, does})
	}
	return all
}

func TestEveryClientAsIfDirect(t *testing.T) {
	s := newStage(t)
	s.let(t)
	s.convert(t)
	all := scenarios(t)
	if len(all) < 30 {
		t.Errorf("%d scenarios, 30 are promised", len(all))
	}
	var mu sync.Mutex // guards same
	same := map[string]bool{}
	t.Run("matrix", func(t *testing.T) {
		for _, c := range all {
			t.Run(strings.TrimSuffix(filepath.Base(c.file), ".sh"), func(t *testing.T) {
				t.Parallel()
				want := s.play(t, c, s.ways()[0])
				if want.code != 0 {
					t.Fatalf("direct: %s", want)
				}
				for _, w := range s.ways()[1:] {
					t.Run(w.name, func(t *testing.T) {
						got := s.play(t, c, w)
						if got != want {
							t.Fatalf("got\n%s\nwant\n%s", got, want)
						}
						mu.Lock()
						defer mu.Unlock()
						same[c.file+" "+w.name] = true
					})
				}
			})
		}
	})
	if t.Failed() || filtered() {
		return
	}
	readme(t, table(all, same))
}

// filtered says whether only some of the scenarios were asked for.
func filtered() bool {
	for _, arg := range os.Args {
		if name, ok := strings.CutPrefix(arg, "-test.run="); ok && strings.Contains(name, "/") {
			return true
		}
	}
	return false
}

// play runs a scenario on one way. What is different on every way by its nature
// is called the same in the outcome.
func (s *stage) play(t *testing.T, c scenario, w way) outcome {
	t.Helper()
	return s.bash(t, w, filepath.Join(s.scripts, filepath.Base(c.file)))
}

// bash runs a script as play does.
func (s *stage) bash(t *testing.T, w way, args ...string) outcome {
	t.Helper()
	p := s.place(t, w)
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer stop()
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Dir, cmd.Env = p.here, s.env(w, p)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	t.Logf("%s: %.1f s", w.name, time.Since(began).Seconds())
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatalf("%s: %v\n%s", w.name, err, stderr.String())
	}
	alike := strings.NewReplacer(p.here, "HERE", p.there, "THERE", p.dir, "DIR", w.login+"@"+w.host, "LOGIN@HOST",
		"["+w.host+"]:"+w.port, "HOST:PORT", w.host+":"+w.port, "HOST:PORT")
	return outcome{alike.Replace(stdout.String()), alike.Replace(slow.ReplaceAllString(stderr.String(), "")), cmd.ProcessState.ExitCode()}
}

func (o outcome) String() string {
	return fmt.Sprintf("status %d\n--- stdout\n%s\n--- stderr\n%s\n---", o.code, o.stdout, o.stderr)
}
