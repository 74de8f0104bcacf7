package lang_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// TestARuleThatCanNeverMatchIsTold, and one that can is not: what is forbidden
// at other times, places, people or reasons leaves something over.
func TestARuleThatCanNeverMatchIsTold(t *testing.T) {
	const (
		never  = `rule "production shell" can never match: `
		hours  = `hours: { days: Mon-Fri, from: "07:00", to: "19:00", zone: Europe/Copenhagen }`
		second = "  - { name: second, permit: [shell], who: { groups: [engineers] }, on: { targets: [db1.prod] }, stages: [{ executive: {} }, { customer: {} }]"
	)
	forbid := func(more string) string { return "  - { name: no, forbid: [shell, exec], " + more + " }\n" }
	for _, row := range []struct{ name, rules, want string }{
		{"everybody, everywhere", forbid("on: { kinds: [ssh] }"), never + `rule "no" forbids all of it`},
		{"these people by name", forbid("who: { people: [eng@example.eu] }, on: { kinds: [ssh] }"), ""}, // others may join the group
		{"this group", forbid("who: { groups: [board, engineers] }, on: { kinds: [ssh] }"), never + `rule "no" forbids all of it`},
		{"another group", forbid("who: { groups: [board] }, on: { kinds: [ssh] }"), ""},
		{"its hours and more", forbid(`on: { kinds: [ssh] }, hours: { days: Mon-Sat, from: "07:00", to: "24:00", zone: Europe/Copenhagen }`), never + `rule "no" forbids all of it`},
		{"one minute less", forbid(`on: { kinds: [ssh] }, hours: { days: Mon-Fri, from: "07:01", to: "19:00", zone: Europe/Copenhagen }`), ""},
		{"one day less", forbid(`on: { kinds: [ssh] }, hours: { days: Mon-Thu, from: "07:00", to: "19:00", zone: Europe/Copenhagen }`), ""},
		{"its hours in another zone", forbid(`on: { kinds: [ssh] }, hours: { days: Mon-Fri, from: "07:00", to: "19:00", zone: UTC }`), ""},
		{"all hours of another zone", forbid(`on: { kinds: [ssh] }, hours: { days: Mon-Sun, from: "00:00", to: "24:00", zone: UTC }`), never + `rule "no" forbids all of it`},
		{"its reasons and more", forbid("on: { kinds: [ssh] }, reasons: [planned, outage]"), never + `rule "no" forbids all of it`},
		{"other reasons", forbid("on: { kinds: [ssh] }, reasons: [planned]"), ""},
		{"its networks", forbid("on: { kinds: [ssh] }, from: [10.0.0.0/8]"), never + `rule "no" forbids all of it`},
		{"half of its networks", forbid("on: { kinds: [ssh] }, from: [10.0.0.0/9]"), ""},
		{"another action", "  - { name: no, forbid: [exec], on: { kinds: [ssh] } }\n", ""},
		{"another target", forbid("on: { targets: [old.test] }"), ""},
		{"the same on more targets", strings.Replace(second, "targets: [db1.prod]", "kinds: [ssh]", 1) + " }\n", ""},
		{"the same with more actions", strings.Replace(second, "[shell]", "[shell, exec]", 1) + " }\n", ""},
		{"the same for another group", strings.Replace(second, "engineers", "board", 1) + " }\n", ""},
		{"the same with a tunnel to elsewhere", strings.Replace(second, "[shell]", "[shell, forward]", 1) + ", to: [\"a.x:1\"] }\n" + strings.NewReplacer("[shell]", "[forward]", "second", "third").Replace(second) + ", to: [\"b.x:1\"] }\n", ""},
		{"a tunnel to the same", strings.Replace(second, "[shell]", "[forward, shell]", 1) + ", to: [\"b.x:1\", \"a.x:1\"] }\n" + strings.NewReplacer("[shell]", "[forward]", "second", "third").Replace(second) + ", to: [\"b.x:1\"] }\n",
			`warning: rule "third" is never used: rule "second" before it is about all of this`},
		{"twice the same", second + " }\n", `warning: rule "second" is never used: rule "production shell" before it is about all of this`},
	} {
		t.Run(row.name, func(t *testing.T) {
			pairs := []string{"tests:\n", row.rules + "tests:\n"}
			if strings.Contains(row.rules, "second") { // the first holds always
				pairs = append(pairs, "    "+hours+"\n", "", "    from: [10.0.0.0/8]\n", "", "    reasons: [outage]\n", "")
			}
			var got []string
			for _, f := range parsed(t, pairs...).Check() {
				switch {
				case strings.Contains(f.Msg, "on old.test"), strings.Contains(f.Msg, "this test fails"):
				case f.Warning:
					got = append(got, "warning: "+f.Msg)
				default:
					got = append(got, f.Msg)
				}
			}
			if text := strings.Join(got, "\n"); text != row.want {
				t.Errorf("Check: %q, want %q", text, row.want)
			}
		})
	}
}

// TestTwoHalvesForbidTheWhole: a rule dies of several that forbid a part each.
func TestTwoHalvesForbidTheWhole(t *testing.T) {
	const from = "    from: [10.0.0.0/8]\n"
	for _, row := range []struct {
		name  string
		pairs []string
		want  bool
	}{
		{"two networks", []string{from, "    from: [10.0.0.0/8, 192.0.2.0/24]\n", "tests:\n",
			"  - { name: n1, forbid: [shell], on: { kinds: [ssh] }, from: [10.0.0.0/8] }\n  - { name: n2, forbid: [shell], on: { kinds: [ssh] }, from: [192.0.0.0/16] }\ntests:\n"}, true},
		{"one network of two", []string{from, "    from: [10.0.0.0/8, 192.0.2.0/24]\n", "tests:\n",
			"  - { name: n1, forbid: [shell], on: { kinds: [ssh] }, from: [10.0.0.0/8] }\ntests:\n"}, false},
		{"two actions", []string{"permit: [shell]", "permit: [shell, exec]", "tests:\n",
			"  - { name: n1, forbid: [shell], on: { kinds: [ssh] } }\n  - { name: n2, forbid: [exec], on: { kinds: [ssh] } }\ntests:\n"}, true},
		{"two targets", []string{"on: { labels: { env: prod } }", "on: { kinds: [ssh] }", "tests:\n",
			"  - { name: n1, forbid: [shell], on: { targets: [old.test] } }\n  - { name: n2, forbid: [shell], on: { targets: [db1.prod] } }\ntests:\n"}, true},
		{"one target of two", []string{"on: { labels: { env: prod } }", "on: { kinds: [ssh] }", "tests:\n",
			"  - { name: n1, forbid: [shell], on: { targets: [old.test] } }\ntests:\n"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := slices.ContainsFunc(parsed(t, row.pairs...).Check(), func(f lang.Finding) bool { return strings.Contains(f.Msg, "can never match") })
			if got != row.want {
				t.Errorf("it can never match: %v, want %v", got, row.want)
			}
		})
	}
}

// TestWhatIsCalledDeadIsDead: no question is ever decided by a rule of which
// Check says that it can never match or is never used.
func TestWhatIsCalledDeadIsDead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := randomPolicy(t)
		dead := map[string]bool{}
		for _, f := range s.Check() {
			for i := range s.Policy.Rules {
				name := s.Policy.Rules[i].Name
				if strings.HasPrefix(f.Msg, fmt.Sprintf("rule %q can never match", name)) || strings.HasPrefix(f.Msg, fmt.Sprintf("rule %q is never used", name)) {
					dead[name] = true
				}
			}
		}
		if len(dead) == 0 {
			return
		}
		q := policy.Question{
			Now:    time.Date(2026, 1, rapid.IntRange(1, 14).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, time.UTC),
			Who:    policy.Principal{ID: rapid.SampledFrom([]string{"a@x.eu", "b@x.eu", "c@x.eu"}).Draw(t, "who"), Kind: policy.Staff},
			From:   netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "net")), 0, 1}),
			Reason: rapid.SampledFrom(policy.Reasons()).Draw(t, "reason"),
		}
		for _, q.Do = range []policy.Action{policy.Shell, policy.Exec, policy.HTTPGet} {
			for q.On = range s.Policy.Targets {
				if (q.Do == policy.HTTPGet) != (s.Policy.Targets[q.On].Kind == "http") {
					continue // no door asks this
				}
				if d := s.Policy.Decide(q); dead[d.Rule] {
					t.Fatalf("rule %q decides %+v\n%s", d.Rule, q, s.Print())
				}
			}
		}
	})
}

// randomPolicy has few words, so that rules meet.
func randomPolicy(t *rapid.T) *lang.Source {
	some := func(of string, words ...string) string {
		picked := rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, len(words), rapid.ID).Draw(t, of)
		return strings.Join(picked, ", ")
	}
	maybe := func(of, form string, words ...string) string {
		if rapid.Bool().Draw(t, "has "+of) {
			return ""
		}
		return fmt.Sprintf(form, some(of, words...))
	}
	var b strings.Builder
	b.WriteString("version: 1\ngroups: { g: { members: [a@x.eu] }, h: { members: [a@x.eu, b@x.eu] } }\ntargets:\n" +
		"  x: { kind: http, address: \"x:1\", owner: o@x.eu, location: EU, labels: { l: a } }\n")
	for i, name := range []string{"a.a", "b.b"} {
		fmt.Fprintf(&b, "  %s: { kind: ssh, address: \"%s:1\", host_key: %q, logins: { r: { reaches: all } }, owner: o@x.eu, location: EU, labels: { l: %s } }\n", name, name, fingerprint(i), name[:1])
	}
	b.WriteString("rules:\n")
	for i := range rapid.IntRange(2, 5).Draw(t, "rules") {
		verb, more := "permit", ", stages: [{ executive: {} }]"
		if rapid.Bool().Draw(t, "forbid") {
			verb, more = "forbid", ""
		}
		who := maybe("groups", ", who: { groups: [%s] }", "g", "h")
		if who == "" && verb == "permit" {
			who = ", who: { people: [" + some("people", "a@x.eu", "b@x.eu") + "] }"
		}
		on := []string{"kinds: [ssh]", "kinds: [ssh, http]", "labels: { l: a }", "targets: [a.a, x]", "targets: [b.b]"}[rapid.IntRange(0, 4).Draw(t, "on")]
		fmt.Fprintf(&b, "  - { name: r%d, %s: [%s]%s, on: { %s }%s%s%s%s }\n", i, verb, some("actions", "shell", "exec", "http-read"), who, on, more,
			maybe("reasons", ", reasons: [%s]", "outage", "planned", "legal-order"),
			maybe("from", ", from: [%s]", "10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/15", "10.0.0.0/8"),
			maybe("hours", ", hours: { days: [%s], from: \"06:00\", to: \"18:00\", zone: UTC }", "Mon-Wed", "Thu", "Fri-Sun"))
	}
	s, err := lang.Parse(map[string][]byte{"a.yaml": []byte(b.String())})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return s
}
