package lang_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// parsed is base.yaml with some of its text replaced, in pairs.
func parsed(t *testing.T, pairs ...string) *lang.Source {
	t.Helper()
	base, _ := refusals(t)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(base, pairs[i]) {
			t.Fatalf("base.yaml has no %q", pairs[i])
		}
		base = strings.Replace(base, pairs[i], pairs[i+1], 1)
	}
	s, err := lang.Parse(map[string][]byte{"p.yaml": []byte(base)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAWarningDoesNotMakeAPolicyInvalid(t *testing.T) {
	const founding = "executives: { founded_by: [\"SHA256:PiPoFgA5WUozB6wN5AvE1LMZFQUnExdo1PZfo0WcMmc\", \"SHA256:uqWsnxrO7WfPQTlDDj8b90bBUdbQdc88h9qHkpDLr3E\"] }\n"
	const nobody = "p.yaml:9:3: warning: no rule permits anything on old.test; add a rule, or remove the target\n   9 |   old.test:\n     |   ^"
	for _, row := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"a target that nobody may enter", nil, ""},
		{"executives who are not founded", []string{founding, ""},
			"p.yaml:34:14: warning: there are no executives who can say yes yet; pin executives: { founded_by: [ … ] } once they have enrolled"},
		{"a customer who is not founded", []string{", founded_by: [\"" + nordKey + "\"]", ""},
			"p.yaml:6:3: warning: nobody can say yes for customer \"nord\" yet; pin founded_by once they have enrolled"},
		{"a group that no rule names", []string{"customers:\n", "  idle: { members: [x@example.eu] }\ncustomers:\n"},
			"p.yaml:5:3: warning: no rule names group \"idle\"; name it in a rule, or remove it"},
		{"operators need no rule", []string{"customers:\n", "  operators: { members: [x@example.eu] }\ncustomers:\n"}, ""},
		{"one executive", []string{founding, "executives: { founded_by: [\"" + nordKey + "\"] }\n"},
			"p.yaml:7:27: warning: there is one executive, and nobody can be admitted; pin a second one: two admit all later ones"},
		{"a change that nobody can sign", []string{"customers:\n", "activation: { executives: 3 }\ncustomers:\n"},
			"p.yaml:5:27: warning: 3 executives must sign a change, and 2 are founded; see that as many are admitted before, or write less"},
		{"more executives than there are", []string{"group: board, count: 2", "count: 3"},
			"p.yaml:4:3: warning: no rule names group \"board\"; name it in a rule, or remove it\n" +
				"p.yaml:35:27: warning: 3 executives must say yes, and 2 are founded; see that more are admitted, or write a smaller count"},
		{"more reviewers than there are", []string{"customer: { count: 1 }", "customer: { count: 2 }"},
			"p.yaml:35:83: warning: 2 reviewers of customer \"nord\" must say yes, and 1 are founded; see that it admits more, or write a smaller count"},
		{"an action that does nothing", []string{"permit: [shell]", "permit: [shell, http-read]"},
			"p.yaml:29:21: warning: http-read does nothing here: no target of the rule is of kind http; remove it"},
		{"an action that is forbidden for nothing", []string{"tests:\n", "  - { name: no, forbid: [http-read, exec], on: { kinds: [ssh] } }\ntests:\n"},
			"p.yaml:40:26: warning: http-read does nothing here: no target of the rule is of kind http; remove it"},
		{"a group that a step of an escalation names", []string{"customers:\n", "  late: { members: [x@example.eu] }\ncustomers:\n", "expires: 12h", "escalate: [{ after: 5m, to: late }]"}, ""},
		{"a group that owns", []string{"customers:\n", "  late: { members: [x@example.eu] }\ncustomers:\n", "owner: platform@example.eu", "owner: late"}, ""},
		{"how many the identity provider knows is not said", []string{"board: { members: [ceo@example.eu, cto@example.eu] }", "board: { sso: 0f3c }"}, ""},
		{"one host key on two machines", []string{"SHA256:JlqHnXfu7+wGxEoi2ysYFWT1wUzmBUFEeYd7bs2T0fE", "SHA256:GKwpgzeMGIDx6VdXJJGDMKuYuLhL7/iYXw9Uv8ys5ac"},
			"p.yaml:12:15: warning: old.test has the same host key as db1.prod; give each machine a host key of its own"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := parsed(t, row.pairs...)
			if err := s.Valid(); err != nil {
				t.Errorf("Valid: %v, want nil", err)
			}
			var got []string
			for _, f := range s.Check() {
				if text, _, _ := strings.Cut(f.String(), "\n"); !strings.Contains(text, "on old.test") {
					got = append(got, text)
				}
			}
			if text := strings.Join(got, "\n"); text != row.want {
				t.Errorf("Check: %q, want %q", text, row.want)
			}
		})
	}
	if got := parsed(t).Check(); len(got) != 1 || got[0].String() != nobody {
		t.Errorf("Check: %v, want %q", got, nobody)
	}
}

func TestAPolicyIsHeldAgainstItself(t *testing.T) {
	const stages = "[{ executive: { group: board, count: 2, expires: 12h } }, { customer: { count: 1 } }]"
	for _, row := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"no class is production", []string{"    class: production\n", "", stages, "[{ customer: {} }]"},
			`rule "production shell" permits without an executive stage on production (db1.prod)`},
		{"a rule that asks nobody", []string{"on: { labels: { env: prod } }", "on: { kinds: [ssh] }", stages, "[{ customer: {} }]", "class: production", "class: staging", "[executive, customer]", "[customer]"},
			`rule "production shell" asks nobody where there is no customer (old.test)`},
		{"not production, and one of its people says yes", []string{"class: production", "class: staging", "customers: [nord]", "customers: []", stages, "[{ executive: {} }]", "[executive, customer]", "[executive]"}, ""},
		{"not production, and a peer says yes", []string{"class: production", "class: staging", "customers: [nord]", "customers: []", stages, "[{ peer: { group: board } }]", "[executive, customer]", "[peer]"}, ""},
		{"an owner who is one of two that may ask", []string{stages, "[{ executive: {}, owner: {} }, { customer: {} }]", "owner: platform@example.eu\n    location: EU-West\n    customers", "owner: eng@example.eu\n    location: EU-West\n    customers",
			"[eng@example.eu]", "[eng@example.eu, ops@example.eu]", "[executive, customer]", "[executive, owner, customer]"}, ""},
		{"an owner's group of one who asks", []string{stages, "[{ executive: {}, owner: {} }, { customer: {} }]", "owner: platform@example.eu\n    location: EU-West\n    customers", "owner: engineers\n    location: EU-West\n    customers", "[executive, customer]", "[executive, owner, customer]"},
			"eng@example.eu owns db1.prod and is the only one who may ask, so nobody can say yes"},
		{"a peer who may ask too, where two can", []string{stages, "[{ executive: {} }, { peer: { group: engineers } }, { customer: {} }]", "[eng@example.eu]", "[eng@example.eu, ops@example.eu]", "[executive, customer]", "[executive, peer, customer]"}, ""},
		{"a peer who may ask too, where the identity provider knows others", []string{stages, "[{ executive: {} }, { peer: { group: engineers } }, { customer: {} }]", "[eng@example.eu] }", "[eng@example.eu], sso: 0f3c }", "[executive, customer]", "[executive, peer, customer]"}, ""},
		{"who has promised nothing is asked to, and the test asks what comes then", []string{"customers:\n", "declaration: { version: a, text: b }\ncustomers:\n"}, ""},
		{"not production, and its customer says yes", []string{"class: production", "class: staging", stages, "[{ customer: {} }]", "[executive, customer]", "[customer]"}, ""},
		{"what is only on the web cannot be entered with ssh", []string{"on: { labels: { env: prod } }", "on: { kinds: [http] }",
			"  db1.prod:\n", "  web: { kind: http, address: \"web:80\", owner: a@x.eu, location: EU, class: test }\n  db1.prod:\n"},
			`rule "production shell" can never match: [shell] is not for targets of kind http`},
		{"one account for two customers", []string{"deploy: { reaches: all }", `"a_{{customer}}": { reaches: one }, "{{customer}}_a": { reaches: one }`,
			"customers: [nord]", "customers: [nord, a_a, a]", "customers:\n", "customers:\n  a: { name: A }\n  a_a: { name: AA }\n"},
			`login "{{customer}}_a" would be the account "a_a", which another login or customer has`},
		{"names that are near are shown, three at most", []string{"on: { labels: { env: prod } }", "on: { kinds: [ssh] }", stages, "[{ customer: {} }]", "class: test", "class: production",
			"  db1.prod:\n", strings.Join([]string{server("a", 1), server("b", 2), "  db1.prod:\n"}, "")},
			`rule "production shell" permits without an executive stage on production (a.prod, b.prod, db1.prod and 1 more)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, f := range parsed(t, row.pairs...).Check() {
				if !f.Warning {
					got = append(got, f.Msg)
				}
			}
			if text := strings.Join(got, "\n"); text != row.want {
				t.Errorf("Check: %q, want %q", text, row.want)
			}
		})
	}
}

func server(name string, no int) string {
	return "  " + name + ".prod: { kind: ssh, address: \"10.1.0." + string(rune('0'+no)) + ":22\", host_key: \"SHA256:" +
		strings.Repeat(string(rune('A'+no)), 42) + "A\", logins: { x: { reaches: all } }, owner: a@x.eu, location: EU }\n"
}

// TestATestLooksAtEveryTimeAndPlace: deny is never otherwise, ask is somewhere so.
func TestATestLooksAtEveryTimeAndPlace(t *testing.T) {
	const (
		hours  = `hours: { days: Mon-Fri, from: "07:00", to: "19:00", zone: Europe/Copenhagen }`
		expect = "do: shell, on: db1.prod, expect: ask, stages: [executive, customer]"
		forbid = "  - { name: no, forbid: [shell], who: { groups: [engineers] }, on: { kinds: [ssh] }"
		second = "  - { name: second, permit: [shell], who: { groups: [engineers] }, on: { targets: [db1.prod] }, stages: [{ customer: {} }, { executive: {} }]"
	)
	for _, row := range []struct {
		name  string
		pairs []string
		want  lang.Result
	}{
		{"ask", nil, lang.Result{OK: true, Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "no active grant for deploy on db1.prod"}},
		{"on Sunday only", []string{"Mon-Fri", "Sun"}, lang.Result{OK: true, Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "no active grant for deploy on db1.prod"}},
		{"forbidden at other hours", []string{"tests:\n", forbid + `, hours: { days: Mon-Thu, from: "00:00", to: "24:00", zone: UTC } }` + "\ntests:\n"},
			lang.Result{OK: true, Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "no active grant for deploy on db1.prod"}},
		{"forbidden at all its hours", []string{"tests:\n", forbid + `, hours: { days: Mon-Sun, from: "05:00", to: "18:00", zone: UTC } }` + "\ntests:\n"},
			lang.Result{Got: "deny", Why: `expected ask, got deny: rule "no" forbids shell on db1.prod`}},
		{"forbidden from some places", []string{"tests:\n", forbid + ", from: [10.0.0.0/9] }\ntests:\n"},
			lang.Result{OK: true, Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "no active grant for deploy on db1.prod"}},
		{"forbidden from all its places", []string{"tests:\n", forbid + ", from: [10.0.0.0/9, 10.128.0.0/9] }\ntests:\n"},
			lang.Result{Got: "deny", Why: `expected ask, got deny: rule "no" forbids shell on db1.prod`}},
		{"other stages at other hours", []string{"tests:\n", second + " }\ntests:\n"},
			lang.Result{Got: "ask", Stages: []policy.StageKind{"customer", "executive"}, Why: `expected the stages [executive customer], got [customer executive] by rule "second"`}},
		{"deny that holds only at night", []string{expect, "do: shell, on: db1.prod, expect: deny"},
			lang.Result{Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "expected deny, got ask: no active grant for deploy on db1.prod"}},
		{"deny of what nothing permits", []string{expect, "do: exec, on: db1.prod, expect: deny"},
			lang.Result{OK: true, Got: "deny", Why: "no rule permits exec on db1.prod for you"}},
		{"nothing is allowed without being asked", []string{expect, "do: shell, on: db1.prod, expect: allow"},
			lang.Result{Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "expected allow, got ask: no active grant for deploy on db1.prod"}},
		{"a login for each customer", []string{"deploy: { reaches: all }", `"x_{{customer}}": { reaches: one }`},
			lang.Result{OK: true, Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "no active grant for x_nord on db1.prod"}},
		{"the login of a customer", []string{"deploy: { reaches: all }", `"x_{{customer}}": { reaches: one }`, "expect: ask", "login: x_nord, expect: ask"},
			lang.Result{OK: true, Got: "ask", Stages: []policy.StageKind{"executive", "customer"}, Why: "no active grant for x_nord on db1.prod"}},
		{"deny of a login that is not there proves nothing", []string{expect, "do: exec, on: db1.prod, login: x, expect: deny"},
			lang.Result{Got: "deny", Why: `db1.prod has no login "x"`}},
		{"deny of a target that is not there proves nothing", []string{expect, "do: exec, on: db9.prod, expect: deny"},
			lang.Result{Got: "deny", Why: `there is no target "db9.prod"`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := parsed(t, row.pairs...)
			got := s.Test()[0]
			row.want.Test = s.Tests[0]
			if diff := cmp.Diff(row.want, got, cmp.Comparer(func(a, b lang.Test) bool { return a.Position == b.Position })); diff != "" {
				t.Errorf("Test (-want +got):\n%s", diff)
			}
			if (s.Valid() == nil) != row.want.OK {
				t.Errorf("Valid: %v, and the test passed: %v", s.Valid(), row.want.OK)
			}
		})
	}
}

func TestAForbidWithoutWhoIsForEverybody(t *testing.T) {
	never := "  - { name: never, forbid: [shell], on: { labels: { env: prod } } }\ntests:\n"
	got := parsed(t, "tests:\n", never).Test()[0]
	if got.Got != "deny" {
		t.Errorf("the answer is %s, want deny", got.Got)
	}
}
