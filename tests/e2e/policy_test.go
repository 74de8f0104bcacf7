package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"lockbox/tests/e2e/harness"
)

// reload has the gateway read its files again and gives its exit code and words.
func (s *site) reload() (int, string) {
	s.t.Helper()
	cmd := exec.Command(program, "policy", "reload", "--config", s.config())
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestAPolicyChangesUnderOpenSessions: what is not valid changes nothing, what
// nobody signed changes nothing, and what two executives signed ends at once
// the sessions that it no longer allows.
func TestAPolicyChangesUnderOpenSessions(t *testing.T) {
	s := newSite(t)
	p, _ := s.enter()
	whole, err := os.ReadFile(s.path("policy/policy.yaml"))
	must(t, err)

	s.edit("policy/policy.yaml", "count: 1", "count: none")
	if code, out := s.reload(); code != 1 || !strings.Contains(out, "policy.yaml:") {
		t.Errorf("a broken policy: exit %d\n%s", code, out)
	}
	must(t, os.WriteFile(s.path("policy/policy.yaml"), whole, 0o600))

	s.edit("policy/policy.yaml", "permit: [shell, exec]", "permit: [exec]")
	if code, out := s.reload(); code != 0 || !strings.Contains(out, "offered") {
		t.Errorf("a change: exit %d\n%s", code, out)
	}
	p.Send("echo still-$((40+2))\r")
	p.Expect("still-42", wait)

	s.stop() // a restart uses what was signed, whatever the files say
	s.start()
	again := s.client().Terminal(harness.To("db1.prod", s.sshAddr)...)
	again.Expect("recorded", wait)
	again.Send("echo back-$((40+2))\r")
	again.Expect("back-42", wait)

	s.activate()
	again.Expect("no rule permits shell", wait)
	if code := again.Wait(wait); code != 77 {
		t.Errorf("the session ended with %d, want 77", code)
	}
}
