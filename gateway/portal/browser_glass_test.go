package portal

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// TestABrowserBreaksTheGlassAndRatifiesIt looks at every page of an emergency as
// the person sees it who has to act on it at night.
func TestABrowserBreaksTheGlassAndRatifiesIt(t *testing.T) {
	pol := world.Policy("127.0.0.1:1", "")
	pol.Groups = maps.Clone(pol.Groups)
	pol.Groups["oncall"] = []string{"eng@x.eu", "mate@x.eu"}
	pol.Rules = append(slices.Clone(pol.Rules), policy.Rule{
		Name: "emergency", Position: "policy/rules.yaml:20:1", Actions: []policy.Action{policy.Shell, policy.Exec}, Groups: []string{"engineers"},
		Labels: map[string]string{"env": "prod"}, Reasons: []policy.Reason{"outage"}, Fresh: 15 * time.Minute,
		Stages: []policy.Stage{{Kind: policy.ByGlass, Group: "oncall", Count: 1, Expires: 15 * time.Minute}},
		Limits: policy.Limits{Default: 30 * time.Minute, Max: time.Hour, ActivateWithin: 15 * time.Minute},
	})
	s := newSite(t, pol)
	s.Charter.Glass, s.Charter.Opposed = s.Desk.Glass, s.Desk.Opposed
	b := harness.StartBrowser(t)
	eng, mate, ceo, cto, ann := b.Person("eng"), b.Person("mate"), b.Person("ceo"), b.Person("cto"), b.Person("ann")
	s.board(ceo, cto)
	s.enrol(ann, identity.Invite{ID: "ann@nord.x", Name: "Ann Nordby", Kind: policy.Reviewer, Customer: "nord"})
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})
	s.enrol(mate, identity.Invite{ID: "mate@x.eu", Name: "Ida Krog", Kind: policy.Staff})
	s.open(ceo, "/people", "Passkeys to compare")
	ceo.Click(`input[name="compared"]`)
	ceo.Press("Confirm")
	s.signs(ceo, "lockbox-vouch/v1", "No passkey waits to be compared.")

	made, err := s.Desk.Seal(t.Context(), "operator@localhost", "", 1)
	must(t, err)
	s.open(eng, "/glass", "Break the glass")
	s.shoot(eng, "glass")
	eng.Press("db1.prod")
	eng.WaitText("Sealed code")
	fillIn(eng, "#text", "all is down, and nobody answers", "#sealed", "0000-1111")
	eng.Choose("#customer", "nord")
	s.shoot(eng, "glass-form")
	eng.Press("Break the glass")
	eng.WaitText("not what stands on the paper")
	s.shoot(eng, "glass-wrong")
	fillIn(eng, "#sealed", strings.ToLower(made.Codes[0].Reveal()))
	eng.Press("Break the glass")
	eng.WaitText("Waiting for an answer.")
	s.shoot(eng, "glass-asked")
	code := eng.URL()[strings.LastIndex(eng.URL(), "/")+1:]
	s.open(mate, "/a/"+code, "you are the second person")
	s.shoot(mate, "glass-second")
	mate.Goto(s.url + "/a/" + code + "?lang=da")
	s.shoot(mate, "glass-second-da")
	mate.Goto(s.url + "/a/" + code + "?lang=en")
	mate.Press("Say yes, 30 min")
	s.signs(mate, "lockbox-emergency/v1", "Who decides")
	s.shoot(mate, "glass-said")
	s.judged(ceo, ann, code)
}

// judged is what those see who were skipped, and how it is ratified.
func (s *site) judged(ceo, ann *harness.Person, code string) {
	s.t.Helper()
	ceo.Goto(s.url + "/")
	ceo.WaitText("Ratify emergency")
	s.shoot(ceo, "glass-inbox")
	ceo.Goto(s.url + "/incidents")
	s.shoot(ceo, "incidents")
	ceo.Goto(s.url + "/incidents/" + code + "?lang=da")
	s.shoot(ceo, "incident-da")
	ceo.Goto(s.url + "/incidents/" + code + "?lang=en")
	s.shoot(ceo, "incident")
	s.open(ann, "/incidents/"+code, "broke the glass for db1.prod")
	s.shoot(ann, "incident-customer")
	ceo.Press("Ratify it, or say no")
	ceo.WaitText("What becomes so")
	s.shoot(ceo, "ratify")
	ceo.Press("Read and sign")
	s.signs(ceo, "lockbox-ratify/v1", "in force")
}
