package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockbox/tests/e2e/harness"
)

var (
	sessionID = regexp.MustCompile(`/s/([0-9A-Z]{26})`)
	codeWord  = regexp.MustCompile(`\b([0-9A-HJKMNP-TV-Z]{4})\b`)
)

// ask starts ssh on a terminal, fills the form in and returns the request's code once it waits.
func (s *site) ask(args ...string) (*harness.Process, string) {
	s.t.Helper()
	c := s.client()
	p := c.Terminal(append(args, harness.To("db1.prod", s.sshAddr)...)...)
	for _, typed := range []string{"contract stuck in state 7", "10m", "y"} {
		p.Expect(" › ", wait)
		p.Send(typed + "\r")
	}
	p.Expect("● ", wait)
	sent := p.Expect("Ctrl-C", wait)
	m := codeWord.FindAllString(p.Output(), -1)
	if len(m) == 0 {
		s.t.Fatalf("no request code in %q", sent)
	}
	return p, s.newest()
}

// newest is the code of Eng's newest request, as the command line over ssh tells it.
func (s *site) newest() string {
	s.t.Helper()
	got := s.client().Run("", append(harness.To("gateway", s.sshAddr), "status", "--json")...)
	codes := regexp.MustCompile(`"(?:id|request|code)"\s*:\s*"([0-9A-Z]{4,8})"`).FindAllStringSubmatch(got.Stdout, -1)
	if len(codes) == 0 {
		s.t.Fatalf("no code in %+v", got)
	}
	return codes[len(codes)-1][1]
}

// number waits for the touch that the terminal asks for and gives its number.
func (s *site) number(p *harness.Process) string {
	s.t.Helper()
	p.Expect("/t/", wait)
	out := regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]`).ReplaceAllString(p.Output(), "")
	m := regexp.MustCompile(`(?:number|tal)[^0-9]*:?\s*([1-9][0-9])\b`).FindAllStringSubmatch(out, -1)
	if len(m) == 0 {
		s.t.Fatalf("no number in %q", out)
	}
	return m[len(m)-1][1]
}

// enter gets Eng a shell on the target, with everybody's yes.
func (s *site) enter(args ...string) (*harness.Process, string) {
	s.t.Helper()
	p, code := s.ask(args...)
	s.decide(s.ceo, "/a/", code)
	s.decide(s.ann, "/c/", code)
	s.touch(s.eng, code, s.number(p))
	p.Expect("recorded", wait)
	p.Send("echo in-$((40+2))\r")
	p.Expect("in-42", wait)
	return p, code
}

// sessions of a request, as its page links them.
func (s *site) session(who *harness.Person, code string) string {
	s.t.Helper()
	who.Goto(s.url + "/r/" + code)
	m := sessionID.FindStringSubmatch(who.Eval(`document.body.innerHTML`))
	if m == nil {
		s.t.Fatalf("no session on the page of %s:\n%s", code, who.Text())
	}
	return m[1]
}

// TestTheStory is the main job, end to end, with real parts.
func TestTheStory(t *testing.T) {
	s := newSite(t)
	p, code := s.enter()
	p.Send("printf 'marker-%s\\n' typed; exit 7\r")
	p.Expect("marker-typed", wait)
	if got := p.Wait(wait); got != 7 {
		t.Errorf("ssh ended with %d, want the shell's own 7", got)
	}
	t.Run("the same touch opens the next session", func(t *testing.T) {
		got := s.client().Run("over stdin", append(harness.To("db1.prod", s.sshAddr), "cat; echo err >&2; exit 3")...)
		if got.Stdout != "over stdin" || !strings.Contains(got.Stderr, "err") || got.Code != 3 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the recording plays in the browser", func(t *testing.T) { s.playsInTheBrowser(code) })
	t.Run("and with lockbox play", func(t *testing.T) { s.playsInTheTerminal(t, code) })
	t.Run("verify checks both votes offline", func(t *testing.T) { s.verifies(t, code) })
	t.Run("what was typed and shown stands nowhere in clear", func(t *testing.T) {
		for _, word := range []string{"marker-typed", "in-42", "over stdin"} {
			if out, err := exec.Command("grep", "-rl", word, s.dir).CombinedOutput(); err == nil {
				t.Errorf("%q stands in %s", word, out)
			}
		}
	})
	t.Run("no page broke its own rules", func(t *testing.T) {
		for _, who := range []*harness.Person{s.eng, s.ceo, s.ann, s.cto} {
			for _, c := range who.Complaints() {
				if !strings.Contains(c, "401 (Unauthorized)") && !strings.Contains(c, "/favicon.ico") { // the page that asks to sign in; a text has no icon
					t.Errorf("%s's browser complains: %s", who.Name, c)
				}
			}
		}
	})
	s.stop()
	t.Run("a stopped gateway leaves a valid store", func(*testing.T) { s.start() })
}

func (s *site) playsInTheBrowser(code string) {
	id := s.session(s.eng, code)
	s.eng.Goto(s.url + "/s/" + id)
	s.eng.Type(`input[name="purpose"]`, "the story's test")
	s.eng.Press("Show the recording")
	s.eng.Click(".ap-player") // it never plays by itself
	s.eng.WaitText("marker-typed")
	s.eng.Press("Read it as text")
	s.eng.WaitText("marker-typed")
}

func (s *site) playsInTheTerminal(t *testing.T, code string) {
	id := s.session(s.eng, code)
	out := s.lockbox("play", id, "--config", s.config(), "--purpose", "the story's test", "--speed", "0")
	if !strings.Contains(out, "marker-typed") {
		t.Errorf("it plays %q", out)
	}
	dir, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", id))
	must(t, err)
	if out := s.lockbox("verify", dir[0], "--pins", s.writePins()); !strings.Contains(out, "whole") {
		t.Errorf("verify says %q", out)
	}
}

func (s *site) verifies(t *testing.T, code string) {
	evidence := s.evidence(s.ann, code)
	out := s.lockbox("verify", evidence, "--pins", s.writePins())
	for _, want := range []string{"Ceo signed the hash", "Ann signed the hash", "one that you pinned", "ended within the grant"} {
		if !strings.Contains(out, want) {
			t.Errorf("verify does not say %q:\n%s", want, out)
		}
	}
	spoilt, err := os.ReadFile(evidence)
	must(t, err)
	must(t, os.WriteFile(evidence, []byte(strings.ReplaceAll(string(spoilt), `"for": 600000000000`, `"for": 900000000000`)), 0o600))
	cmd := exec.Command(program, "verify", evidence, "--pins", s.path("pins.json"))
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a receipt that was altered verifies: %s", out)
	}
}

func (s *site) writePins() string {
	s.t.Helper()
	data, err := json.Marshal(s.pins)
	must(s.t, err)
	must(s.t, os.WriteFile(s.path("pins.json"), data, 0o600))
	return s.path("pins.json")
}

// evidence downloads a receipt with the person's own session.
func (s *site) evidence(who *harness.Person, code string) string {
	s.t.Helper()
	who.Goto(s.url + "/r/" + code)
	text := who.Eval(`(() => { const r = new XMLHttpRequest(); r.open("GET", "/r/` + code + `/evidence.json", false); r.send(); return r.responseText })()`)
	file := filepath.Join(s.t.TempDir(), "evidence.json")
	must(s.t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
