package portal

import (
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"lockbox/policy"
)

// Where a recording cannot be opened, its page says whose keys do.
func TestAPageSaysToWhomARecordingIsSealed(t *testing.T) {
	s := newStage(t)
	auditor, err := age.GenerateHybridIdentity()
	must(t, err)
	pol := *s.World.Policy()
	pol.Auditors, pol.Rules = []string{auditor.Recipient().String()}, slices.Clone(pol.Rules)
	pol.Rules[0].Record.Seal = policy.ToAuditor
	s.World.SetPolicy(&pol)
	v, tr := s.openSession()
	must(t, tr.Output([]byte("hello\r\n")))
	v.Leave()
	ann := s.visitor(s.Ann)
	if page := ann.looks(v.Session.ID); !strings.Contains(page.body, "It is sealed to the auditor.") || strings.Contains(page.body, "vault</dd>") {
		t.Errorf("%d %s", page.status, body(page))
	}
}
