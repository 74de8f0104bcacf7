package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lockbox/recorder/backup"
	"lockbox/tests/e2e/harness"
)

// witness makes a witness of the site's log, and gives its folder and public key.
func (s *site) witness(name string, more ...string) (dir, key string) {
	s.t.Helper()
	dir = filepath.Join(s.t.TempDir(), name)
	out := s.lockbox(append([]string{"witness", "--init", dir, "--name", name, "--log-key", s.pins.LogKey}, more...)...)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, name+"+") {
			return dir, strings.TrimSpace(line)
		}
	}
	s.t.Fatalf("witness --init printed no key:\n%s", out)
	return "", ""
}

// once looks at the gateway for a witness, and gives the exit code and what it said.
func (s *site) once(dir string) (int, string) {
	s.t.Helper()
	cmd := exec.Command(program, "witness", "--once", "--json", "--config", filepath.Join(dir, "witness.yaml"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, _ := cmd.Output() // the code says how it went
	return cmd.ProcessState.ExitCode(), string(out) + errs.String()
}

// TestWitnesses: one is asked and one looks by itself. With both a session opens; with one stopped it
// does not, and says so; and a gateway whose ledger is put back does not start.
func TestWitnesses(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	asked, askedKey := s.witness("nord.witness.test")
	at := freeAddr(t)
	edit(t, filepath.Join(asked, "witness.yaml"), "127.0.0.1:8090", at)
	looking, lookingKey := s.witness("auditor.witness.test", "--gateway", s.url)
	run := harness.Start(t, exec.Command(program, "witness", "--config", filepath.Join(asked, "witness.yaml")))
	run.Expect("listens on", wait)
	s.stop()
	edit(t, s.path("policy/policy.yaml"), "    touch: { within: 15m }\n", "    touch: { within: 15m }\n    witnesses: 2\n")
	if out, err := exec.Command(program, "serve", "--check", "--config", s.config()).CombinedOutput(); err == nil || !strings.Contains(string(out), "wants 2 witnesses, and 0 are configured") {
		t.Errorf("more witnesses than there are: %v\n%s", err, out)
	}
	edit(t, s.path("policy/policy.yaml"), "witnesses: 2", "witnesses: 1")
	yaml := fmt.Sprintf("witnesses:\n  - { name: nord, key: %q, url: \"http://%s\" }\n  - { name: auditor, key: %q }\n", askedKey, at, lookingKey)
	edit(t, s.config(), "mode: production", yaml+"mode: production")
	s.start()
	s.activate()

	p, _ := s.enter()
	p.Send("exit\r")
	p.Wait(wait)
	if code, said := s.once(looking); code != 0 || !strings.Contains(said, `"size"`) {
		t.Errorf("the one that looks by itself ends with %d\n%s", code, said)
	}

	run.Signal(syscall.SIGSTOP)
	began := time.Now()
	got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "echo", "in")...)
	if took := time.Since(began); got.Code != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, `"code":"LBX-WITNESS"`) || took < 9*time.Second || took > 14*time.Second {
		t.Errorf("with the witness stopped: %+v after %s", got, took)
	}
	q := harness.StartTerminal(t, s.client().Command(harness.To("db1.prod", s.sshAddr)...))
	q.Expect("cosigned by 1 witness", wait)
	if code := q.Wait(wait); code != 69 {
		t.Errorf("on a terminal it ends with %d, want 69", code)
	}
	run.Signal(syscall.SIGCONT)
	if got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "echo", "in")...); got.Code != 0 || got.Stdout != "in\n" {
		t.Errorf("with the witness back: %+v", got)
	}
	s.putBack(looking)
}

// putBack stops the gateway, brings back the ledger of before, and more goes on: nobody is deceived.
func (s *site) putBack(looking string) {
	s.t.Helper()
	s.stop()
	store := s.path("ledger.db")
	before := map[string][]byte{}
	for _, name := range []string{store, backup.HeadPath(store)} {
		b, err := os.ReadFile(name)
		must(s.t, err)
		before[name] = b
	}
	s.start()
	if got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "echo", "later")...); got.Code != 0 {
		s.t.Errorf("before the ledger is put back: %+v", got)
	}
	if code, said := s.once(looking); code != 0 {
		s.t.Errorf("the auditor's look ends with %d\n%s", code, said)
	}
	s.stop()
	for name, b := range before {
		must(s.t, os.WriteFile(name, b, 0o600))
	}
	out, err := exec.Command(program, "serve", "--config", s.config()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "witness nord") {
		s.t.Errorf("with an old ledger it starts: %v\n%s", err, out)
	}
	edit(s.t, s.config(), "witnesses:", "# witnesses:") // an operator who leaves the witnesses out
	edit(s.t, s.config(), "\n  - { name: ", "\n#  - { name: ")
	s.start()
	code, said := s.once(looking)
	var answer struct {
		Alarm struct{ Kind, File string } `json:"alarm"`
	}
	if i := strings.Index(said, "\n}\n"); i > 0 {
		must(s.t, json.Unmarshal([]byte(said[:i+2]), &answer))
	}
	if code != 1 || answer.Alarm.Kind == "" {
		s.t.Errorf("the auditor's look at an old ledger ends with %d\n%s", code, said)
	}
	if _, err := os.Stat(filepath.Join(looking, "state", answer.Alarm.File)); err != nil {
		s.t.Errorf("the evidence: %v", err)
	}
	s.stop()
	if code, said := s.once(looking); code != 69 {
		s.t.Errorf("with nobody there it ends with %d\n%s", code, said)
	}
}

// edit replaces text in a file that must hold it.
func edit(t *testing.T, path, old, with string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s has no %q:\n%s", path, old, b)
	}
	must(t, os.WriteFile(path, bytes.ReplaceAll(b, []byte(old), []byte(with)), 0o600))
}
