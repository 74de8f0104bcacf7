package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestATunnelLeadsWhereItsRuleSays: the rule that lists the address decides, and
// the grant holds what was approved.
func TestATunnelLeadsWhereItsRuleSays(t *testing.T) {
	p := testPolicy(t)
	p.Rules = append(p.Rules,
		Rule{Name: "psql", Actions: []Action{Forward}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Bounds: Bounds{To: []string{"127.0.0.1:5432"}, SQL: &SQL{TargetTLS: "off"}}},
		Rule{Name: "web", Actions: []Action{Forward, Shell}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Fresh: time.Hour, Bounds: Bounds{To: []string{"127.0.0.1:80", "[::1]:80"}}},
		Rule{Name: "unbounded", Actions: []Action{Forward}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}},
	)
	ready := *p
	ready.Ready()
	held := func(to ...string) *Grant {
		return with(begun(), func(g *Grant) { g.Actions, g.To, g.Stages[0].Group = []Action{Forward}, to, "" })
	}
	for _, c := range []struct {
		rule, to string
		g        *Grant
		want     Verdict
		by, why  string
	}{
		{"the first rule, where nobody says where to", "", nil, Ask, "psql", ""},
		{"the rule that lists it", "127.0.0.1:5432", nil, Ask, "psql", ""},
		{"another rule lists it", "127.0.0.1:80", nil, Ask, "web", ""},
		{"an address in brackets", "[::1]:80", nil, Ask, "web", ""},
		{"a name is not the address that it stands for", "localhost:80", nil, Deny, "", "only to the addresses it lists"},
		{"another port", "127.0.0.1:5433", nil, Deny, "", "only to the addresses it lists"},
		{"a grant for it", "127.0.0.1:80", held("127.0.0.1:80"), Allow, "web", "in force"},
		{"a grant for less than the rule lists now", "[::1]:80", held("127.0.0.1:80"), Deny, "web", "approved for other addresses than [::1]:80"},
		{"a grant for more than the rule lists now", "10.0.0.1:80", held("10.0.0.1:80"), Deny, "", "only to the addresses it lists"},
		{"a grant for none", "127.0.0.1:80", held(), Deny, "web", "approved for other addresses"},
		{"under a grant it must be said", "", held("", "127.0.0.1:80"), Deny, "", "only to the addresses it lists"},
	} {
		q := Question{Now: at(1), Who: eng, Do: Forward, On: "db1.prod", Login: "deploy", To: c.to, Grant: c.g, Binding: "this terminal", Proofs: touched(noon)}
		for how, p := range map[string]*Policy{"without an index": p, "with one": &ready} {
			d := p.Decide(q)
			if d.Verdict != c.want || d.Rule != c.by || !strings.Contains(d.Why.String(), c.why) {
				t.Errorf("%s, %s: got %v by %q: %s", c.rule, how, d.Verdict, d.Rule, d.Why)
			}
		}
	}
	p.Rules = append(p.Rules, Rule{Name: "never", Forbid: true, Actions: []Action{Forward}, Bounds: Bounds{To: []string{"10.0.0.1:1"}}})
	q := Question{Now: at(1), Who: eng, Do: Forward, On: "db1.prod", Login: "deploy", To: "127.0.0.1:80"}
	if d := p.Decide(q); d.Verdict != Deny || d.Rule != "never" {
		t.Errorf("a forbid holds for every address: got %v by %q", d.Verdict, d.Rule)
	}
}

// TestAgentAndX11AreOffUnlessPermitted, as all else: no action brings another.
func TestAgentAndX11AreOffUnlessPermitted(t *testing.T) {
	p := testPolicy(t)
	p.Rules = append(p.Rules, Rule{Name: "windows", Actions: []Action{Shell, X11}, Groups: []string{"engineers"}, Targets: []string{"bare.prod", "db1.prod"}, Reasons: []Reason{"outage"}})
	p.Ready()
	for do, want := range map[Action]Verdict{Agent: Deny, X11: Ask} {
		if d := p.Decide(Question{Now: noon, Who: eng, Do: do, On: "db1.prod", Login: "deploy"}); d.Verdict != want {
			t.Errorf("%s: got %v: %s", do, d.Verdict, d.Why)
		}
	}
	if left := (Terms{ReadOnly: true}).Leave([]Action{Shell, Agent, X11, Forward}, true); !slices.Equal(left, []Action{Shell}) {
		t.Errorf("read only leaves %v", left)
	}
}
