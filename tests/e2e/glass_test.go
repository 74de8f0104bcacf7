package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/fakes/slack"
)

var (
	sealedCode  = regexp.MustCompile(`\b(?:[0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}\b`)
	motionLink  = regexp.MustCompile(`/m/([0-9A-Z]+)`)
	brokenGlass = regexp.MustCompile(`EMERGENCY ([0-9A-Z]{4})`)
)

const glassRule = `  - name: break-glass
    permit: [shell, exec]
    who: { groups: [engineers] }
    on: { labels: { env: prod } }
    reasons: [outage]
    stages: [ { break-glass: { group: oncall, count: 1, expires: 15m } } ]
    limits: { default: 30m, max: 1h }
`

// TestTheNightInWhichNobodyCanBeAsked: Slack, the mail server and the witness are
// really gone. A sealed code, a second person and a touch still let somebody in, none of the
// three is enough, it is recorded; and once all is back, who was skipped is told,
// and executives ratify it. People sign in with passkeys, which need no provider.
func TestTheNightInWhichNobodyCanBeAsked(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	s.stop()
	o := s.connect()
	edit(t, s.path("policy/policy.yaml"), "    touch: { within: 15m }\n", "    touch: { within: 15m }\n    witnesses: 1\n")
	edit(t, s.path("policy/policy.yaml"), "  executive-board:", "  oncall: { members: [eng@x.eu, mate@x.eu] }\n  executive-board:")
	edit(t, s.path("policy/policy.yaml"), "  - name: the board alone\n", glassRule+"  - name: the board alone\n")
	s.start()
	s.activate()
	codes := s.sealedCodes(3)

	o.fails()
	s.normalWayIsShut()
	code := s.breaksOverSSH(codes[0])
	s.getsIn(code)
	s.reads(code)
	code2 := s.breaksOnThePage(codes[1], codes[0])
	s.stop() // at the worst moment: nobody has heard of either yet
	s.start()
	if told := o.told(code); len(told) > 0 {
		t.Errorf("somebody was told while all was down: %q", told)
	}

	o.returns()
	o.tells(code)
	s.ratifies(code)
	s.verifiesEmergency(code, "executives ratified it in time", "session")
	s.verifiesEmergency(code2, "no executive had ratified it")
	if out := s.lockbox("glass", "list", "--config", s.config()); !strings.Contains(out, "used for "+code) || !strings.Contains(out, "1 codes are ready, of 3.") {
		t.Errorf("glass list says\n%s", out)
	}
	for _, c := range codes {
		if out, err := exec.Command("grep", "-rl", "-e", c, "-e", strings.ReplaceAll(c, "-", ""), s.dir).CombinedOutput(); err == nil {
			t.Errorf("a sealed code stands in %s", out)
		}
	}
	if said := s.serve.Errors(); sealedCode.MatchString(said) {
		t.Errorf("a sealed code stands in what the gateway says:\n%s", said)
	}
}

// sealedCodes makes codes as an operator does; executives sign for them, and
// before that they open nothing.
func (s *site) sealedCodes(n int) []string {
	s.t.Helper()
	cmd := exec.Command(program, "glass", "make", "--count", "3", "--all", "--config", s.config())
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	must(s.t, err)
	codes, motion := sealedCode.FindAllString(string(out), -1), motionLink.FindStringSubmatch(errs.String())
	if len(codes) != n || motion == nil {
		s.t.Fatalf("glass make printed\n%s%s", out, errs.String())
	}
	if got := s.breaks(codes[0]); got.Code == 0 || !strings.Contains(got.Stderr, "executives have not signed") {
		s.t.Errorf("with a code that nobody signed for: %+v", got)
	}
	for _, p := range []*harness.Person{s.ceo, s.cto} {
		s.signIn(p)
		s.signsMotion(p, motion[1])
	}
	return codes
}

// signsMotion reads a motion and signs it.
func (s *site) signsMotion(p *harness.Person, id string) {
	s.t.Helper()
	p.Goto(s.url + "/m/" + id)
	p.Press("Read and sign")
	p.WaitText("Sign with your passkey")
	p.Press("Sign with your passkey")
	p.WaitText(p.Name + " signed on")
}

// breaks gives a code on standard input, as a program would.
func (s *site) breaks(code string) harness.Result {
	s.t.Helper()
	return s.client().Run(code+"\n", append(harness.To("gateway", s.sshAddr), "glass", "db1.prod", "--reason", "'all is down, and nobody answers'")...)
}

// normalWayIsShut: with everybody's yes, no session opens, for nobody cosigns.
func (s *site) normalWayIsShut() {
	s.t.Helper()
	p, code := s.ask()
	s.decide(s.ceo, "/a/", code)
	s.decide(s.ann, "/c/", code)
	s.touch(s.eng, code, s.number(p))
	p.Expect("cosigned by 1 witness", wait)
	p.Wait(wait)
	s.eng.Goto(s.url + "/r/" + code)
	s.eng.Press("Give the access back")
	s.eng.WaitText("gave the access back")
}

// breaksOverSSH types the code where it is not shown, and gives the request's.
func (s *site) breaksOverSSH(code string) string {
	s.t.Helper()
	other := "0123-" + code[5:] // mistyped
	if got := s.breaks(other); got.Code == 0 || !strings.Contains(got.Stderr, "type it again") {
		s.t.Errorf("with a code that is mistyped: %+v", got)
	}
	env := s.client().Run("", append([]string{"-o", "SetEnv=LC_CODE=" + code}, append(harness.To("gateway", s.sshAddr), "glass", "db1.prod", "--reason", "'all is down, and nobody answers'")...)...)
	if env.Code == 0 || !strings.Contains(env.Stderr, "nowhere to read the sealed code") {
		s.t.Errorf("with a code in the environment: %+v", env)
	}
	arg := s.client().Run("", append(harness.To("gateway", s.sshAddr), "glass", "db1.prod", code, "--reason", "'all is down, and nobody answers'")...)
	if arg.Code == 0 || strings.Contains(arg.Stderr+arg.Stdout, code) {
		s.t.Errorf("with a code as an argument: %+v", arg)
	}
	p := s.client().Terminal(append([]string{"-t"}, append(harness.To("gateway", s.sshAddr), "glass", "db1.prod", "--reason", "'all is down, and nobody answers'")...)...)
	p.Expect("Sealed code", wait)
	p.Send(code + "\r")
	request := brokenGlass.FindStringSubmatch(p.Expect("for 30m", wait))
	p.Expect("/a/", wait)
	if got := p.Wait(wait); got != 0 || request == nil {
		s.t.Fatalf("it ends with %d:\n%s", got, harness.Plain(p.Output()))
	}
	if strings.Contains(p.Output(), code) {
		s.t.Error("the code is on the screen")
	}
	return request[1]
}

// getsIn: the code alone lets nobody in, nor with the second person's yes; the touch does.
func (s *site) getsIn(code string) {
	s.t.Helper()
	if got := s.jumps("true"); got.Code == 0 {
		s.t.Error("a code alone opens by ssh -J")
	}
	db1 := append(harness.To("db1.prod", s.sshAddr), "echo", "in")
	if got := s.client().Run("", db1...); got.Code != 255 || got.Stdout != "" {
		s.t.Errorf("with a code alone: %+v", got)
	}
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/a/" + code)
	if strings.Contains(s.eng.Text(), "Approve") {
		s.t.Errorf("who asks may be the second person, too:\n%s", s.eng.Text())
	}
	s.saysYes(s.mate, code)
	if got := s.client().Run("", db1...); got.Code != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, "LBX-TOUCH") {
		s.t.Errorf("with a code and a second person, and no touch: %+v", got)
	}
	p := s.client().Terminal(harness.To("db1.prod", s.sshAddr)...)
	s.touch(s.eng, code, s.number(p))
	p.Expect("recorded", wait)
	p.Send("printf 'night-%s\\n' shift; exit 7\r")
	p.Expect("night-shift", wait)
	if got := p.Wait(wait); got != 7 {
		s.t.Errorf("ssh ended with %d, want the shell's own 7", got)
	}
	if got := s.jumps("echo jumped; exit 3"); got.Code != 3 || got.Stdout != "jumped\n" {
		s.t.Errorf("by ssh -J, within the minutes of the touch: %+v", got)
	}
}

// jumps goes to db1.prod as if it were reached directly: ssh -J.
func (s *site) jumps(command string) harness.Result {
	s.t.Helper()
	ring, err := keys.Load(s.path("keys"))
	must(s.t, err)
	c := s.client()
	known := "@cert-authority db1.prod " + string(ssh.MarshalAuthorizedKey(ring.HostCA.PublicKey()))
	must(s.t, os.WriteFile(filepath.Join(c.Dir, "inner"), []byte(known), 0o600))
	host, port, err := net.SplitHostPort(s.sshAddr)
	must(s.t, err)
	jump := fmt.Sprintf("ProxyCommand=ssh -F %s/config -p %s -W %%h:%%p eng@%s", c.Dir, port, host)
	return c.Run("", "-o", jump, "-o", "UserKnownHostsFile="+filepath.Join(c.Dir, "inner"), s.login+"@db1.prod", command)
}

// saysYes is the second person's part.
func (s *site) saysYes(p *harness.Person, code string) {
	s.t.Helper()
	s.signIn(p)
	p.Goto(s.url + "/a/" + code)
	p.WaitText("EMERGENCY")
	p.Press("Say yes, 30 min")
	p.WaitText("THE GLASS IS BROKEN")
	p.Press("Sign with your passkey")
	p.WaitText("Who decides")
}

// reads plays what was recorded that night.
func (s *site) reads(code string) {
	s.t.Helper()
	id := s.session(s.eng, code)
	if out := s.lockbox("play", id, "--config", s.config(), "--purpose", "the story's test", "--speed", "0"); !strings.Contains(out, "night-shift") {
		s.t.Errorf("it plays %q", out)
	}
}

// breaksOnThePage is the same in a browser, for another code; a used one is refused.
func (s *site) breaksOnThePage(code, used string) string {
	s.t.Helper()
	s.eng.Goto(s.url + "/glass")
	s.eng.Press("db1.prod")
	for _, c := range []string{used, code} {
		s.eng.WaitText("Sealed code")
		s.eng.Eval(`document.querySelector("#text").value = "all is down, and nobody answers"`)
		s.eng.Type("#sealed", c)
		s.eng.Press("Break the glass")
		if c == used {
			s.eng.WaitText("each opens the glass once")
		}
	}
	s.eng.WaitURL("/r/")
	s.eng.WaitText("EMERGENCY")
	request := s.eng.URL()[strings.LastIndex(s.eng.URL(), "/")+1:]
	s.saysYes(s.mate, request)
	return request
}

// told is what was said outside of a request.
func (o *outside) told(code string) (all []string) {
	for _, m := range o.slack.Messages(slack.Channel) {
		if strings.Contains(m.Text, code) {
			all = append(all, "slack "+m.Text)
		}
	}
	for _, l := range o.mails.Mails() {
		if strings.Contains(string(l.Body), code) {
			all = append(all, "mail "+l.To)
		}
	}
	return all
}

// tells waits until all who were skipped have heard, wherever they are reached.
func (o *outside) tells(code string) {
	o.s.t.Helper()
	want := []string{"slack ", "mail ceo@x.eu", "mail cto@x.eu", "mail ann@nord.x"}
	tick, late := time.NewTicker(100*time.Millisecond), time.After(3*time.Minute)
	defer tick.Stop()
	for {
		said := strings.Join(o.told(code), "\n")
		missing := ""
		for _, w := range want {
			if !strings.Contains(said, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-late:
			o.s.t.Fatalf("nobody told %s of %s; told are\n%s", missing, code, said)
		case <-tick.C:
		}
	}
}

// ratifies is the executives' part, in the morning.
func (s *site) ratifies(code string) {
	s.t.Helper()
	s.signIn(s.ceo)
	s.ceo.Goto(s.url + "/incidents")
	s.ceo.WaitText("to be ratified")
	s.ceo.Goto(s.url + "/incidents/" + code)
	s.ceo.Press("Ratify it")
	s.ceo.WaitText("Read and sign")
	s.ceo.Press("Read and sign")
	s.ceo.WaitText("Sign with your passkey")
	s.ceo.Press("Sign with your passkey")
	s.ceo.WaitText(s.ceo.Name + " signed on")
	s.ceo.Goto(s.url + "/incidents/" + code)
	s.ceo.WaitText("Settled")
}

// verifiesEmergency checks a receipt offline.
func (s *site) verifiesEmergency(code string, wants ...string) {
	s.t.Helper()
	out := s.lockbox("verify", s.evidence(s.ann, code), "--pins", s.writePins())
	for _, want := range append(wants, "EMERGENCY", "with sealed code", "Mate signed") {
		if !strings.Contains(out, want) {
			s.t.Errorf("verify does not say %q:\n%s", want, out)
		}
	}
}
