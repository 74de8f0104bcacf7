package e2e

import (
	"crypto/ed25519"
	"lockbox/gateway/keys"
	"lockbox/tests/e2e/harness"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestRefusals are the story's noes, on one founded gateway.
func TestRefusals(t *testing.T) {
	s := newSite(t)
	t.Run("without a terminal nothing hangs and nothing runs", s.refusesScripts)
	t.Run("a stranger's key", s.refusesStrangers)
	p, code := s.ask()
	t.Run("own vote", func(t *testing.T) {
		s.signIn(s.eng)
		s.eng.Goto(s.url + "/a/" + code)
		if strings.Contains(s.eng.Text(), "Approve") {
			t.Errorf("the requester is asked to approve:\n%s", s.eng.Text())
		}
	})
	t.Run("a reviewer of another customer sees what an unknown code shows", func(t *testing.T) { s.hidesForeignCodes(t, code) })
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
	t.Run("three wrong numbers void the touch", func(*testing.T) { s.voidsTheTouch(code, number) })
	t.Run("the people CA and the engineer's own key open no target", s.refusesOtherAuthorities)
}

func (s *site) refusesScripts(t *testing.T) {
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
}

func (s *site) refusesStrangers(t *testing.T) {
	ring, err := keys.Load(s.path("keys"))
	must(t, err)
	stranger := harness.OpenSSH(t, harness.NewIdentity(t)).Trust(s.sshAddr, ring.Host.PublicKey())
	got := stranger.Run("", append(harness.To("db1.prod", s.sshAddr), "id")...)
	if got.Code != 255 || !strings.Contains(got.Stderr, "Permission denied") {
		t.Errorf("got %+v", got)
	}
}

func (s *site) hidesForeignCodes(t *testing.T, code string) {
	s.signIn(s.bo)
	s.bo.Goto(s.url + "/c/" + code)
	foreign := strings.ReplaceAll(s.bo.Text(), code, "CODE")
	s.bo.Goto(s.url + "/c/ZZZZ")
	unknown := strings.ReplaceAll(s.bo.Text(), "ZZZZ", "CODE")
	if sameButReference(foreign) != sameButReference(unknown) {
		t.Errorf("foreign:\n%s\nunknown:\n%s", foreign, unknown)
	}
}

func (s *site) voidsTheTouch(code, number string) {
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
}

func (s *site) refusesOtherAuthorities(t *testing.T) {
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
