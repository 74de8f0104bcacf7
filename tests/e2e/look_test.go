package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockbox/tests/e2e/harness"
)

// look keeps pictures of what a person sees, phone and desktop, light and dark,
// in the folder LOCKBOX_LOOK where it is set: tests cannot tell what is hard to read.
func look(t *testing.T, p *harness.Person, name string) {
	t.Helper()
	dir := os.Getenv("LOCKBOX_LOOK")
	if dir == "" {
		return
	}
	for _, width := range []int{390, 1280} {
		for _, dark := range []bool{false, true} {
			file := fmt.Sprintf("%s-%d-%s.png", name, width, map[bool]string{false: "light", true: "dark"}[dark])
			must(t, os.WriteFile(filepath.Join(dir, file), p.Screenshot(width, 900, dark), 0o644))
		}
	}
}

// keep keeps what a terminal or a command said, as look does.
func keep(t *testing.T, name, text string) {
	t.Helper()
	if dir := os.Getenv("LOCKBOX_LOOK"); dir != "" {
		must(t, os.WriteFile(filepath.Join(dir, name+".txt"), []byte(text), 0o644))
	}
}

// gateway runs a command of Eng's at `ssh gateway`.
func (s *site) gateway(words ...string) harness.Result {
	s.t.Helper()
	return s.client().Run("", append(harness.To("gateway", s.sshAddr), strings.Join(words, " "))...)
}

var sentAs = regexp.MustCompile(`[Rr]equest ([0-9A-HJKMNP-TV-Z]{4})\b`)

// asks has Eng ask on a terminal for a target, and gives the code of the request once it is sent.
func (s *site) asks(target, why, long string) (*harness.Process, string) {
	s.t.Helper()
	p := s.client().Terminal(harness.To(target, s.sshAddr)...)
	for _, typed := range []string{why, long, "y"} {
		p.Expect(" › ", wait)
		p.Send(typed + "\r")
	}
	p.Expect("● sent", wait)
	m := sentAs.FindStringSubmatch(p.Expect("Ctrl-C", wait))
	if m == nil {
		s.t.Fatalf("no code in %q", harness.Plain(p.Output()))
	}
	return p, m[1]
}

// signs presses what leads to a sheet and signs it.
func (s *site) signs(p *harness.Person, press, after string) {
	s.t.Helper()
	p.Press(press)
	p.WaitText("Fingerprint of this text")
	p.Press("Sign with your passkey")
	p.WaitText(after)
}

// leaves ends a wait and gives what was asked for back, so that it may be asked for again.
func (s *site) leaves(p *harness.Process, code string) {
	s.t.Helper()
	p.Send("\x03")
	p.Wait(wait)
	if got := s.gateway("give-back", code); got.Code != 0 {
		s.t.Errorf("give-back %s: %+v", code, got)
	}
}

// pick clicks the first thing that a selector finds whose text contains text; the button in it, where it has one.
func pick(t *testing.T, p *harness.Person, selector, text string) {
	t.Helper()
	script := fmt.Sprintf(`(() => { const all = [...document.querySelectorAll(%q)].filter((e) => e.innerText.includes(%q)); if (all[0]) (all[0].querySelector("button") || all[0]).click(); return all.length ? "clicked" : "" })()`, selector, text)
	if p.Eval(script) == "" {
		t.Fatalf("%s: no %s says %q:\n%s", p.Name, selector, text, p.Text())
	}
}
