package sshproxy

import (
	"strings"
	"testing"
	"time"
)

// TestC33TheGlassIsBrokenOverSSH: with nothing there but the gateway, its ledger
// and its recorder. The code is not shown, and is not in what is asked.
func TestC33TheGlassIsBrokenOverSSH(t *testing.T) {
	h := newHouse(t)
	h.WithGlass()
	code := h.Sealed(t).Reveal()
	f := onScreen(t, h.dial(t, "cli", h.Eng), "glass db1.prod --customer nord --code outage --reason all is down, and nobody answers")
	f.expect(`Sealed code \(it is not shown\) ›`)
	f.send(strings.ToLower(strings.ReplaceAll(code, "-", "")) + "\r")
	request := f.expect(`EMERGENCY ([0-9A-Z]+): the glass is broken for support_nord@db1\.prod, for 30m`)[1]
	f.expect(`A second person of oncall has to say yes now`)
	if got := f.wait(10 * time.Second); got != 0 {
		t.Errorf("exit status %d, want 0", got)
	}
	if text, _ := f.read(); strings.Contains(strings.ToUpper(strings.ReplaceAll(text, "-", "")), strings.ReplaceAll(code, "-", "")) {
		t.Errorf("the code is on the screen:\n%s", text)
	}
	f = onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`EMERGENCY: a second person of oncall`)
	f.expect(`waiting for EMERGENCY: a second person of oncall`)
	if err := h.Approve(t, h.Mate, request); err != nil {
		t.Fatal(err)
	}
	f.expect(`Mate.* approved for 30m`)
	h.touchShown(t, f, h.Eng)
	f.expect(`grant ` + request + ` · 30:00 left \(starts now\)`)
	f.send("echo $((6*7)) $USER; exit 5\n")
	f.expect(`42 support_nord`)
	if got := f.wait(10 * time.Second); got != 5 {
		t.Errorf("exit status %d, want 5", got)
	}
}

// TestC33TheCodeIsReadFromStandardInput, where there is no terminal to type it on.
func TestC33TheCodeIsReadFromStandardInput(t *testing.T) {
	h, _ := stubHouse(t, echo)
	h.WithGlass()
	c := h.dial(t, "cli", h.Eng)
	give := func(stdin, command string) (string, error) {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.Stdin = strings.NewReader(stdin)
		out, err := s.CombinedOutput(command)
		return string(out), err
	}
	const ask = "glass db1.prod --customer nord --code outage --reason all is down, and nobody answers"
	for _, row := range []struct{ rule, stdin, command, says string }{
		{"nothing", "", ask, "nowhere to read the sealed code"},
		{"what is no code", "0000-1111\n", ask, "type it again"},
		{"endless", strings.Repeat("A", 1<<20), ask, "type it again"},
		{"no reason", h.Sealed(t).Reveal() + "\n", "glass db1.prod --customer nord --code outage", "say why"},
		{"no such target", h.Sealed(t).Reveal() + "\n", "glass db9.prod --code outage --reason all is down, and nobody answers", "no target"},
		{"the code on the line", "", "glass db1.prod " + h.Sealed(t).Reveal(), "name one target"},
	} {
		if out, err := give(row.stdin, row.command); err == nil || !strings.Contains(out, row.says) {
			t.Errorf("%s: got %q, %v, want %q", row.rule, out, err, row.says)
		}
	}
	out, err := give(h.Sealed(t).Reveal()+"\n", ask+" --json")
	if err != nil || !strings.Contains(out, `"phase":"pending"`) {
		t.Errorf("got %q, %v", out, err)
	}
}
