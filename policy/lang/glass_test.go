package lang_test

import (
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// glass is the policy of these tests, with a rule for emergencies.
const glass = before + `  - name: break-glass
    permit: [shell]
    who: { groups: [engineers] }
    on: { targets: [db1.prod] }
    reasons: [outage]
    stages: [{ break-glass: { group: engineers, expires: 20m } }]
    limits: { default: 30m, max: 1h }
tests:
  - { as: eng@example.eu, do: shell, on: db1.prod, expect: ask, stages: [executive, customer] }
  - { as: eng@example.eu, do: shell, on: db1.prod, emergency: true, expect: ask, stages: [break-glass] }
  - { as: eng@example.eu, do: exec, on: db1.prod, emergency: true, expect: deny }
  - { as: eng@example.eu, do: shell, on: web1.prod, emergency: true, expect: deny }
`

func TestARuleForEmergenciesStandsBesideTheOthers(t *testing.T) {
	s := read(t, glass)
	if err := s.Valid(); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Test() {
		if !r.OK {
			t.Errorf("%s: %s", r.Test.Position, r.Why)
		}
	}
	if got := s.Policy.Rules[1].Stages; len(got) != 1 || got[0].Kind != policy.ByGlass || got[0].Expires != 20*time.Minute || got[0].Group != "engineers" {
		t.Errorf("got %+v", got)
	}
	q := policy.Question{Now: time.Now(), Who: policy.Principal{ID: "eng@example.eu", Kind: policy.Staff}, Do: policy.Shell, On: "db1.prod", Emergency: true}
	x, err := s.Explain(q)
	if err != nil || x.Rule == nil || x.Rule.Rule != "break-glass" || !x.Question.Emergency || !strings.Contains(x.Sentence, "it takes 1 break-glass of engineers and a sealed code; executives have 24h to ratify it") {
		t.Errorf("got %+v, %v", x, err)
	}
}

// TestDiffTellsOfEmergencies: a rule for them is found, and nothing else moves.
func TestDiffTellsOfEmergencies(t *testing.T) {
	d := lang.Diff(read(t, before).Policy, read(t, glass).Policy)
	if len(d.Access) != 1 || d.Access[0].What != lang.Gain || !d.Access[0].Example.Emergency || d.Access[0].NewRule.Rule != "break-glass" {
		t.Errorf("got %+v", d.Access)
	}
	longer := lang.Diff(read(t, glass).Policy, read(t, strings.Replace(glass, "default: 30m, max: 1h", "default: 30m, max: 45m", 1)).Policy)
	if len(longer.Access) != 1 || longer.Access[0].Way != "shorter" {
		t.Errorf("got %+v", longer.Access)
	}
	if same := lang.Diff(read(t, glass).Policy, read(t, glass).Policy); len(same.Access) != 0 {
		t.Errorf("got %+v", same.Access)
	}
}

func TestReplayAsksAsItWasAsked(t *testing.T) {
	a := lang.Asked{
		Code: "7KQM", At: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), Who: policy.Principal{ID: "eng@example.eu", Kind: policy.Staff}, Do: []policy.Action{policy.Shell},
		On: "db1.prod", Login: "deploy", Reason: "outage", Rule: "break-glass", Emergency: true,
		Stages: []policy.Stage{{Kind: policy.ByGlass, Group: "engineers", Count: 1, Expires: 20 * time.Minute}},
	}
	if got := lang.Replay(read(t, glass).Policy, []lang.Asked{a}); len(got) != 0 {
		t.Errorf("the same policy changes %+v", got)
	}
	if got := lang.Replay(read(t, before).Policy, []lang.Asked{a}); len(got) != 1 || got[0].Becomes[0].What != lang.Denied {
		t.Errorf("without the rule: %+v", got)
	}
}
