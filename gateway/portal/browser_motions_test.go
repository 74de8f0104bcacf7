package portal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// fill types into fields: selector, value, selector, value.
func fillIn(p *harness.Person, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		p.Eval(`document.querySelector("` + pairs[i] + `").value = "` + pairs[i+1] + `"`)
	}
}

func TestABrowserDeclaresAsksNarrowsAndPromises(t *testing.T) {
	pol := world.Policy("127.0.0.1:1", "")
	pol.Rules[0].Actions = []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet, policy.SFTPPut}
	pol.Rules[0].Stages[0].Escalate = []policy.Rung{{After: time.Millisecond, Remind: "all"}, {After: time.Hour, To: "deputies"}}
	pol.Declaration = &policy.Declaration{Version: "1", Text: "I keep to myself what I see."}
	s := newSite(t, pol)
	b := harness.StartBrowser(t)
	eng, ceo, ann := b.Person("eng"), b.Person("ceo"), b.Person("ann")
	s.enrol(ceo, identity.Invite{ID: "ceo@x.eu", Name: "Clara Eskildsen", Kind: policy.Executive})
	s.enrol(ann, identity.Invite{ID: "ann@nord.x", Name: "Ann Nordby", Kind: policy.Reviewer, Customer: "nord"})
	s.enrol(eng, identity.Invite{ID: "eng@x.eu", Name: "Mads Holm", Kind: policy.Staff})

	code := s.declareAndAsk(eng)
	s.open(ceo, "/a/"+code, "asked again")
	fillIn(ceo, "#text", "Which two rows?")
	ceo.Press("Send")
	eng.WaitText("Which two rows?") // by itself
	fillIn(eng, "#text", "half an ans")
	ceo.Press("Approve with less")
	fillIn(ceo, "#for", "20", "#promise", "touch only rows 7 and 9", "#later-time", "14:30")
	ceo.Click(`input[name="action"][value="sftp-put"]`)
	ceo.Press("Approve with this")
	ceo.WaitText("Say the date too.")
	s.inspect(ceo)
	fillIn(ceo, "#later-time", "")
	ceo.Press("Approve with this")
	ceo.WaitText("may-not: sftp-put")
	s.inspect(ceo)
	ceo.Press("Sign with your passkey")
	ceo.WaitText("You approved this for 20 minutes.")
	eng.WaitText("Something is new here.")
	if got := eng.Eval(`document.querySelector("#text").value`); got != "half an ans" {
		t.Errorf("what was being typed is %q now", got)
	}
	s.open(ann, "/c/"+code, "for 20 minutes")
	ann.Press("Approve 20 min")
	ann.Press("Sign with your passkey")
	ann.WaitText("All have approved.")
	eng.Goto(s.url + "/r/" + code)
	s.inspect(eng)
	eng.Press("I promise this")
	eng.WaitText("Promised on")
	s.settings(ann)
	for _, page := range []string{"/", "/people", "/policy", "/history", "/customers", "/me/delegation?lang=da", "/me/declaration"} {
		ceo.Goto(s.url + page)
		s.inspect(ceo)
	}
	for _, p := range []*harness.Person{eng, ceo, ann} {
		rest := slices.DeleteFunc(p.Complaints(), func(c string) bool {
			return harmless(c) || strings.HasSuffix(c, "status of 422 (Unprocessable Entity)")
		})
		if len(rest) > 0 {
			t.Errorf("%s: the browser complains: %q", p.Name, rest)
		}
	}
}

// settings lets a reviewer sign a standing instruction of their customer's.
func (s *site) settings(p *harness.Person) {
	s.t.Helper()
	p.Goto(s.url + "/customers")
	p.Press("Propose other settings")
	p.Press("Propose a standing instruction")
	s.inspect(p)
	fillIn(p, "#uses", "5", "#minutes", "30", "#until-date", time.Now().Add(96*time.Hour).Format(time.DateOnly))
	p.Click(`input[name="target"]`)
	p.Click("#standing ~ details button")
	p.WaitText("What becomes so")
	s.inspect(p)
	p.Press("Read and sign")
	p.WaitText("lockbox-standing/v1")
	s.inspect(p)
	p.Press("Sign with your passkey")
	p.WaitText("in force")
	s.inspect(p)
}

// declareAndAsk signs the declaration and sends a request; it gives its code.
func (s *site) declareAndAsk(p *harness.Person) string {
	s.t.Helper()
	s.open(p, "/r/new?t=db1.prod", "sign the declaration")
	p.Press("Read and sign it")
	p.WaitText("I keep to myself")
	s.inspect(p)
	p.Press("I have read it; go on to sign")
	p.WaitText("lockbox-declare/v1")
	s.inspect(p)
	p.Press("Sign with your passkey")
	p.WaitText("in force")
	p.Goto(s.url + "/r/new?t=db1.prod")
	p.Choose("#reason", "outage")
	fillIn(p, "#text", "contract stuck in state 7, check two rows")
	p.Press("Show who would be asked")
	p.WaitText("Who must approve: Executive board, Nord Legal.")
	s.inspect(p)
	p.Press("Send the request")
	p.WaitText("Waiting for an answer.")
	return p.URL()[strings.LastIndex(p.URL(), "/")+1:]
}
