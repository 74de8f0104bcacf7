package policy

import (
	"testing"
	"time"
)

// TestAsManyWitnessesAreWantedAsWereSignedOrAsTheRuleHasNow: whichever is more.
func TestAsManyWitnessesAreWantedAsWereSignedOrAsTheRuleHasNow(t *testing.T) {
	for _, c := range []struct{ rule, grant, want int }{{0, 0, 0}, {1, 0, 1}, {0, 2, 2}, {1, 2, 2}, {2, 1, 2}} {
		p := &Policy{
			Groups:  map[string][]string{"e": {"eng"}},
			Targets: map[string]*Target{"x.prod": {Name: "x.prod", Logins: []Login{{Name: "root"}}}},
			Rules: []Rule{{Name: "r", Actions: []Action{Shell}, Groups: []string{"e"}, Targets: []string{"x.prod"}, Fresh: time.Hour, Witnesses: c.rule,
				Stages: []Stage{{Kind: ByExecutive, Count: 1}}, Limits: Limits{Max: time.Hour}}},
		}
		q := Question{Now: time.Unix(1e9, 0), Who: Principal{ID: "eng", Kind: Staff}, Do: Shell, On: "x.prod"}
		if d := p.Decide(q); d.Verdict != Ask || d.Witnesses != c.rule {
			t.Errorf("asking under %d: got %s with %d", c.rule, d.Verdict, d.Witnesses)
		}
		q.Grant = &Grant{Who: q.Who, Target: "x.prod", Login: "root", Witnesses: c.grant}
		if d := p.Decide(q); d.Witnesses != c.want {
			t.Errorf("rule %d, grant %d: got %d, want %d", c.rule, c.grant, d.Witnesses, c.want)
		}
	}
}
