package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// TestAnswers: a yes to less than was asked, a question before it, and more time after it.
func TestAnswers(t *testing.T) {
	s := newSite(t)
	lapses := s.lapses(t) // its two minutes go by meanwhile
	t.Run("a question is answered in the waiting terminal", s.isAsked)
	t.Run("a yes to less", s.givesLess)
	t.Run("an extension in time goes on where it froze", s.goesOn)
	t.Run("an extension that nobody answers ends after the grace", lapses)
}

// isAsked: Ceo asks on the page, Eng answers in the terminal that waits.
func (s *site) isAsked(t *testing.T) {
	p, code := s.asks("db1.prod", "INC-1: contract stuck in state 7", "10m")
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/a/" + code)
	s.ceo.Choose("#text", "Which contract, and why at night?")
	s.ceo.Press("Send")
	s.ceo.WaitText("Which contract, and why at night?")
	look(t, s.ceo, "question-board")
	p.Expect("Ceo: Which contract, and why at night?", wait)
	p.Expect("Type an answer and press Enter", wait)
	p.Send("number 4312; the court opens at eight\r")
	p.Expect("Eng: number 4312", wait)
	s.ceo.Goto(s.url + "/a/" + code)
	s.ceo.WaitText("number 4312; the court opens at eight")
	look(t, s.ceo, "answer-board")
	p.Send("\x03")
	p.Wait(wait)
	keep(t, "question", p.Output())
	if got := s.gateway("cancel", code); got.Code != 0 {
		t.Errorf("cancel: %+v", got)
	}
}

// givesLess: 20 minutes of an hour, no single commands, and a promise.
func (s *site) givesLess(t *testing.T) {
	p, code := s.asks("db1.prod", "INC-2: two rows to mend by hand", "1h")
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/a/" + code)
	look(t, s.ceo, "board")
	s.ceo.Press("Approve with less")
	s.ceo.Type("#for", "20")
	s.ceo.Click(`input[name="action"][value="exec"]`)
	s.ceo.Type("#promise", "Touch only contract 4312")
	look(t, s.ceo, "less-form")
	s.ceo.Press("Approve with this")
	s.ceo.WaitText("Fingerprint of this text")
	look(t, s.ceo, "less-sheet")
	s.ceo.Press("Sign with your passkey")
	s.ceo.WaitText("Who decides")
	look(t, s.ceo, "less-after")
	s.signIn(s.ann)
	s.ann.Goto(s.url + "/c/" + code)
	look(t, s.ann, "less-customer")
	s.decide(s.ann, "/c/", code)
	p.Expect("20m instead of 1h · only shell", wait)
	p.Expect("Approved, if you promise:", wait)
	p.Expect("“Touch only contract 4312”", wait)
	p.Expect("Accept?", wait)
	p.Send("y\r")
	s.touch(s.eng, code, s.number(p))
	p.Expect("recorded", wait)
	p.Send("echo in-$((40+2))\r")
	p.Expect("in-42", wait)
	got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "touch", s.canary(t))...)
	keep(t, "less-exec", got.Stderr)
	if lines := strings.Split(strings.TrimSpace(got.Stderr), "\n"); got.Code != 255 || got.Stdout != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], "lockbox: ") {
		t.Errorf("exec under a grant without it: %+v", got)
	}
	if _, err := os.Stat(s.canary(t)); err == nil {
		t.Error("the command ran")
	}
	p.Send("exit\r")
	p.Wait(wait)
	keep(t, "less", p.Output())
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/r/" + code)
	look(t, s.eng, "less-request")
	out := s.lockbox("verify", s.evidence(s.ann, code), "--pins", s.writePins())
	keep(t, "less-verify", out)
	for _, want := range []string{"Ceo signed the hash", "Ann signed the hash", "ended within the grant"} {
		if !strings.Contains(out, want) {
			t.Errorf("verify does not say %q:\n%s", want, out)
		}
	}
	if got := s.gateway("give-back", code); got.Code != 0 {
		t.Errorf("give-back: %+v", got)
	}
}

// canary is a file on the target that is there once something ran which should not.
func (s *site) canary(t *testing.T) string {
	t.Helper()
	return filepath.Join(s.dir, "canary-"+filepath.Base(t.Name()))
}

// loops enters under a grant of a minute, asks for one more, and has the target count ten times a second.
func (s *site) loops(t *testing.T, target, why string, yes func(code string)) (p *harness.Process, more string, end time.Time) {
	t.Helper()
	p, code := s.asks(target, why, "1m")
	yes(code)
	number := s.number(p)
	before := time.Now()
	s.touch(s.eng, code, number)
	p.Expect("recorded", wait)
	end = before.Add(time.Minute) // at the latest so long after the first use
	got := s.gateway("extend", code, "1m", "--reason", "the index takes longer")
	m := sentAs.FindStringSubmatch(got.Stdout)
	if got.Code != 0 || m == nil {
		t.Fatalf("extend: %+v", got)
	}
	keep(t, "extend-"+target, got.Stdout)
	p.Send(`for i in $(seq 1 900); do echo "tick-$i"; read -t 0.1 typed && touch ` + s.canary(t) + `; done` + "\r")
	p.Expect("tick-9", wait)
	return p, m[1], end
}

// goesOn: at the end nothing passes either way; when all said yes it goes on, and nothing of the output is lost.
func (s *site) goesOn(t *testing.T) {
	p, more, end := s.loops(t, "db1.prod", "INC-3: an index is built anew", func(code string) {
		s.decide(s.ceo, "/a/", code)
		s.decide(s.ann, "/c/", code)
	})
	p.Expect("frozen while extension "+more, time.Until(end)+wait)
	at := lastTick(p.Output())
	p.Send("typed while frozen\r")
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/a/" + more)
	look(t, s.ceo, "extension-board")
	s.decide(s.ceo, "/a/", more)
	if now := lastTick(p.Output()); now != at {
		t.Errorf("after the end the terminal went on from tick %d to %d", at, now)
	}
	if _, err := os.Stat(s.canary(t)); err == nil {
		t.Error("what was typed while frozen reached the target")
	}
	s.decide(s.ann, "/c/", more)
	p.Expect("goes on under grant "+more, wait)
	last := lastTick(p.Output()) + 20
	p.Expect(fmt.Sprint("tick-", last), wait)
	keep(t, "extension", p.Output())
	s.settles("what was typed while frozen", func() string {
		if _, err := os.Stat(s.canary(t)); err != nil {
			return err.Error()
		}
		return ""
	})
	for i := 1; i <= last; i++ {
		if !strings.Contains(harness.Plain(p.Output()), fmt.Sprintf("tick-%d\r\n", i)) {
			t.Errorf("tick %d was lost", i)
		}
	}
	if got := s.gateway("give-back", more); got.Code != 0 {
		t.Errorf("give-back: %+v", got)
	}
	if got := p.Wait(wait); got != 77 {
		t.Errorf("given back, ssh ended with %d, want 77", got)
	}
	out := s.lockbox("verify", s.evidence(s.ann, more), "--pins", s.writePins())
	keep(t, "extension-verify", out)
}

// lapses begins a session whose extension nobody answers; the test that it gives looks at its end.
func (s *site) lapses(t *testing.T) func(*testing.T) {
	t.Helper()
	p, more, end := s.loops(t, "db2.prod", "INC-4: a report runs", func(code string) {
		s.decide(s.ceo, "/a/", code)
	})
	return func(t *testing.T) {
		got := p.Wait(time.Until(end) + 90*time.Second)
		keep(t, "lapsed", p.Output())
		if late := time.Since(end) - time.Minute; got != 77 || late > 15*time.Second {
			t.Errorf("ssh ended with %d, %s after the grace", got, late)
		}
		shown := harness.Plain(p.Output())
		_, after, froze := strings.Cut(shown, "frozen while extension "+more)
		if !froze || strings.Contains(after, "tick-") {
			t.Errorf("it was not frozen:\n%s", shown)
		}
		if !strings.Contains(after, "was not decided in time") {
			t.Errorf("the end does not say why:\n%s", after)
		}
	}
}
