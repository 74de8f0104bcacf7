package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockbox/gateway/api"
	"lockbox/tests/e2e/harness"
)

var (
	loginLink   = regexp.MustCompile(`http://localhost:\d+/l/[0-9A-Z]{8}`)
	loginNumber = regexp.MustCompile(`type the number (\d\d)`)
)

// agent starts an ssh-agent and gives its socket.
func (s *site) agent() string {
	s.t.Helper()
	at := filepath.Join(harness.OpenSSH(s.t, s.key).Dir, "agent") // short, as socket paths must be
	p := harness.Start(s.t, exec.Command("ssh-agent", "-D", "-a", at))
	p.Expect("SSH_AUTH_SOCK", wait)
	return at
}

// logsIn has Eng log the terminal in that keeps keys in the agent.
func (s *site) logsIn(agent string) {
	s.t.Helper()
	cmd := exec.Command(program, "login", "--gateway", s.url, "--for", "1h")
	cmd.Env = append(cmd.Environ(), "SSH_AUTH_SOCK="+agent, "LOCKBOX_TOKEN=")
	p := harness.Start(s.t, cmd)
	p.ExpectErr("Give the number to nobody", wait)
	said := p.Errors()
	s.signIn(s.eng)
	s.eng.Goto(loginLink.FindString(said))
	s.eng.WaitText("Terminal at")
	s.eng.Type("#number", loginNumber.FindStringSubmatch(said)[1])
	s.eng.Press("Go on")
	s.eng.WaitText("lockbox-login/v1")
	s.eng.Press("Sign with your passkey")
	s.eng.WaitText("Logged in.")
	if got := p.Wait(wait); got != 0 || !strings.Contains(p.Output(), "you are Eng") {
		s.t.Fatalf("login ended with %d: %s%s", got, p.Output(), p.Errors())
	}
}

// TestALoginServesWhoHasNoTerminal: one touch in the browser, then OpenSSH in
// batch mode with nothing but its agent, until the logout.
func TestALoginServesWhoHasNoTerminal(t *testing.T) {
	s := newSite(t)
	agent := s.agent()
	s.logsIn(agent)
	stranger := s.key
	s.key = harness.NewIdentity(t) // Eng's own key is elsewhere
	c := s.client()
	s.key = stranger
	ssh := func(to string, more ...string) harness.Result {
		args := append([]string{"-o", "IdentityAgent=" + agent, "-o", "IdentitiesOnly=no", "-o", "LogLevel=INFO"}, harness.To(to, s.sshAddr)...)
		return c.Run("", append(args, more...)...)
	}
	token := strings.TrimSpace(ssh("me", "token", "--scope", "read,ask").Stdout)
	var r api.Request
	made := s.tell(token, "request", "db1.prod", "--for", "10m", "--reason", "two rows are wrong, mend them", "--json").wants(t, 0, `"pending"`)
	must(t, json.Unmarshal([]byte(made.out), &r))
	s.decide(s.ceo, "/a/", r.Request)
	s.decide(s.ann, "/c/", r.Request)
	if got := ssh("db1.prod", "echo in-$((40+2)); exit 5"); got.Code != 5 || got.Stdout != "in-42\n" {
		t.Errorf("without another touch: %+v", got)
	}
	if got := ssh("db1.prod", "-b", "127.0.0.2", "true"); got.Code != 255 || !strings.Contains(got.Stderr, "counts from 127.0.0.1 only") {
		t.Errorf("from another address: %+v", got)
	}
	if out := s.lockbox("verify", s.evidence(s.ann, r.Request), "--pins", s.writePins()); !strings.Contains(out, "was opened within the grant") {
		t.Errorf("verify says\n%s", out)
	}
	target := harness.To(s.login, s.target.Addr)
	at := append([]string{"-o", "IdentityAgent=" + agent, "-o", "IdentitiesOnly=no", "-o", "StrictHostKeyChecking=no"}, target...)
	if got := c.Run("", append(at, "true")...); got.Code != 255 || !strings.Contains(got.Stderr, "Permission denied") {
		t.Errorf("C2: the target takes a people certificate: %+v", got)
	}
	open := c.Start(append(append([]string{"-o", "IdentityAgent=" + agent, "-o", "IdentitiesOnly=no"}, harness.To("db1.prod", s.sshAddr)...), "echo in; cat")...)
	open.Expect("in", wait)
	out := exec.Command(program, "logout", "--gateway", s.url)
	out.Env = append(out.Environ(), "SSH_AUTH_SOCK="+agent)
	if said, err := out.CombinedOutput(); err != nil || !strings.Contains(string(said), "logged out") {
		t.Errorf("logout: %v: %s", err, said)
	}
	if got := open.Wait(wait); got == 0 {
		t.Error("the session outlived the logout")
	}
	if got := ssh("db1.prod", "true"); got.Code != 255 || !strings.Contains(got.Stderr, "Permission denied") {
		t.Errorf("after the logout: %+v", got)
	}
}
