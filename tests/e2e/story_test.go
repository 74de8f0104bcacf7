package e2e

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
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
	t.Run("the recording plays in the browser", func(t *testing.T) {
		id := s.session(s.eng, code)
		s.eng.Goto(s.url + "/s/" + id)
		s.eng.Type(`input[name="purpose"]`, "the story's test")
		s.eng.Press("Show the recording")
		s.eng.WaitText("Terminal")
		s.eng.Press("Read it as text")
		s.eng.WaitText("marker-typed")
	})
	t.Run("and with lockbox play", func(t *testing.T) {
		id := s.session(s.eng, code)
		out := s.lockbox("play", id, "--config", s.config(), "--purpose", "the story's test", "--speed", "0")
		if !strings.Contains(out, "marker-typed") {
			t.Errorf("it plays %q", out)
		}
		dir, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", id))
		must(t, err)
		pins := s.writePins()
		if out := s.lockbox("verify", dir[0], "--pins", pins); !strings.Contains(out, "whole") {
			t.Errorf("verify says %q", out)
		}
	})
	t.Run("verify checks both votes offline", func(t *testing.T) {
		evidence := s.evidence(s.ann, code)
		out := s.lockbox("verify", evidence, "--pins", s.writePins())
		for _, want := range []string{"Ceo signed the hash", "Ann signed the hash", "one that you pinned", "ended within the grant"} {
			if !strings.Contains(out, want) {
				t.Errorf("verify does not say %q:\n%s", want, out)
			}
		}
		spoilt, err := os.ReadFile(evidence)
		must(t, err)
		must(t, os.WriteFile(evidence, []byte(strings.Replace(string(spoilt), `"for": 600000000000`, `"for": 900000000000`, -1)), 0o600))
		cmd := exec.Command(program, "verify", evidence, "--pins", s.path("pins.json"))
		if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("a receipt that was altered verifies: %s", out)
		}
	})
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
				if !strings.Contains(c, "401 (Unauthorized)") { // the page that asks to sign in is one
					t.Errorf("%s's browser complains: %s", who.Name, c)
				}
			}
		}
	})
	s.stop()
	t.Run("a stopped gateway leaves a valid store", func(t *testing.T) { s.start() })
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

// TestRefusals are the story's noes, on one founded gateway.
func TestRefusals(t *testing.T) {
	s := newSite(t)

	t.Run("without a terminal nothing hangs and nothing runs", func(t *testing.T) {
		got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "touch", "/tmp/x")...)
		lines := strings.Split(strings.TrimSpace(got.Stderr), "\n")
		if got.Code != 255 || got.Stdout != "" || len(lines) > 3 || !strings.Contains(got.Stderr, `"code":"LBX-NOGRANT"`) {
			t.Errorf("got %+v", got)
		}
		for _, l := range lines {
			if !strings.HasPrefix(l, "lockbox:") && !strings.HasPrefix(l, "lockbox-json:") {
				t.Errorf("a line begins %q", l)
			}
		}
	})
	t.Run("a stranger's key", func(t *testing.T) {
		ring, err := keys.Load(s.path("keys"))
		must(t, err)
		got := harness.OpenSSH(t, harness.NewIdentity(t)).Trust(s.sshAddr, ring.Host.PublicKey()).Run("", append(harness.To("db1.prod", s.sshAddr), "id")...)
		if got.Code != 255 || !strings.Contains(got.Stderr, "Permission denied") {
			t.Errorf("got %+v", got)
		}
	})
	p, code := s.ask()
	t.Run("own vote", func(t *testing.T) {
		s.signIn(s.eng)
		s.eng.Goto(s.url + "/a/" + code)
		if strings.Contains(s.eng.Text(), "Approve") {
			t.Errorf("the requester is asked to approve:\n%s", s.eng.Text())
		}
	})
	t.Run("a reviewer of another customer sees what an unknown code shows", func(t *testing.T) {
		s.signIn(s.bo)
		s.bo.Goto(s.url + "/c/" + code)
		foreign := strings.ReplaceAll(s.bo.Text(), code, "CODE")
		s.bo.Goto(s.url + "/c/ZZZZ")
		if unknown := strings.ReplaceAll(s.bo.Text(), "ZZZZ", "CODE"); sameButReference(foreign) != sameButReference(unknown) {
			t.Errorf("foreign:\n%s\nunknown:\n%s", foreign, unknown)
		}
	})
	t.Run("a board member added by the operator alone has no vote", func(t *testing.T) {
		lone := s.enrol("New", "new@x.eu", "--kind", "executive")
		lone.Goto(s.url + "/a/" + code)
		if strings.Contains(lone.Text(), "Approve") {
			t.Errorf("an unconfirmed executive may approve:\n%s", lone.Text())
		}
	})
	s.decide(s.ceo, "/a/", code)
	s.decide(s.ann, "/c/", code)
	number := s.number(p)
	t.Run("touch by another person", func(t *testing.T) {
		s.signIn(s.mate)
		s.mate.Goto(s.url + "/t/" + code)
		if strings.Contains(s.mate.Text(), "127.0.0.1") {
			t.Errorf("somebody else sees the terminal:\n%s", s.mate.Text())
		}
	})
	t.Run("three wrong numbers void the touch", func(t *testing.T) {
		wrong := "10"
		if number == wrong {
			wrong = "11"
		}
		s.signIn(s.eng)
		s.eng.Goto(s.url + "/t/" + code)
		for _, said := range []string{"2 tries left", "1 tries left", "third wrong number"} {
			s.eng.Type(`input[name="number"]`, wrong)
			s.eng.Press("Go on")
			s.eng.WaitText(said)
		}
	})
	t.Run("the people CA and the engineer's own key open no target", func(t *testing.T) {
		ring, err := keys.Load(s.path("keys"))
		must(t, err)
		people := signerIdentity(t, s.path("keys/people_ca"))
		for rule, id := range map[string]harness.Identity{
			"the engineer's own key":         s.key,
			"a certificate of the people CA": s.key.Certified(t, people, s.login),
		} {
			got := harness.OpenSSH(t, id).Trust(s.target.Addr, s.target.HostKey).Run("", append(harness.To(s.login, s.target.Addr), "id")...)
			if got.Code != 255 || !strings.Contains(got.Stderr, "Permission denied") {
				t.Errorf("%s: got %+v", rule, got)
			}
		}
		if string(ring.PeopleCA.PublicKey().Marshal()) == string(ring.TargetCA.PublicKey().Marshal()) {
			t.Error("one key does two jobs")
		}
	})
}

// sameButReference takes out what differs on every page.
func sameButReference(text string) string {
	return regexp.MustCompile(`e-[0-9a-z]+`).ReplaceAllString(text, "e-REF")
}

func signerIdentity(t *testing.T, path string) harness.Identity {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	raw, err := ssh.ParseRawPrivateKey(data)
	must(t, err)
	key, ok := raw.(*ed25519.PrivateKey)
	if !ok {
		t.Fatalf("%s is a %T", path, raw)
	}
	return harness.Identity{Key: *key}
}

// TestTheEndCutsEverything: a shell, a second multiplexed channel and an exec
// are open when the customer ends the access.
func TestTheEndCutsEverything(t *testing.T) {
	s := newSite(t)
	socket := filepath.Join(t.TempDir(), "mux")
	p, code := s.enter("-M", "-S", socket)
	second := harness.StartTerminal(t, s.client().Command(append([]string{"-S", socket}, harness.To("db1.prod", s.sshAddr)...)...))
	second.Expect("recorded", wait)
	run := s.client().Start(append([]string{"-S", socket}, append(harness.To("db1.prod", s.sshAddr), "sleep 600")...)...)
	other := s.client().Start(append(harness.To("db1.prod", s.sshAddr), "echo ready; sleep 600")...)
	other.Expect("ready", wait)
	if s.target.Connections() < 2 {
		t.Fatalf("the target has %d connections", s.target.Connections())
	}
	s.ann.Goto(s.url + "/r/" + code)
	s.ann.Press("End this access")
	began := time.Now()
	s.ann.Press("End it now")
	for name, q := range map[string]*harness.Process{"shell": p, "second channel": second, "exec": run, "other connection": other} {
		left := time.Second - time.Since(began) + 2*time.Second // the click and four processes to end on a busy machine
		select {
		case <-q.Done():
		case <-time.After(left):
			t.Errorf("the %s still lasts after %s", name, time.Since(began))
		}
	}
	if !strings.Contains(p.Output(), "revoked") && !strings.Contains(p.Output(), "ended") {
		t.Errorf("the shell was not told why:\n%s", p.Output())
	}
}

// TestKilledGatewayKeepsTheRecording: kill -9 in a session; after a restart the
// recording plays up to at most a second before.
func TestKilledGatewayKeepsTheRecording(t *testing.T) {
	s := newSite(t)
	p, code := s.enter()
	p.Send("for i in $(seq 1 200); do echo tick-$i; sleep 0.05; done\r")
	p.Expect("tick-40", wait)
	id := s.session(s.eng, code)
	last := lastTick(p.Output())
	s.serve.Signal(syscall.SIGKILL)
	s.serve.Wait(wait)
	s.start()
	out := s.lockbox("play", id, "--config", s.config(), "--purpose", "after the crash", "--speed", "0")
	if got := lastTick(out); got < last-20 { // 20 ticks are a second
		t.Errorf("the recording ends at tick %d, %d were shown", got, last)
	}
	s.signIn(s.eng)
	s.eng.Goto(s.url + "/s/" + id)
	s.eng.WaitText("recovered")
}

func lastTick(text string) (n int) {
	for _, m := range regexp.MustCompile(`tick-(\d+)`).FindAllStringSubmatch(text, -1) {
		v := 0
		for _, c := range m[1] {
			v = v*10 + int(c-'0')
		}
		n = max(n, v)
	}
	return n
}

// TestNoRecordingNoSession: the folder of recordings goes away.
func TestNoRecordingNoSession(t *testing.T) {
	s := newSite(t)
	p, _ := s.enter()
	folder := s.path("recordings")
	must(t, os.Rename(folder, folder+".gone"))
	must(t, os.WriteFile(folder, nil, 0o600)) // a file stands in its place, for root too
	got := s.client().Run("", append(harness.To("db1.prod", s.sshAddr), "id")...)
	if got.Stdout != "" || !strings.Contains(got.Stderr, "LBX-RECORDER") {
		t.Errorf("a new session: got %+v", got)
	}
	p.Send("yes unrecorded\r")
	select {
	case <-p.Done():
	case <-time.After(wait):
		t.Error("the open session goes on unrecorded")
	}
}

// TestHealth: operators see whether the gateway lives.
func TestHealth(t *testing.T) {
	s := newSite(t)
	conf, err := os.ReadFile(s.config())
	must(t, err)
	addr := regexp.MustCompile(`ops: \{ listen: "([^"]+)"`).FindStringSubmatch(string(conf))[1]
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		r, err := http.Get("http://" + addr + path)
		must(t, err)
		body, err := io.ReadAll(r.Body)
		must(t, err)
		must(t, r.Body.Close())
		if r.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
}
