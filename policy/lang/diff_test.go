package lang_test

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/lang"
)

const before = `version: 1
groups:
  engineers: { members: [eng@example.eu, ops@example.eu] }
  board: { members: [ceo@example.eu, cto@example.eu, cfo@example.eu] }
customers:
  nord: { name: Nord, founded_by: ["SHA256:LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564"] }
  syd: { name: Syd, founded_by: ["SHA256:PiPoFgA5WUozB6wN5AvE1LMZFQUnExdo1PZfo0WcMmc"] }
executives: { founded_by: ["SHA256:PiPoFgA5WUozB6wN5AvE1LMZFQUnExdo1PZfo0WcMmc"] }
targets:
  db1.prod:
    kind: ssh
    address: 10.0.0.5:22
    host_key: SHA256:GKwpgzeMGIDx6VdXJJGDMKuYuLhL7/iYXw9Uv8ys5ac
    logins: { deploy: { reaches: all } }
    class: production
    owner: platform@example.eu
    location: EU-West
    customers: [nord, syd]
    labels: { env: prod }
  web1.prod:
    kind: ssh
    address: 10.0.0.6:22
    host_key: SHA256:JlqHnXfu7+wGxEoi2ysYFWT1wUzmBUFEeYd7bs2T0fE
    logins: { deploy: { reaches: all } }
    owner: platform@example.eu
    location: EU-West
    labels: { env: prod }
rules:
  - name: production
    permit: [shell, exec]
    who: { groups: [engineers] }
    on: { labels: { env: prod } }
    reasons: [outage]
    hours: { days: Mon-Fri, from: "07:00", to: "19:00", zone: Europe/Copenhagen }
    from: [10.0.0.0/8]
    stages: [{ executive: { group: board, count: 1 } }, { customer: { count: 1 } }]
    limits: { default: 1h, max: 4h }
    touch: { within: 15m }
    record: { pty: full, keep: 90d }
    ticket: '^INC-[0-9]+$'
`

func read(t testing.TB, text string) *lang.Source {
	t.Helper()
	s, err := lang.Parse(map[string][]byte{"policy/p.yaml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDiffTellsWhatChanges reads as the list of what diff can say.
func TestDiffTellsWhatChanges(t *testing.T) {
	const all, rule = "db1.prod web1.prod", "eng@example.eu ops@example.eu +engineers: shell exec on db1.prod web1.prod"
	for _, c := range []struct{ change, old, new, want string }{
		{"nothing", "version: 1", "version: 1 # a comment", ""},
		{"a name and a place say nothing", "name: production", "name: production, as it was", ""},
		{"the order of customers says nothing", "customers: [nord, syd]", "customers: [syd, nord]", ""},
		{"members twice over say nothing", "from: [10.0.0.0/8]", "from: [10.0.0.0/9, 10.128.0.0/9]", ""},
		{"a person more", "ops@example.eu]", "ops@example.eu, new@example.eu]", "gain: new@example.eu: shell exec on " + all},
		{"a person less", ", ops@example.eu]", "]", "lose: ops@example.eu: shell exec on " + all},
		{"an action more", "[shell, exec]", "[shell, exec, sftp-get]", "gain: eng@example.eu ops@example.eu +engineers: sftp-get on " + all},
		{"an action less", "[shell, exec]", "[shell]", "lose: eng@example.eu ops@example.eu +engineers: exec on " + all},
		{"more hours", `to: "19:00"`, `to: "20:00"`, "gain hours in part: " + rule},
		{"less hours", `to: "19:00"`, `to: "18:00"`, "lose hours in part: " + rule},
		{"more networks", "[10.0.0.0/8]", "[10.0.0.0/7]", "gain networks in part: " + rule},
		{"less networks", "[10.0.0.0/8]", "[10.0.0.0/16]", "lose networks in part: " + rule},
		{"more reasons", "[outage]", "[outage, planned]", "gain reasons in part: " + rule},
		{"more approvals", "group: board, count: 1", "group: board, count: 2", "approvals more: " + rule},
		{"fewer approvals", "{ executive: { group: board, count: 1 } }, ", "{ executive: { count: 1 } }, ", "approvals other: " + rule},
		{"another wait", "group: board, count: 1", "group: board, count: 1, expires: 1h", "approvals other: " + rule},
		{"longer", "max: 4h", "max: 8h", "limits longer: " + rule},
		{"shorter", "max: 4h", "max: 2h", "limits shorter: " + rule},
		{"a touch good for longer", "within: 15m", "within: 1h", "touch longer: " + rule},
		{"recorded otherwise", "record: { pty: full,", "record: { strict: on, bulk: 1MiB, redact: [tokens],", "recording other: " + rule},
		{"kept shorter", "keep: 90d", "keep: 30d", "retention shorter: " + rule},
		{"kept for ever", ", keep: 90d", "", "retention longer: " + rule},
		{"the default, written out", "keep: 90d", "keep: 90d, strict: off, bulk: 16MiB, seal: [vault]", ""},
		{"read by auditors too", "rules:\n", "auditors: { seal_to: [" + key(3) + "] }\nrules:\n", "!auditors "},
		{"what a customer keeps for less", "name: Syd,", "name: Syd, keep: 30d,", "!keep syd | retention shorter: eng@example.eu ops@example.eu +engineers: shell exec on db1.prod"},
		{"what a customer keeps for more than the rule", "name: Syd,", "name: Syd, keep: 100d,", "!keep syd"},
		{"a key of a customer", "name: Syd,", "name: Syd, seal_to: [" + key(0) + "],", "!seal_to syd"},
		{"another ticket", "^INC", "^SUP", "ticket other: " + rule},
		{"a forbid", "rules:", "rules:\n  - { name: never, forbid: [exec], on: { targets: [web1.prod] } }",
			"lose: eng@example.eu ops@example.eu +engineers: exec on web1.prod"},
		{"a target moved from a customer", "customers: [nord, syd]", "customers: [nord]",
			"!moved db1.prod | approvals fewer: eng@example.eu ops@example.eu +engineers: shell exec on db1.prod | login other: eng@example.eu ops@example.eu +engineers: shell exec on db1.prod"},
		{"a class down", "class: production", "class: test", "!class db1.prod"},
		{"a founder replaced", "5m0U8HTBBNBNCLXBkg7", "5m0U8HTBBNBNCLXBkg8", "!founders nord"},
		{"somebody else may say yes", ", cfo@example.eu]", ", cmo@example.eu]", "!approvers board | !approvers board"},
		{"another machine", "10.0.0.6:22", "10.0.0.7:22", "!machine web1.prod"},
		{"another name is the same machine", "web1.prod:", "web2.prod:",
			"target web1.prod | gain: eng@example.eu ops@example.eu +engineers: shell exec on web2.prod | lose: eng@example.eu ops@example.eu +engineers: shell exec on web1.prod"},
	} {
		t.Run(c.change, func(t *testing.T) {
			if !strings.Contains(before, c.old) {
				t.Fatalf("there is no %q", c.old)
			}
			d := lang.Diff(read(t, before).Policy, read(t, strings.Replace(before, c.old, c.new, 1)).Policy)
			if diff := cmp.Diff(c.want, short(d)); diff != "" {
				t.Errorf("diff (-want +got):\n%s\n%+v", diff, d)
			}
			if d.Empty() != (c.want == "") {
				t.Errorf("Empty is %v", d.Empty())
			}
		})
	}
}

// key is one of the public keys of the tests.
func key(i int) string { return strings.Split(keys, "\n")[i+1] }

//go:embed testdata/keys.txt
var keys string

// short is a difference in one line.
func short(d lang.Difference) string {
	var out []string
	for _, f := range d.Facts {
		out = append(out, map[bool]string{true: "!", false: ""}[f.Alarm]+f.What+" "+f.About)
	}
	for _, c := range d.Access {
		s := c.What
		if c.Way != "" {
			s += " " + c.Way
		}
		if c.Part {
			s += " in part"
		}
		who := strings.Join(c.Who.Names, " ")
		for _, g := range c.Who.Groups {
			who += " +" + g
		}
		out = append(out, fmt.Sprintf("%s: %s: %s on %s", s, who, strings.Trim(fmt.Sprint(c.Do), "[]"), strings.Join(c.On.Names, " ")))
	}
	return strings.Join(out, " | ")
}

// TestNoCustomerIsLeftOutUnseen: a new name does not make a new machine, nor does
// a new address with the same host key, and a login that leaves customers out is told.
func TestNoCustomerIsLeftOutUnseen(t *testing.T) {
	for _, c := range []struct {
		rule    string
		changes []string
		want    []string
	}{
		{"another name and address", []string{"db1.prod:", "db9.prod:", "customers: [nord, syd]", "customers: []", "10.0.0.5:22", "10.0.0.9:22"},
			[]string{"db9.prod is taken away from customer nord", "db9.prod is taken away from customer syd"}},
		{"another name and host key", []string{"db1.prod:", "db9.prod:", "customers: [nord, syd]", "customers: [syd]", "SHA256:GKwpgz", "SHA256:GKwpgy"},
			[]string{"db9.prod is taken away from customer nord"}},
		{"a class down under another name", []string{"db1.prod:", "db9.prod:", "class: production", "class: test"},
			[]string{"db9.prod goes down from production to test"}},
		{"a login of one customer", []string{"logins: { deploy: { reaches: all } }\n    class", `logins: { "d_{{customer}}": { reaches: one } }` + "\n    class"},
			[]string{"d_{{customer}} on db1.prod reaches one customer only", "d_{{customer}} on db1.prod reaches one customer only"}},
	} {
		d := lang.Diff(read(t, before).Policy, read(t, strings.NewReplacer(c.changes...).Replace(before)).Policy)
		var told []string
		for _, f := range d.Facts {
			if f.Alarm {
				told = append(told, f.Text[:strings.Index(f.Text, ":")])
			}
		}
		if diff := cmp.Diff(c.want, told); diff != "" {
			t.Errorf("%s: alarms (-want +got):\n%s", c.rule, diff)
		}
	}
}

func TestActivationAndDeclarationAreTold(t *testing.T) {
	old, new := read(t, before).Policy, read(t, before).Policy
	old.Activation, old.Declaration = 3, &policy.Declaration{Version: "1", Text: "I keep it."}
	for _, c := range []struct {
		rule   string
		change func()
		want   string
	}{
		{"fewer sign, and nobody declares", func() {}, "!activation  | !declaration 1"},
		{"only the text changes", func() { new.Activation, new.Declaration = 3, &policy.Declaration{Version: "1", Text: "I keep all."} }, "declaration 1"},
		{"the same", func() { new.Declaration = old.Declaration }, ""},
		{"passkeys are to stay on one device", func() { new.DeviceBound = []policy.Kind{policy.Executive} }, "passkeys executives"},
		{"and need not any more", func() { old.DeviceBound, new.DeviceBound = []policy.Kind{policy.Staff}, nil }, "!passkeys staff"},
	} {
		c.change()
		if got := short(lang.Diff(old, new)); got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
}

// large is a policy of many rules, targets and people.
func large(rules, targets, people int) *policy.Policy {
	p := &policy.Policy{Groups: map[string][]string{}, Targets: map[string]*policy.Target{}}
	for i := range people {
		g := fmt.Sprintf("team%02d", i%40)
		p.Groups[g] = append(p.Groups[g], fmt.Sprintf("p%d@example.eu", i))
	}
	for i := range targets {
		name := fmt.Sprintf("t%d.prod", i)
		p.Targets[name] = &policy.Target{
			Name: name, Kind: "ssh", Address: fmt.Sprintf("10.%d.%d.1:22", i/256, i%256), HostKey: fmt.Sprint("SHA256:", i), Logins: []policy.Login{{Name: "deploy"}},
			Customers: []string{fmt.Sprint("c", i%50)}, Labels: map[string]string{"app": fmt.Sprint("app", i%300), "env": "prod"},
		}
	}
	zone, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		panic(err)
	}
	for i := range rules {
		p.Rules = append(p.Rules, policy.Rule{
			Name: fmt.Sprint("rule ", i), Position: fmt.Sprintf("p.yaml:%d:1", i), Actions: []policy.Action{policy.Shell, policy.Exec}, Forbid: i%50 == 49,
			Groups: []string{fmt.Sprintf("team%02d", i%40)}, Labels: map[string]string{"app": fmt.Sprint("app", i%300)},
			Hours:  &policy.Hours{Days: []time.Weekday{time.Monday}, From: time.Duration(i%5) * time.Hour, To: 20 * time.Hour, Zone: zone},
			Stages: []policy.Stage{{Kind: policy.ByExecutive, Count: 1, Expires: time.Hour}}, Limits: policy.Limits{Default: time.Hour, Max: 4 * time.Hour},
		})
	}
	return p
}

// BenchmarkDiffOfALargePolicy: 1,000 rules, 10,000 targets, 1,000 people.
func BenchmarkDiffOfALargePolicy(b *testing.B) {
	old := large(1000, 10_000, 1000)
	for _, c := range []struct {
		change string
		make   func() *policy.Policy
	}{
		{"nothing", func() *policy.Policy { return large(1000, 10_000, 1000) }},
		{"one rule", func() *policy.Policy {
			p := *old
			p.Rules = slices.Clone(old.Rules)
			p.Rules[500].Limits.Max = time.Hour
			return &p
		}},
		{"every rule", func() *policy.Policy {
			p := *old
			p.Rules = slices.Clone(old.Rules)
			for i := range p.Rules {
				p.Rules[i].Limits.Max += time.Duration(i) * time.Minute
			}
			return &p
		}},
		{"every group", func() *policy.Policy {
			p := *old
			p.Groups = maps.Clone(old.Groups)
			p.Groups["team00"], p.Groups["team01"] = old.Groups["team01"], old.Groups["team00"]
			for i := 2; i < 40; i++ {
				g := fmt.Sprintf("team%02d", i)
				p.Groups[g] = old.Groups[g][1:]
			}
			return &p
		}},
	} {
		new := c.make()
		b.Run(c.change, func(b *testing.B) {
			for b.Loop() {
				lang.Diff(old, new)
			}
		})
	}
}
