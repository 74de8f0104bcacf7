package portal

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// shoot keeps pictures of the page where somebody wants to look at them, at 390 px and on a desktop, light and dark.
func (s *site) shoot(p *harness.Person, name string) {
	s.t.Helper()
	s.inspect(p)
	dir := os.Getenv("LOCKBOX_LOOK")
	if dir == "" {
		return
	}
	for suffix, dark := range map[string]bool{"light": false, "dark": true} {
		for kind, width := range map[string]int{"phone": 390, "desktop": 1280} {
			must(s.t, os.WriteFile(filepath.Join(dir, name+"-"+kind+"-"+suffix+".png"), p.Screenshot(width, 844, dark), 0o600))
		}
	}
}

// signs signs the sheet that is shown.
func (s *site) signs(p *harness.Person, form, then string) {
	s.t.Helper()
	p.WaitText(form)
	s.shoot(p, strings.NewReplacer("lockbox-", "", "/v1", "").Replace(form))
	p.Press("Sign with your passkey")
	p.WaitText(then)
}

// board enrols two executives, who are founded together.
func (s *site) board(ceo, cto *harness.Person) {
	s.t.Helper()
	var keys []string
	for p, v := range map[*harness.Person]identity.Invite{
		ceo: {ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive}, cto: {ID: "cto@x.eu", Name: "Otto Lund", Kind: policy.Executive},
	} {
		p.Goto(s.invite(v))
		p.Press("Make the passkey")
		p.WaitText("Make the second now")
		s.shoot(p, "enrolled")
		held, err := s.People.Passkeys(s.t.Context(), v.ID)
		must(s.t, err)
		keys = append(keys, held[0].Fingerprint)
	}
	must(s.t, s.People.Found(s.t.Context(), keys, nil))
}

func TestABrowserMakesTwoPasskeysAndVotesWithTheSecond(t *testing.T) {
	s := newSite(t, world.Policy("127.0.0.1:1", ""))
	b := harness.StartBrowser(t)
	eng, ceo, cto := b.Person("eng"), b.Person("ceo"), b.Person("cto")
	s.board(ceo, cto)
	s.enrol(b.Person("ann"), identity.Invite{ID: "ann@nord.x", Name: "Ann Nordby", Kind: policy.Reviewer, Customer: "nord"})
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})
	s.open(ceo, "/", "You have one passkey.")
	s.shoot(ceo, "inbox-one")
	ceo.Press("My keys")
	ceo.WaitText("Have two passkeys")
	ceo.Press("Add a passkey") // on the device that has one already
	ceo.WaitText("Perhaps this device has a passkey of yours already")
	ceo.SecondDevice()
	ceo.Press("Add a passkey")
	ceo.WaitText("It counts nowhere until")
	s.shoot(ceo, "keys-waiting")
	ceo.Touches(false)
	ceo.Press("Sign for it")
	s.signs(ceo, "lockbox-counter-sign/v1", "another passkey of yours signed for it")
	s.shoot(ceo, "keys-two")
	ceo.LosesFirst()
	ceo.Goto(s.url + "/")
	if strings.Contains(ceo.Text(), "You have one passkey") {
		t.Error("who has two is told to make a second")
	}
	code := s.ask(eng)
	ceo.Goto(s.url + "/a/" + code)
	ceo.Press("30 min")
	s.signs(ceo, "lockbox-approval/v1", "You approved this for 30 minutes.")
	held, err := s.People.Held(t.Context(), "ceo@x.eu")
	must(t, err)
	v, err := s.Desk.See(t.Context(), s.principal("eng@x.eu"), code)
	must(t, err)
	if got := v.Request.Votes[0].Key; got != held[1].Fingerprint {
		t.Errorf("voted with %s, want the second", got)
	}
	ceo.Goto(s.url + "/me/keys?lang=da")
	s.shoot(ceo, "keys-da")
}

func TestABrowserRecoversSomebodyWhoLostEveryPasskey(t *testing.T) {
	s := newSite(t, world.Policy("127.0.0.1:1", ""))
	b := harness.StartBrowser(t)
	eng, ceo, cto, anew := b.Person("eng"), b.Person("ceo"), b.Person("cto"), b.Person("anew")
	s.board(ceo, cto)
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})
	s.open(eng, "/", "Nothing waits for you.")
	s.open(ceo, "/people", "Lost every passkey")
	s.shoot(ceo, "people")
	ceo.Choose("#person", "eng@x.eu")
	fillIn(ceo, "#why", "lost the phone in the lake")
	ceo.Press("Propose to recover")
	ceo.WaitText("What becomes so")
	s.shoot(ceo, "recover")
	path := strings.TrimPrefix(ceo.URL(), s.url)
	ceo.Press("Read and sign")
	s.signs(ceo, "lockbox-recover/v1", "It waits for others.")
	s.open(cto, path, "Read and sign")
	cto.Press("Read and sign")
	s.signs(cto, "lockbox-recover/v1", "in force")
	if strings.Contains(cto.Text(), "Make the link") {
		t.Error("the link is for who proposed it alone")
	}
	eng.Goto(s.url + "/")
	eng.WaitText("Sign in with a passkey") // signed out
	ceo.Goto(s.url + path)
	s.shoot(ceo, "recovered")
	ceo.Press("Make the link")
	ceo.WaitText("It is shown here once.")
	s.shoot(ceo, "link")
	anew.Goto(ceo.Eval(`document.querySelector("pre").textContent`))
	anew.Press("Make the passkey")
	anew.WaitText("It may do nothing yet.")
	s.open(anew, "/", "Waiting for confirmation")
	s.shoot(anew, "waiting")
	cto.Goto(s.url + "/people")
	cto.Click(`input[name="compared"]`)
	cto.Press("Confirm")
	s.signs(cto, "lockbox-vouch/v1", "No passkey waits to be compared.")
	anew.Goto(s.url + "/")
	anew.WaitText("Nothing waits for you.")
	for _, p := range []*harness.Person{eng, ceo, cto, anew} {
		if got := slices.DeleteFunc(p.Complaints(), func(c string) bool { return harmless(c) || strings.HasSuffix(c, "status of 403 (Forbidden)") }); len(got) > 0 {
			t.Errorf("%s: the browser complains: %q", p.Name, got)
		}
	}
}
