package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockbox/tests/e2e/harness"
)

// TestWhoDecides: who may say yes changes by what people sign, and by nothing else.
func TestWhoDecides(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	t.Run("a standing instruction stands for two requests", s.standsTwice)
	newcomer := s.enrol("New", "new@x.eu", "--kind", "executive")
	t.Run("an executive is admitted by two", func(t *testing.T) { s.admits(t, newcomer) })
	t.Run("a policy that asks for a declaration", s.declares)
	var code string
	t.Run("a deputy and who made them are one person", func(t *testing.T) { code = s.deputises(t, newcomer) })
	t.Run("an executive is dismissed by two, at once", func(t *testing.T) { s.dismisses(t, newcomer) })
	t.Run("policy explain, diff and replay of all this", func(t *testing.T) { s.asksThePolicy(t, code) })
}

// fillUntil fills in until when something holds: tomorrow at noon.
func fillUntil(p *harness.Person) {
	p.Choose("#until-date", time.Now().Add(24*time.Hour).Format(time.DateOnly))
	p.Choose("#until-time", "12:00")
}

// standsTwice: Ann signs for two requests; the third asks her again.
func (s *site) standsTwice(t *testing.T) {
	s.signIn(s.ann)
	s.ann.Goto(s.url + "/customers")
	look(t, s.ann, "customers")
	s.ann.Press("Propose a standing instruction")
	s.ann.Type("#uses", "2")
	s.ann.Type("#minutes", "30")
	fillUntil(s.ann)
	s.ann.Click(`input[name="target"][value="db1.prod"]`)
	look(t, s.ann, "standing-form")
	pick(t, s.ann, "form:has(#uses) button", "Propose")
	s.ann.WaitText("What becomes so")
	look(t, s.ann, "standing-motion")
	s.ann.Press("Read and sign")
	s.ann.WaitText("Fingerprint of this text")
	look(t, s.ann, "standing-sheet")
	s.ann.Press("Sign with your passkey")
	s.ann.WaitText("Ann signed on")
	for _, why := range []string{"INC-5: first of two", "INC-6: second of two"} {
		p, code := s.asks("db1.prod", why, "30m")
		s.decide(s.ceo, "/a/", code)
		s.number(p)
		keep(t, "standing", p.Output())
		s.leaves(p, code)
		s.signIn(s.ann)
		s.ann.Goto(s.url + "/c/" + code)
		look(t, s.ann, "standing-used")
		out := s.lockbox("verify", s.evidence(s.ann, code), "--pins", s.writePins())
		keep(t, "standing-verify", out)
		if !strings.Contains(out, "of customer nord stands for its vote") {
			t.Errorf("Ann's evidence of %s does not show the instruction:\n%s", code, out)
		}
	}
	p, code := s.asks("db1.prod", "INC-7: one too many", "30m")
	s.decide(s.ceo, "/a/", code)
	p.Expect("waiting for Nord Legal", wait)
	s.decide(s.ann, "/c/", code)
	s.number(p)
	s.leaves(p, code)
	s.ann.Goto(s.url + "/customers")
	look(t, s.ann, "standing-spent")
}

// confirms has Cto compare the fingerprint of the one who waits.
func (s *site) confirms() {
	s.t.Helper()
	s.signIn(s.cto)
	s.cto.Goto(s.url + "/people")
	s.cto.Click(`input[name="compared"]`)
	s.signs(s.cto, "Confirm", "Passkeys to compare")
}

// admits: enrolled is not admitted; Ceo and Cto sign, and from then on New has a vote.
func (s *site) admits(t *testing.T, newcomer *harness.Person) {
	p, code := s.asks("db1.prod", "INC-8: the new one decides", "1h")
	sees := func(what string) {
		t.Helper()
		s.signIn(newcomer)
		newcomer.Goto(s.url + "/a/" + code)
		if text := newcomer.Text(); strings.Contains(text, "INC-8") || strings.Contains(text, "Approve") {
			t.Errorf("%s sees the request:\n%s", what, text)
		}
		look(t, newcomer, "new-"+strings.ReplaceAll(what, " ", "-"))
		newcomer.Goto(s.url + "/")
		look(t, newcomer, "new-inbox-"+strings.ReplaceAll(what, " ", "-"))
	}
	sees("an unconfirmed executive")
	s.confirms()
	sees("an executive who was not admitted")
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/people")
	look(t, s.ceo, "people")
	s.ceo.Press("Propose to admit this passkey")
	s.ceo.WaitText("What becomes so")
	look(t, s.ceo, "admit-motion")
	s.signs(s.ceo, "Read and sign", "Ceo signed on")
	s.seconds(t, "New")
	s.decide(newcomer, "/a/", code)
	s.decide(s.ann, "/c/", code)
	s.number(p)
	s.leaves(p, code)
	out := s.lockbox("verify", s.evidence(s.ann, code), "--pins", s.writePins())
	keep(t, "admit-verify", out)
	if !strings.Contains(out, "the passkey of New was admitted by motion") {
		t.Errorf("verify does not tell by what New's vote counts:\n%s", out)
	}
}

// seconds has Cto find the motion about somebody in the inbox, and sign it.
func (s *site) seconds(t *testing.T, about string) {
	t.Helper()
	s.signIn(s.cto)
	s.cto.Goto(s.url + "/")
	look(t, s.cto, "motion-inbox")
	pick(t, s.cto, ".card a", about)
	s.cto.WaitText("What becomes so")
	s.signs(s.cto, "Read and sign", "Cto signed on")
}

// dismisses takes the vote back at once: New has the sheet open while Ceo and Cto sign.
func (s *site) dismisses(t *testing.T, newcomer *harness.Person) {
	p, code := s.asks("db1.prod", "INC-10: after the dismissal", "1h")
	newcomer.Goto(s.url + "/a/" + code)
	newcomer.Press("Approve")
	newcomer.WaitText("Fingerprint of this text")
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/people")
	pick(t, s.ceo, "li.card:has(button)", "new@x.eu")
	s.ceo.WaitText("What becomes so")
	look(t, s.ceo, "dismiss-motion")
	s.signs(s.ceo, "Read and sign", "Ceo signed on")
	s.seconds(t, "New")
	newcomer.Press("Sign with your passkey")
	newcomer.WaitText("Back, without signing")
	look(t, newcomer, "dismissed-sheet")
	s.signIn(newcomer)
	newcomer.Goto(s.url + "/a/" + code)
	look(t, newcomer, "dismissed")
	if text := newcomer.Text(); strings.Contains(text, "INC-10") || strings.Contains(text, "Approve") {
		t.Errorf("who was dismissed still sees the request:\n%s", text)
	}
	if out := harness.Plain(p.Output()); strings.Contains(out, "New approved") {
		t.Errorf("the vote of who was dismissed counts:\n%s", out)
	}
	p.Send("\x03")
	p.Wait(wait)
}

// declares: two executives sign a policy that asks for a declaration; Eng signs that in the browser, and the terminal goes on.
func (s *site) declares(t *testing.T) {
	must(t, exec.Command("cp", "-r", s.path("policy"), s.path("policy.old")).Run())
	s.edit("policy/policy.yaml", "version: 1\n", "version: 1\ndeclaration: { version: \"2026-11\", text: [ \"I keep what I see to myself.\", \"I take no copy of it.\" ] }\n")
	s.edit("policy/policy.yaml", "stages: [ { executive: { group: executive-board, count: 1 } } ]", "stages: [ { executive: { group: executive-board, count: 2 } } ]")
	code, out := s.reload()
	keep(t, "reload", out)
	if code != 0 || !strings.Contains(out, "offered") {
		t.Fatalf("reload: exit %d\n%s", code, out)
	}
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/policy")
	look(t, s.ceo, "policy")
	s.activate()
	p := s.client().Terminal(harness.To("db2.prod", s.sshAddr)...)
	p.Expect("/me/declaration", wait)
	p.Expect("waiting for your signature", wait)
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/me/declaration")
	look(t, s.eng, "declaration")
	s.eng.Press("I have read it")
	s.eng.WaitText("Fingerprint of this text")
	look(t, s.eng, "declaration-sheet")
	s.eng.Press("Sign with your passkey")
	s.eng.WaitText("Eng signed on")
	p.Expect("signed", wait)
	p.Expect("Reason", wait)
	p.Send("\x03")
	p.Wait(wait)
	keep(t, "declaration", p.Output())
}

// deputises: Mate votes for Ceo, and then Ceo's own vote is not a second one.
func (s *site) deputises(t *testing.T, newcomer *harness.Person) (code string) {
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/me/delegation")
	pick(t, s.ceo, ".people label", "Mate")
	fillUntil(s.ceo)
	look(t, s.ceo, "delegation-form")
	s.ceo.Press("Go on, to read and sign")
	s.ceo.WaitText("Fingerprint of this text")
	look(t, s.ceo, "delegation-sheet")
	s.ceo.Press("Sign with your passkey")
	s.ceo.WaitText("Ceo signed on")
	p, code := s.asks("db2.prod", "INC-9: both of the board", "1h")
	s.signIn(s.mate)
	s.mate.Goto(s.url + "/a/" + code)
	look(t, s.mate, "deputy-board")
	s.decide(s.mate, "/a/", code)
	look(t, s.mate, "deputy-after")
	p.Expect("Mate for ", wait)
	s.ceo.Goto(s.url + "/a/" + code)
	look(t, s.ceo, "deputised")
	if text := s.ceo.Text(); strings.Contains(text, "Approve 1 h") || !strings.Contains(text, "Mate answered for you") {
		t.Errorf("after the deputy Ceo is asked again, or not told:\n%s", text)
	}
	s.decide(newcomer, "/a/", code)
	s.number(p)
	keep(t, "deputy", p.Output())
	s.leaves(p, code)
	out := s.lockbox("verify", s.evidence(s.ceo, code), "--pins", s.writePins())
	keep(t, "deputy-verify", out)
	if !regexp.MustCompile(`Mate is the deputy of ceo@x.eu, by delegation [0-9A-Z]{4}`).MatchString(out) {
		t.Errorf("verify does not name the delegation:\n%s", out)
	}
	return code
}

// asksThePolicy asks the command line about all that was asked above.
func (s *site) asksThePolicy(t *testing.T, code string) {
	for name, c := range map[string]struct {
		args []string
		exit int
		says []string
	}{
		"request": {[]string{"explain", s.path("policy"), "--request", code, "--config", s.config()}, 0, []string{"Request " + code, "2 of executive-board"}},
		"explain": {[]string{"explain", s.path("policy"), "--as", "eng@x.eu", "--do", "shell", "--on", "db2.prod", "--reason", "outage"}, 0, []string{"the board alone", "declaration 2026-11"}},
		"diff":    {[]string{"diff", s.path("policy.old"), s.path("policy")}, 1, []string{"2026-11", "db2.prod"}},
		"replay":  {[]string{"replay", s.path("policy.old"), "--last", "90d", "--config", s.config()}, 1, []string{"would go otherwise"}},
	} {
		cmd := exec.Command(program, append([]string{"policy"}, c.args...)...)
		out, _ := cmd.CombinedOutput()
		keep(t, "policy-"+name, string(out))
		for _, want := range c.says {
			if !strings.Contains(string(out), want) || cmd.ProcessState.ExitCode() != c.exit {
				t.Errorf("%s: exit %d, want %d with %q:\n%s", name, cmd.ProcessState.ExitCode(), c.exit, want, out)
			}
		}
	}
}
