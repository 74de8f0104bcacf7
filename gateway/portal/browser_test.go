package portal

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/gateway/keys"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// A site is a portal that a real browser can open, and nobody enrolled yet.
type site struct {
	*Portal
	t   testing.TB
	url string
}

func newSite(t testing.TB, pol *policy.Policy) *site {
	t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(in.Addr().String())
	must(t, err)
	dir, url := world.InMemory(t), "http://localhost:"+port
	ring, err := keys.Create(filepath.Join(dir, "keys"), world.Log)
	must(t, err)
	engine, err := boltengine.Open(filepath.Join(dir, "ledger.db"))
	must(t, err)
	log, err := ledger.Open(t.Context(), engine, ledger.Options{Origin: world.Log, Signer: ring.Log, Verifier: ring.LogVerifier, Now: world.Clock()})
	must(t, err)
	party := statement.Party{ID: "localhost", Origins: []string{url}}
	now := func() *policy.Policy { return pol }
	people := &identity.Directory{Ledger: log, Log: world.Log, Party: party, Policy: now, Now: time.Now, PeopleCA: ring.PeopleCA}
	motions := &charter.Charter{Ledger: log, People: people, Policy: now, Log: world.Log, Party: party, Effect: people.Effect}
	people.Charter = motions
	desk := &approvals.Desk{Ledger: log, People: people, Charter: motions, Policy: now, Log: world.Log, Party: party}
	shelf := &recorder.Shelf{
		Dir: filepath.Join(dir, "recordings"), Recipients: []age.Recipient{ring.Vault.Recipient()}, AtRest: ring.AtRest,
		Signer: ring.Log, Verifier: ring.LogVerifier, MinFree: -1, MinFreePercent: -1, Patience: 5 * time.Second, Reserve: -1,
	}
	report := func(err error) { t.Errorf("reported: %v", err) }
	s := &site{&Portal{
		Gateway: &gateway.Gateway{Desk: desk, Ledger: log, Shelf: shelf, Report: report},
		Desk:    desk, Charter: motions, People: people, Ledger: log, Shelf: shelf, Vault: []age.Identity{ring.Vault}, URL: url, Report: report,
	}, t, url}
	server := s.Server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(in) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("serve: %v", err)
		}
		s.Gateway.Close("the test is over")
		must(t, log.Close())
	})
	return s
}

// invite makes the path of an enrolment link.
func (s *site) invite(v identity.Invite) string {
	s.t.Helper()
	token, err := s.People.NewLink(s.t.Context(), "operator@localhost", v)
	must(s.t, err)
	return s.url + "/enroll/" + token
}

func (s *site) principal(id string) policy.Principal {
	s.t.Helper()
	p, err := s.People.Person(s.t.Context(), id)
	must(s.t, err)
	return p.Principal
}

// session records a short session of who under a grant, as a door would.
func (s *site) session(who, code string, fn func(*recorder.Recording)) string {
	s.t.Helper()
	id, err := s.recorded(who, code, func(r *recorder.Recording) error {
		fn(r)
		return nil
	})
	must(s.t, err)
	return id
}

// recorded makes a session out of what fn records; none where the recording fails.
func (s *site) recorded(who, code string, fn func(*recorder.Recording) error) (string, error) {
	words := recorder.Session{
		ID: recorder.NewID(time.Now()), Request: code, Target: "db1.prod", Login: "support_nord", Remote: "192.0.2.7",
		Who: s.principal(who), Customers: []string{"nord"}, Began: time.Now().UTC(),
	}
	r, err := s.Shelf.Open(words, recorder.How{})
	if err != nil {
		return "", err
	}
	err = fn(r)
	seal, closing := r.Close("closed by the person")
	if err := errors.Join(err, closing); err != nil {
		return "", err
	}
	words.Ended, words.Cause, words.Root = time.Now().UTC(), "closed by the person", seal.Root
	return words.ID, s.Ledger.Update(s.t.Context(), func(tx *ledger.Tx) error {
		for key, v := range map[string]any{"session/" + words.ID: words, "of/" + code + "/" + words.ID: words.ID} {
			if err := tx.Put(key, v); err != nil {
				return err
			}
		}
		_, err := tx.Append(ledger.Event{Kind: "session.close", Actor: who, Subjects: []string{words.ID, code, "nord"}})
		return err
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sshKey(t testing.TB) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	k, err := ssh.NewPublicKey(pub)
	must(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) + " eng@laptop"
}

func TestABrowserEnrolsSignsInAndApproves(t *testing.T) {
	s := newSite(t, world.Policy("127.0.0.1:1", ""))
	b := harness.StartBrowser(t)
	eng, ceo, ann := b.Person("eng"), b.Person("ceo"), b.Person("ann")
	s.enrol(ceo, identity.Invite{ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive})
	s.enrol(ann, identity.Invite{ID: "ann@nord.x", Name: "Ann Nordby", Kind: policy.Reviewer, Customer: "nord"})
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff, SSHKey: sshKey(t)})
	eng.Press("Sign with your passkey")
	eng.WaitText("The SSH key is yours.")

	code := s.ask(eng)
	s.open(ceo, "/a/"+code, "Mads Holm asks for 1 hour on db1.prod")
	ceo.Press("30 min")
	ceo.WaitText("lockbox-approval/v1")
	s.inspect(ceo)
	ceo.Press("Sign with your passkey")
	ceo.WaitText("You approved this for 30 minutes.")

	s.open(ann, "/c/"+code, "for 30 minutes")
	ann.Press("Approve 30 min")
	ann.Press("Sign with your passkey")
	ann.WaitText("All have approved.")

	eng.WaitText("Approved for 30 minutes.") // by itself
	s.inspect(eng)
	s.touch(eng, code)
	for _, page := range []string{"/", "/me/keys", "/people", "/status", "/r/" + code, "/r/ZZZZ"} {
		ceo.Goto(s.url + page)
		s.inspect(ceo)
	}
	for _, p := range []*harness.Person{eng, ceo, ann} {
		if got := slices.DeleteFunc(p.Complaints(), harmless); len(got) > 0 {
			t.Errorf("%s: the browser complains: %q", p.Name, got)
		}
	}
}

// enrol makes somebody the first of their kind.
func (s *site) enrol(p *harness.Person, v identity.Invite) {
	s.t.Helper()
	v.Founds = true
	p.Goto(s.invite(v))
	s.inspect(p)
	p.Press("Make the passkey")
	p.WaitText("Your passkey is made")
}

// open goes to a page and signs in there.
func (s *site) open(p *harness.Person, path, text string) {
	s.t.Helper()
	p.Goto(s.url + path)
	s.inspect(p)
	p.Press("Sign in with a passkey")
	p.WaitText(text)
	s.inspect(p)
}

// ask sends a request for nord's login and gives its code.
func (s *site) ask(p *harness.Person) string {
	s.t.Helper()
	s.open(p, "/r/new?t=db1.prod", "Ask for access to db1.prod")
	p.Choose("#customer", "nord")
	p.Choose("#reason", "outage")
	p.Eval(`document.querySelector("#text").value = "contract stuck in state 7, check two rows"`)
	p.Press("Send the request")
	p.WaitText("Waiting for an answer.")
	return p.URL()[strings.LastIndex(p.URL(), "/")+1:]
}

// touch starts a terminal of Eng's and types its number.
func (s *site) touch(p *harness.Person, code string) {
	s.t.Helper()
	touch, err := s.Desk.AskTouch(s.t.Context(), approvals.Terminal{
		Person: s.principal("eng@x.eu"), Key: "SHA256:k", Source: "192.0.2.7", Target: "db1.prod", Login: "support_nord", Grant: code,
	})
	must(s.t, err)
	p.Goto(s.url + "/t/" + code)
	s.inspect(p)
	p.Type("input.number", touch.Number)
	p.Press("Go on")
	p.Press("Sign with your passkey")
	p.WaitText("Touched.")
}

func (s *site) inspect(p *harness.Person) {
	s.t.Helper()
	p.WaitURL("/") // and all of it loaded, its style too
	for _, dark := range []bool{false, true} {
		p.Screen(320, 800, dark)
		if got := p.Eval(inspection); got != "" {
			s.t.Errorf("%s at %s, dark %t: %s", p.Name, p.URL(), dark, got)
		}
	}
}

// inspection lists what a page has that shuts somebody out (WCAG 2.2: 1.3.1, 1.4.3, 1.4.10, 2.5.8, 3.1.1, 4.1.2).
const inspection = `(() => {
  const found = [], all = (s) => [...document.querySelectorAll(s)], shown = (e) => e.getClientRects().length > 0;
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.push("scrolls sideways at 320 px");
  if (all("h1").filter(shown).length !== 1) found.push("not one h1");
  if (!document.documentElement.lang) found.push("no language");
  for (const e of all("input:not([type=hidden]), select, textarea")) if (!e.labels.length) found.push("no label: " + e.name);
  for (const e of all("button, a, summary")) if (shown(e) && !e.textContent.trim() && !e.ariaLabel) found.push("no name: " + e.outerHTML);
  for (const e of all("button, input, select, textarea, summary")) if (shown(e) && e.getBoundingClientRect().height < 24) found.push("small: " + e.outerHTML);
  const rgb = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  for (const e of all("main *")) {
    if (!shown(e) || e.closest(".player") || e.disabled || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const s = getComputedStyle(e), a = light(rgb(s.color).slice(0, 3)), b = light(behind(e)), size = parseFloat(s.fontSize);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (size >= 24 || size >= 18.66 && s.fontWeight >= 600 ? 3 : 4.5)) found.push("contrast " + ratio.toFixed(1) + ": " + e.outerHTML.slice(0, 80));
  }
  for (const e of all("fieldset")) if (!e.querySelector("legend")) found.push("no legend");
  for (const e of all("[aria-describedby]")) for (const id of e.getAttribute("aria-describedby").split(" ")) if (!document.getElementById(id)) found.push("describes nothing: " + id);
  for (const a of all('a[href^="#"]')) if (!document.getElementById(a.hash.slice(1))) found.push("leads nowhere: " + a.hash);
  const ids = all("[id]").map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push("twice: " + id);
  return found.join("; ");
})()`

// harmless is what Chromium says of a page that asks to sign in, or is not there.
func harmless(complaint string) bool {
	return strings.HasSuffix(complaint, "status of 401 (Unauthorized)") || strings.HasSuffix(complaint, "status of 404 (Not Found)")
}
