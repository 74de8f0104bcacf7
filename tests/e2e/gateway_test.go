package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway/keys"
	"lockbox/tests/e2e/harness"
)

// A site is a real gateway, a real target and the people, as an organisation
// would set them up: init, serve, invite, compare fingerprints, found, serve.
type site struct {
	t       *testing.T
	dir     string
	url     string
	sshAddr string
	target  *harness.SSHD
	login   string // that the target has
	serve   *harness.Process
	browser *harness.Browser
	pins    approvals.Pinned
	env     []string            // of the gateway, besides our own
	key     harness.Identity    // Eng's SSH key
	nord    *age.HybridIdentity // opens recordings of sessions that reach nord alone

	eng, mate, ceo, cto, ann, bo *harness.Person
	third                        *harness.Person // on the board; nil: there are two
}

const wait = 30 * time.Second // for anything that happens at once on an idle machine

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newSite founds a gateway with five people: Eng asks, Ceo and Cto are the
// board, Ann reviews for nord, Bo for syd. db1.prod holds data of nord, and
// db2.prod of nobody: there the board alone says yes.
func newSite(t *testing.T) *site { return newBoard(t, false) }

// newBoard is newSite; with a third on the board, two are left to decide on what Eng and Mate ask for: Cto, who
// compares their fingerprints, is not asked.
func newBoard(t *testing.T, third bool) *site {
	t.Helper()
	s := &site{t: t, dir: filepath.Join(t.TempDir(), "gw"), sshAddr: freeAddr(t), login: harness.Login(t), key: harness.NewIdentity(t), nord: newAge(t)}
	web := freeAddr(t)
	_, port, err := net.SplitHostPort(web)
	must(t, err)
	s.url = "http://localhost:" + port
	s.lockbox("init", s.dir, "--log", "e2e.lockbox.test")
	ring, err := keys.Load(filepath.Join(s.dir, "keys"))
	must(t, err)
	s.target = harness.StartSSHD(t, ring.TargetCA.PublicKey())
	s.edit("lockbox.yaml", "127.0.0.1:2222", s.sshAddr)
	s.edit("lockbox.yaml", "http://localhost:8080", s.url)
	s.edit("lockbox.yaml", "127.0.0.1:8080", web)
	s.edit("lockbox.yaml", "127.0.0.1:9090", freeAddr(t))
	s.writePolicy(nil, nil)
	s.start()
	s.browser = harness.StartBrowser(t)
	must(t, os.WriteFile(filepath.Join(s.dir, "eng.pub"), ssh.MarshalAuthorizedKey(s.key.Public(t)), 0o600))
	s.ceo = s.enrol("Ceo", "ceo@x.eu", "--kind", "executive")
	s.cto = s.enrol("Cto", "cto@x.eu", "--kind", "executive")
	s.ann = s.enrol("Ann", "ann@nord.x", "--kind", "customer", "--customer", "nord")
	s.bo = s.enrol("Bo", "bo@syd.x", "--kind", "customer", "--customer", "syd")
	if third {
		s.third = s.enrol("New", "new@x.eu", "--kind", "executive")
	}
	s.found()
	s.eng = s.enrol("Eng", "eng@x.eu", "--ssh-key", filepath.Join(s.dir, "eng.pub"))
	s.mate = s.enrol("Mate", "mate@x.eu")
	for range 2 { // the fingerprints of Eng and of Mate
		s.compares(s.cto)
	}
	return s
}

// compares confirms the passkey of somebody who is new.
func (s *site) compares(p *harness.Person) {
	s.t.Helper()
	s.signIn(p)
	p.Goto(s.url + "/people")
	p.Click(`input[name="compared"]`)
	p.Press("Confirm")
	p.WaitText("Sign with your passkey")
	p.Press("Sign with your passkey")
	p.WaitText("Passkeys to compare")
}

// lockbox runs a command of the program to its end and returns what it printed.
func (s *site) lockbox(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(program, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("lockbox %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.Bytes())
	}
	return string(out)
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }
func (s *site) config() string          { return s.path("lockbox.yaml") }

func (s *site) edit(name, old, with string) {
	s.t.Helper()
	data, err := os.ReadFile(s.path(name))
	must(s.t, err)
	if !bytes.Contains(data, []byte(old)) {
		s.t.Fatalf("%s has no %q", name, old)
	}
	must(s.t, os.WriteFile(s.path(name), bytes.ReplaceAll(data, []byte(old), []byte(with)), 0o600))
}

// rules is the policy but for who founded it: on db1.prod the board and the
// customer say yes, on db2.prod the board alone.
const rules = `groups:
  engineers: { members: [eng@x.eu, mate@x.eu] }
  executive-board: { members: [ceo@x.eu, cto@x.eu, new@x.eu] }
customers:
  nord: { name: Nord Legal, seal_to: [%s]%s }
  syd: { name: Syd Bank%s }
targets:
  db1.prod:
    kind: ssh
    address: %q
    host_key: %q
    logins: { %s: { reaches: all } }
    owner: eng@x.eu
    location: test
    customers: [nord]
    labels: { env: prod }
  db2.prod:
    kind: ssh
    address: %q
    host_key: %q
    logins: { %s: { reaches: all } }
    owner: eng@x.eu
    location: test
    labels: { env: board }
rules:
  - name: production shell
    permit: [shell, exec]
    who: { groups: [engineers] }
    on: { labels: { env: prod } }
    reasons: [outage]
    stages: [ { executive: { group: executive-board, count: 1 } }, { customer: { count: 1 } } ]
    limits: { default: 1h, max: 4h, activate_within: 60m }
    touch: { within: 15m }
    record: { seal: [vault, customer], redact: [tokens, keys, cpr, cards], keep: 90d }
  - name: the board alone
    permit: [shell]
    who: { groups: [engineers] }
    on: { labels: { env: board } }
    reasons: [outage]
    stages: [ { executive: { group: executive-board, count: 1 } } ]
    limits: { default: 1h, max: 4h, activate_within: 60m }
    touch: { within: 15m }
`

// writePolicy writes the policy, with what was founded.
func (s *site) writePolicy(executives []string, customers map[string][]string) {
	s.t.Helper()
	list := func(all []string) string {
		quoted := []string{}
		for _, f := range all {
			quoted = append(quoted, fmt.Sprintf("%q", f))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	founders := func(customer string) string {
		if len(customers[customer]) == 0 {
			return ""
		}
		return ", founded_by: " + list(customers[customer])
	}
	key := ssh.FingerprintSHA256(s.target.HostKey)
	text := "version: 1\n"
	if len(executives) > 0 {
		text += "executives: { founded_by: " + list(executives) + " }\n"
	}
	text += fmt.Sprintf(rules, s.nord.Recipient(), founders("nord"), founders("syd"), s.target.Addr, key, s.login, strings.Replace(s.target.Addr, "127.0.0.1", "localhost", 1), key, s.login)
	must(s.t, os.WriteFile(s.path("policy/policy.yaml"), []byte(text), 0o600))
}

func (s *site) start() {
	s.t.Helper()
	cmd := exec.Command(program, "serve", "--config", s.config())
	cmd.Env = append(cmd.Environ(), s.env...)
	s.serve = harness.Start(s.t, cmd)
	serve := s.serve
	s.t.Cleanup(func() { // what the gateway was doing when a test failed
		select {
		case <-serve.Done():
		default:
			if s.t.Failed() {
				serve.Signal(syscall.SIGQUIT)
				<-serve.Done()
				s.t.Log(serve.Errors())
			}
		}
	})
	s.serve.Expect("lockbox serves", wait)
}

// stop ends the gateway as an operator would.
func (s *site) stop() {
	s.t.Helper()
	s.serve.Signal(os.Interrupt)
	if code := s.serve.Wait(wait); code != 0 {
		s.t.Fatalf("serve ended with %d\n%s", code, s.serve.Errors())
	}
}

// enrol invites somebody and makes their passkey in a browser of their own.
func (s *site) enrol(name, id string, flags ...string) *harness.Person {
	s.t.Helper()
	link := s.lockbox(append([]string{"invite", "--config", s.config(), "--name", name, id}, flags...)...)
	p := s.browser.Person(name)
	p.Goto(strings.TrimSpace(link))
	p.Press("Make the passkey")
	p.WaitText("Your passkey is made")
	if strings.Contains(p.Text(), "Your SSH key") {
		p.Press("Sign with your passkey")
		p.WaitText("The SSH key is yours.")
	}
	return p
}

// found pins the fingerprints that `lockbox found` prints and starts again in
// production: nothing is in force before two executives have signed the policy.
func (s *site) found() {
	s.t.Helper()
	must(s.t, json.Unmarshal([]byte(s.lockbox("found", "--json", "--config", s.config())), &s.pins))
	s.stop()
	s.writePolicy(s.pins.Executives, s.pins.Customers)
	s.edit("lockbox.yaml", "mode: development", "mode: production")
	s.start()
	s.activate()
}

// activate has both executives sign the change that waits.
func (s *site) activate() {
	s.t.Helper()
	for _, p := range []*harness.Person{s.ceo, s.cto} {
		s.signIn(p)
		p.Goto(s.url + "/policy")
		p.Press("Read and sign")
		p.WaitText("lockbox-activate/v1")
		p.Press("Sign with your passkey")
		p.WaitText(p.Name + " signed on")
	}
}

func (s *site) signIn(p *harness.Person) {
	s.t.Helper()
	p.Goto(s.url + "/")
	if strings.Contains(p.Text(), "Sign out") {
		return
	}
	p.Press("Sign in with a passkey")
	p.WaitText("Sign out")
}

// client is Eng's OpenSSH client, which knows the gateway.
func (s *site) client() *harness.Client {
	s.t.Helper()
	ring, err := keys.Load(s.path("keys"))
	must(s.t, err)
	return harness.OpenSSH(s.t, s.key).Trust(s.sshAddr, ring.Host.PublicKey())
}

// decide signs in, opens the decision and approves it.
func (s *site) decide(p *harness.Person, page, code string) {
	s.t.Helper()
	s.signIn(p)
	p.Goto(s.url + page + code)
	p.Press("Approve")
	p.WaitText("Sign with your passkey")
	p.Press("Sign with your passkey")
	p.WaitText("Who decides")
}

// touch types the number and touches.
func (s *site) touch(p *harness.Person, code, number string) {
	s.t.Helper()
	s.signIn(p)
	p.Goto(s.url + "/t/" + code)
	p.Type(`input[name="number"]`, number)
	p.Press("Go on")
	p.WaitText("Sign with your passkey")
	p.Press("Sign with your passkey")
	p.WaitText("Your terminal goes on by itself")
}

// newAge makes a key that recordings can be sealed to.
func newAge(t *testing.T) *age.HybridIdentity {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	return id
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	must(t, err)
	return b
}
