package e2e

import (
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockbox/tests/e2e/harness"
)

// TestDevBreaksTheGlass is what the greeting says of emergencies, word by word.
func TestDevBreaksTheGlass(t *testing.T) {
	t.Parallel() // it mostly waits
	dir, sshAddr, web := filepath.Join(t.TempDir(), "state"), freeAddr(t), freeAddr(t)
	p, said := startDev(t, dir, sshAddr, web)
	links := regexp.MustCompile(`http://localhost:\d+/enroll/\S+`).FindAllString(said, -1)
	tour := said[strings.Index(said, "6  Break the glass"):]
	var steps [][]string
	for line := range strings.Lines(tour) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, program) || strings.HasPrefix(line, "ssh ") {
			line, _, _ = strings.Cut(line, "     (")
			steps = append(steps, []string{"sh", "-c", line})
		}
	}
	if len(links) != 4 || len(steps) != 3 {
		t.Fatalf("it says\n%s", said)
	}
	_, port, err := net.SplitHostPort(web)
	must(t, err)
	s := &site{t: t, dir: dir, url: "http://localhost:" + port, sshAddr: sshAddr, browser: harness.StartBrowser(t)}
	eva, max, ida := s.browser.Person("Eva"), s.browser.Person("Max"), s.browser.Person("Ida")
	for i, who := range []*harness.Person{eva, max, ida} {
		who.Goto(links[[]int{0, 1, 3}[i]])
		who.Press("Make the passkey")
		who.WaitText("Your passkey is made")
	}
	eva.Press("Sign with your passkey")
	eva.WaitText("The SSH key is yours.")
	s.ceo = max
	s.compares(max)
	if out, err := exec.Command(steps[0][0], steps[0][1:]...).CombinedOutput(); err != nil || !strings.Contains(string(out), "break-glass") {
		t.Errorf("explain: %v\n%s", err, out)
	}
	paper, err := exec.Command(steps[1][0], steps[1][1:]...).Output()
	must(t, err)
	code := sealedCode.FindString(string(paper))
	asks := harness.StartTerminal(t, exec.Command(steps[2][0], steps[2][1:]...))
	asks.Expect("Sealed code", wait)
	asks.Send(code + "\r")
	asks.Expect("is broken", wait)
	asks.Wait(wait)
	request := brokenGlass.FindStringSubmatch(asks.Output())
	if request == nil {
		t.Fatalf("it shows\n%s", asks.Output())
	}
	s.saysYes(ida, request[1])
	shell := harness.StartTerminal(t, s.devSSH("db1.prod@lockbox"))
	s.touch(eva, request[1], s.number(shell))
	shell.Expect("recorded", wait)
	shell.Send("echo in-$((40+2)); exit\r")
	shell.Expect("in-42", wait)
	shell.Wait(wait)
	s.ratifies(request[1])
	interrupt(t, p)
}
