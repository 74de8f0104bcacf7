package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// startDev runs `lockbox dev` and returns what it greets with.
func startDev(t *testing.T, dir, ssh, web string) (*harness.Process, string) {
	t.Helper()
	p := harness.Start(t, exec.Command(program, "dev", "--dir", dir, "--ssh", ssh, "--http", web, "--apps", freeAddr(t)))
	p.Expect("are locked.", wait)
	return p, p.Output()
}

func interrupt(t *testing.T, p *harness.Process) {
	t.Helper()
	p.Signal(os.Interrupt)
	if code := p.Wait(wait); code != 0 {
		t.Errorf("Ctrl-C ends it with %d\n%s", code, p.Errors())
	}
}

// TestDev is what a newcomer does: start, enrol three people, go in, stop, start again.
func TestDev(t *testing.T) {
	dir, sshAddr, web := filepath.Join(t.TempDir(), "state"), freeAddr(t), freeAddr(t)
	p, said := startDev(t, dir, sshAddr, web)
	ready := regexp.MustCompile(`ready after ([0-9.]+) s`).FindStringSubmatch(said)
	if ready == nil {
		t.Fatalf("it says\n%s", said)
	}
	if seconds, err := strconv.ParseFloat(ready[1], 64); err != nil || seconds > 5 {
		t.Errorf("ready after %s s, want at most 5", ready[1])
	}
	links := regexp.MustCompile(`http://localhost:\d+/enroll/\S+`).FindAllString(said, -1)
	if len(links) != 4 {
		t.Fatalf("%d links in\n%s", len(links), said)
	}
	_, port, err := net.SplitHostPort(web)
	must(t, err)
	s := &site{t: t, dir: dir, url: "http://localhost:" + port, sshAddr: sshAddr, browser: harness.StartBrowser(t)}
	s.newcomer(links)
	for _, mail := range []string{"mail to Max: Access request ", "/a/", "mail to Nora: Access request ", "/c/", "mail to Eva: Access request ", ": approved"} {
		p.Expect(mail, wait)
	}
	left := harness.StartTerminal(t, s.devSSH("db1.prod@lockbox"))
	left.Expect("recorded", wait)
	left.Send("sleep 1234 & sleep 1234\r")
	interrupt(t, p)
	left.Wait(wait)
	s.nothingLeft(sshAddr, web)

	p, said = startDev(t, dir, sshAddr, web)
	if strings.Count(said, "/enroll/") != 1 || strings.Count(said, "enrolled") != 3 { // Ida has not
		t.Errorf("a second start forgot somebody:\n%s", said)
	}
	got := harness.Start(t, s.devSSH("db1.prod@lockbox", "echo again"))
	got.Expect("again", wait)
	interrupt(t, p)
}

// newcomer enrols three people and goes in and out once.
func (s *site) newcomer(links []string) {
	t := s.t
	eva, max, nora := s.browser.Person("Eva"), s.browser.Person("Max"), s.browser.Person("Nora")
	for i, who := range []*harness.Person{eva, max, nora} {
		who.Goto(links[i])
		who.Press("Make the passkey")
		who.WaitText("Your passkey is made")
	}
	eva.Press("Sign with your passkey")
	eva.WaitText("The SSH key is yours.")

	terminal := harness.StartTerminal(t, s.devSSH("db1.prod@lockbox"))
	for _, typed := range []string{"1", "look at two rows", "10m", "y"} {
		terminal.Expect(" › ", wait)
		terminal.Send(typed + "\r")
	}
	terminal.Expect("● ", wait)

	terminal.Expect("Ctrl-C", wait)
	s.signIn(max)
	link := regexp.MustCompile(`/a/([0-9A-Z]{4})`).FindStringSubmatch(max.Eval(`document.body.innerHTML`))
	if link == nil {
		t.Fatalf("Max's inbox has no request:\n%s", max.Text())
	}
	s.decide(max, "/a/", link[1])
	s.decide(nora, "/c/", link[1])
	s.touch(eva, link[1], s.number(terminal))
	terminal.Expect("recorded", wait)
	terminal.Send("echo in-$((40+2)); exit 5\r")
	terminal.Expect("in-42", wait)
	if got := terminal.Wait(wait); got != 5 {
		t.Errorf("ssh ended with %d, want 5", got)
	}
}

func (s *site) devSSH(args ...string) *exec.Cmd {
	return exec.Command("ssh", append([]string{"-F", filepath.Join(s.dir, "ssh_config")}, args...)...)
}

// nothingLeft: no port, socket or process of a gateway that was stopped.
func (s *site) nothingLeft(addrs ...string) {
	s.t.Helper()
	for _, a := range addrs {
		if c, err := net.DialTimeout("tcp", a, time.Second); err == nil {
			_ = c.Close()
			s.t.Errorf("%s is still open", a)
		}
	}
	if _, err := os.Stat(s.path("control.sock")); err == nil {
		s.t.Error("the control socket is left")
	}
	out, err := exec.Command("pgrep", "-f", "sleep 1234").Output()
	if err == nil {
		s.t.Errorf("processes are left: %s", out)
	}
}

// TestDevSaysWhatIsWrong: bad flags and a port in use.
func TestDevSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	for _, c := range []struct {
		rule string
		args []string
		code int
		says string
	}{
		{"a public address", []string{"--ssh", "0.0.0.0:2222"}, 2, "not a loopback address"},
		{"no port", []string{"--http", "127.0.0.1"}, 2, "not a loopback address"},
		{"an unknown flag", []string{"--shh", "x"}, 2, "--help"},
		{"a port in use", []string{"--ssh", taken.Addr().String(), "--http", freeAddr(t), "--apps", freeAddr(t)}, 69, "address already in use"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			cmd := exec.Command(program, append([]string{"dev", "--dir", filepath.Join(dir, "state")}, c.args...)...)
			out, _ := cmd.CombinedOutput() // the code says it
			if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.says) {
				t.Errorf("got %d %s", cmd.ProcessState.ExitCode(), out)
			}
		})
	}
}
