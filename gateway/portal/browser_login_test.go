package portal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// waits lets a terminal wait for a login, at an address.
func (s *site) waits(source string) identity.Begun {
	s.t.Helper()
	b, err := s.People.BeginLogin(s.t.Context(), identity.Meta{Source: source}, sshKey(s.t), 0)
	must(s.t, err)
	return b
}

func TestABrowserLogsATerminalIn(t *testing.T) {
	s := newSite(t, world.Policy("127.0.0.1:1", ""))
	b := harness.StartBrowser(t)
	eng := b.Person("eng")
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Executive})
	near := s.waits("127.0.0.1")
	s.open(eng, "/l/"+near.Code, "Log in a terminal")
	s.shoot(eng, "login")
	eng.Type("#number", map[bool]string{true: "11", false: "10"}[near.Number == "10"])
	eng.Press("Go on")
	eng.WaitText("2 tries left")
	s.shoot(eng, "login-wrong")
	eng.Type("#number", near.Number)
	eng.Press("Go on")
	s.signs(eng, "lockbox-login/v1", "Logged in.")
	if out, err := s.People.AwaitLogin(t.Context(), near.Secret); err != nil || out.State != identity.LoginGiven || out.Who.ID != "eng@x.eu" {
		t.Errorf("got %+v, %v", out, err)
	}
	far := s.waits("198.51.100.7")
	eng.Goto(s.url + "/l/" + far.Code + "?lang=da")
	eng.WaitText("198.51.100.7 er min")
	s.shoot(eng, "login-far-da")
	eng.Eval(`(document.querySelector("[name=mine]").click(), "")`)
	eng.Type("#number", far.Number)
	eng.Press("Fortsæt")
	eng.WaitText("lockbox-login/v1")
	eng.Press("Underskriv med din adgangsnøgle")
	eng.WaitText("Logget ind.")
	eng.Goto(s.url + "/me/keys?lang=en")
	eng.WaitText("Terminal at 198.51.100.7")
	s.shoot(eng, "keys-logins")
	both, err := s.People.SSHLogins(t.Context(), "eng@x.eu")
	must(t, err)
	older := both[slices.IndexFunc(both, func(l identity.SSHLogin) bool { return l.Source == "127.0.0.1" })]
	eng.Click(fmt.Sprintf(`form:has([value=%q]) [value="log-out"]`, older.Fingerprint))
	eng.WaitGone("Terminal at 127.0.0.1")
	if all, err := s.People.SSHLogins(t.Context(), "eng@x.eu"); err != nil || len(all) != 1 || all[0].Source != "198.51.100.7" {
		t.Errorf("got %v, %v", all, err)
	}
	if got := slices.DeleteFunc(eng.Complaints(), func(c string) bool { return harmless(c) || strings.Contains(c, "status of 422") }); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}
