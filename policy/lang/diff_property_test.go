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

// maybe draws one of some values.
func maybe[T any](t *rapid.T, of string, some ...T) T {
	return some[rapid.IntRange(0, len(some)-1).Draw(t, of)]
}

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// smallRule draws a rule about a small world.
func smallRule(t *rapid.T, i int) policy.Rule {
	week := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	office := policy.Hours{Days: week, From: 7 * time.Hour, To: 19 * time.Hour, Zone: zone("Europe/Copenhagen")}
	night := policy.Hours{Days: []time.Weekday{time.Sunday}, From: 2 * time.Hour, To: 3 * time.Hour, Zone: zone("America/New_York")}
	wide, narrow := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16")
	r := policy.Rule{
		Name: fmt.Sprintf("rule %d", i), Position: fmt.Sprintf("p.yaml:%d:1", i), Forbid: maybe(t, "forbid", false, false, true),
		Actions: maybe(t, "actions", []policy.Action{policy.Shell}, []policy.Action{policy.Exec}, []policy.Action{policy.Shell, policy.Exec}, []policy.Action{policy.Forward, policy.Shell}),
		Bounds:  policy.Bounds{To: maybe(t, "to", []string{"a.x:1"}, []string{"b.x:1"}, []string{"b.x:1", "a.x:1"})},
		Groups:  maybe(t, "groups", nil, []string{"a"}, []string{"b"}, []string{"a", "b"}),
		People:  maybe(t, "people", nil, nil, []string{"x@e.eu"}, []string{"y@e.eu"}),
		Targets: maybe(t, "targets", nil, []string{"one.prod"}, []string{"two.prod", "one.prod"}),
		Kinds:   maybe(t, "kinds", nil, []string{"ssh"}),
		Labels:  maybe(t, "labels", nil, map[string]string{"env": "prod"}),
		Reasons: maybe(t, "reasons", nil, nil, []policy.Reason{"outage"}, []policy.Reason{"outage", "planned"}),
		Hours:   maybe(t, "hours", nil, nil, &office, &night),
		From:    maybe(t, "from", nil, nil, []netip.Prefix{wide}, []netip.Prefix{narrow}),
		Ticket:  maybe(t, "ticket", "", "", "^X$"),
		Limits:  policy.Limits{Default: time.Hour, Max: maybe(t, "max", time.Hour, 2*time.Hour)},
		Fresh:   maybe(t, "fresh", time.Minute, time.Minute, time.Hour),
		Record: policy.Recording{
			Input: maybe(t, "input", false, false, true), Keep: maybe(t, "keep", 0, 0, time.Hour, 9*time.Hour),
			Seal: maybe(t, "seal", 0, 0, policy.ToVault, policy.ToCustomer, policy.ToAuditor, policy.ToVault|policy.ToCustomer),
		},
		Witnesses: maybe(t, "witnesses", 0, 0, 1, 2),
	}
	if !r.Forbid {
		one := policy.Stage{Kind: policy.ByExecutive, Count: maybe(t, "count", 1, 1, 2), Expires: time.Hour}
		r.Stages = maybe(t, "stages", []policy.Stage{one}, []policy.Stage{one, {Kind: policy.ByCustomer, Count: 1, Step: 1}},
			[]policy.Stage{one, {Kind: policy.ByOwner, Count: 1, Step: 1}}, []policy.Stage{{Kind: policy.ByPeer, Group: "a", Count: 1}})
	}
	return r
}

func smallPolicy(t *rapid.T) *policy.Policy {
	p := &policy.Policy{
		Groups:   map[string][]string{"a": maybe(t, "a", []string{"x@e.eu"}, nil, []string{"x@e.eu", "y@e.eu"}), "b": maybe(t, "b", []string{"y@e.eu"}, nil)},
		Targets:  map[string]*policy.Target{},
		Auditors: maybe(t, "auditors", nil, []string{"age1pq1a"}),
		Customers: map[string]policy.Customer{
			"nord": {ID: "nord", Keep: maybe(t, "nord keeps", 0, 0, 5*time.Hour), SealTo: maybe(t, "nord's keys", nil, []string{"age1pq1n"})}, "syd": {ID: "syd"},
		},
	}
	for _, name := range maybe(t, "names", []string{"one.prod", "two.prod"}, []string{"one.prod"}) {
		p.Targets[name] = &policy.Target{
			Name: name, Kind: "ssh", Class: maybe(t, "class", "production", "production", "test"), Owner: maybe(t, "owner", "o@e.eu", "o@e.eu", "a"),
			Customers: maybe(t, "customers", []string{"nord", "syd"}, []string{"syd", "nord"}, []string{"nord"}, nil),
			Labels:    maybe(t, "label", map[string]string{"env": "prod"}, nil),
			Logins: maybe(t, "logins", []policy.Login{{Name: "deploy"}}, []policy.Login{{Name: "s_{{customer}}", One: true}, {Name: "deploy"}},
				[]policy.Login{{Name: "deploy", ReadOnly: true}}),
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "rules") {
		p.Rules = append(p.Rules, smallRule(t, i))
	}
	return p
}

// changed draws a policy that is little else than p, or quite another.
func changed(t *rapid.T, p *policy.Policy) *policy.Policy {
	q := *p
	q.Rules = slices.Clone(p.Rules)
	n := len(q.Rules)
	switch at := rapid.IntRange(0, max(n-1, 0)).Draw(t, "at"); maybe(t, "change", "another", "groups", "readers", "targets", "add", "swap", "remove", "alter", "alter", "none") {
	case "another":
		return smallPolicy(t)
	case "readers":
		q.Customers, q.Auditors = smallPolicy(t).Customers, smallPolicy(t).Auditors
	case "groups":
		q.Groups = smallPolicy(t).Groups
	case "targets":
		q.Targets = smallPolicy(t).Targets
	case "add":
		q.Rules = slices.Insert(q.Rules, at, smallRule(t, 9))
	case "swap":
		slices.Reverse(q.Rules)
	case "remove":
		if n > 0 {
			q.Rules = slices.Delete(q.Rules, at, at+1)
		}
	case "alter":
		if n > 0 {
			other := smallRule(t, at)
			r := q.Rules[at]
			r.Hours, r.From, r.Reasons, r.Limits, r.Groups, r.Record = other.Hours, other.From, other.Reasons, other.Limits, other.Groups, other.Record
			q.Rules[at] = r
		}
	}
	return &q
}

// smallWorld is every question there is in the small world, besides who.
func smallWorld() []policy.Question {
	var out []policy.Question
	// A plain week, one in which only New York has summer time, and the hours in which it changes.
	hours := []time.Time{
		time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 7, 5, 59, 59, 0, time.UTC), time.Date(2026, 1, 7, 6, 0, 0, 0, time.UTC),
		time.Date(2026, 1, 7, 17, 59, 59, 0, time.UTC), time.Date(2026, 1, 7, 18, 0, 0, 0, time.UTC), time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC),
		time.Date(2026, 1, 11, 7, 30, 0, 0, time.UTC), time.Date(2026, 3, 8, 7, 30, 0, 0, time.UTC), time.Date(2026, 3, 15, 6, 30, 0, 0, time.UTC),
	}
	for _, now := range hours {
		for _, from := range []string{"", "192.0.2.1", "10.9.0.1", "10.1.0.1"} {
			addr, _ := netip.ParseAddr(from) // "" is not known
			for _, reason := range []policy.Reason{"", "outage", "planned", "legal-order"} {
				for _, do := range [][2]string{{"shell"}, {"exec"}, {"forward"}, {"forward", "a.x:1"}, {"forward", "b.x:1"}} {
					for _, on := range []string{"one.prod", "two.prod"} {
						for _, login := range [][2]string{{"", ""}, {"", "nord"}, {"deploy", ""}, {"s_nord", ""}, {"s_{{customer}}", "syd"}} {
							out = append(out, policy.Question{Now: now, From: addr, Reason: reason, Do: policy.Action(do[0]), To: do[1], On: on, Login: login[0], Customer: login[1]})
						}
					}
				}
			}
		}
	}
	return out
}

// said is all of an answer that matters.
func said(d policy.Decision) string {
	if d.Verdict != policy.Ask {
		return "no"
	}
	stages := d.Stages()
	for i := range stages {
		if i == 0 && stages[i].Step > 0 {
			stages[i].Step = 0
		}
	}
	slices.SortFunc(stages, func(a, b policy.Stage) int {
		return strings.Compare(fmt.Sprint(a.Step, a.Kind, a.Customer), fmt.Sprint(b.Step, b.Kind, b.Customer))
	})
	return fmt.Sprint(d.Login, d.ReadOnly, slices.Sorted(slices.Values(d.Customers)), stages, d.Limits, d.Fresh, d.Ticket, d.Recording.Readers(), d.Recording.Keep, d.Recording.Input, d.Witnesses, bounds(d))
}

// bounds are those of what was asked.
func bounds(d policy.Decision) []string { return d.Bounds.To }

// TestDiffIsExact: where the answer to any question differs there is a change
// that names the person, action and target; and every change is one.
func TestDiffIsExact(t *testing.T) {
	world := smallWorld()
	rapid.Check(t, func(t *rapid.T) {
		old := smallPolicy(t)
		new := changed(t, old)
		diff := lang.Diff(old, new)
		people := []policy.Principal{{ID: "x@e.eu"}, {ID: "y@e.eu"}, {ID: "w@e.eu"}, {ID: "w@e.eu", Groups: []string{"a"}}, {ID: "w@e.eu", Groups: []string{"b"}}, {ID: "w@e.eu", Groups: []string{"b", "a"}}}
		for _, who := range people {
			who.Kind = policy.Staff
			for _, q := range world {
				q.Who = who
				if a, b := said(old.Decide(q)), said(new.Decide(q)); a != b && !slices.ContainsFunc(diff.Access, func(c lang.Change) bool { return tells(c, q) }) {
					t.Fatalf("%+v\nwas %s\nis  %s\nand no change tells it: %+v", q, a, b, diff.Access)
				}
			}
		}
		for _, c := range diff.Access {
			for _, about := range claims(t, c, world) {
				if !slices.ContainsFunc(about, func(q policy.Question) bool { return said(old.Decide(q)) != said(new.Decide(q)) }) {
					t.Fatalf("change %+v\nis none for %+v", c, about[0])
				}
			}
		}
	})
}

// tells says whether a change is about who asks, what and where.
func tells(c lang.Change, q policy.Question) bool {
	who := slices.Contains(c.Who.Names, q.Who.ID)
	if q.Who.ID == "w@e.eu" {
		who = slices.ContainsFunc(c.Who.Groups, func(g string) bool {
			all := strings.Split(g, " + ")
			return !slices.ContainsFunc(all, func(g string) bool { return !slices.Contains(q.Who.Groups, g) })
		})
	}
	return who && slices.Contains(c.Do, q.Do) && slices.Contains(c.On.Names, q.On)
}

// claims are lists of questions, of each of which a change says that one has
// another answer now: its example, and any for each person, action and target.
func claims(t *rapid.T, c lang.Change, world []policy.Question) [][]policy.Question {
	now, err := time.Parse(time.RFC3339, c.Example.At)
	if err != nil {
		t.Fatal(err)
	}
	from, _ := netip.ParseAddr(c.Example.From) // "" is not known
	out := [][]policy.Question{{{
		Now: now, Who: policy.Principal{ID: c.Example.As, Groups: c.Example.Groups, Kind: policy.Staff}, Do: c.Example.Do, On: c.Example.On,
		Login: c.Example.Login, Customer: c.Example.Customer, To: c.Example.To, From: from, Reason: c.Example.Reason,
	}}}
	for _, id := range c.Who.Names {
		for _, do := range c.Do {
			for _, on := range c.On.Names {
				var all []policy.Question
				for _, q := range world {
					if q.Who = (policy.Principal{ID: id, Kind: policy.Staff}); q.Do == do && q.On == on {
						all = append(all, q)
					}
				}
				out = append(out, all)
			}
		}
	}
	return out
}
