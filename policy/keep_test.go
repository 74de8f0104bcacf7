package policy

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestKeep reads as the specification of what a change of files takes from a
// customer, or out of production, and when.
func TestKeep(t *testing.T) {
	const week = 7 * 24 * time.Hour
	db := func(change func(*Target)) *Target {
		return with(&Target{Name: "db1.prod", Address: "10.0.0.5:22", HostKey: "SHA256:k", Class: "production", Customers: []string{"nord", "syd"},
			Logins: []Login{{Name: "deploy"}, {Name: "one_{{customer}}", One: true}, {Name: "all_{{customer}}"}}}, change)
	}
	same, drop := func(*Target) {}, func(t *Target) { t.Customers = []string{"syd"} }
	all := func(fs ...func(*Target)) func(*Target) {
		return func(t *Target) {
			for _, f := range fs {
				f(t)
			}
		}
	}
	named := func(name string) func(*Target) { return func(t *Target) { t.Name = name } }
	at := func(address string) func(*Target) { return func(t *Target) { t.Address = address } }
	key := func(k string) func(*Target) { return func(t *Target) { t.HostKey = k } }
	ca := func(t *Target) { t.HostKey, t.HostCA = "", "SHA256:ca" }
	down := func(t *Target) { t.Class = "test" }
	narrow := func(t *Target) { t.Logins[2].One = true }
	another := func(t *Target) { t.Logins = append(t.Logins, Login{Name: "new_{{customer}}", One: true}) }
	lost := Move{Customer: "nord", At: noon.Add(week)}
	web := func(name string, customers ...string) *Target {
		return &Target{Name: name, Kind: "http", Address: "10.0.0.9:443", Class: "production", Customers: customers}
	}
	for _, c := range []struct {
		rule      string
		was, is   []*Target
		target    string   // that is looked at
		customers []string // that it reaches now
		class     string
		all       []string // logins that reach all, of those for each customer
		moves     []Move   // Target is filled in
	}{
		{"what is new is as it is listed", nil, []*Target{db(same)}, "db1.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, nil},
		{"what stays stays", []*Target{db(same)}, []*Target{db(same)}, "db1.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, nil},
		{"who is taken away stays concerned", []*Target{db(same)}, []*Target{db(drop)}, "db1.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"who is added is, too", []*Target{db(drop)}, []*Target{db(same)}, "db1.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, nil},
		{"under another name", []*Target{db(same)}, []*Target{db(all(drop, named("new.prod")))}, "new.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"beside the old name", []*Target{db(same)}, []*Target{db(same), db(all(drop, named("new.prod")))}, "new.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"at another address", []*Target{db(same)}, []*Target{db(all(drop, named("new.prod"), at("10.9.9.9:22")))}, "new.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"with another host key", []*Target{db(same)}, []*Target{db(all(drop, named("new.prod"), key("SHA256:other")))}, "new.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"with another key and address, of that name", []*Target{db(same)}, []*Target{db(all(drop, key("SHA256:other"), at("10.9.9.9:22")))}, "db1.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"a host CA and the address are a machine", []*Target{db(ca)}, []*Target{db(all(drop, ca, named("new.prod")))}, "new.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"the same host CA elsewhere is not", []*Target{db(ca)}, []*Target{db(all(drop, ca, named("new.prod"), at("10.9.9.9:22")))}, "new.prod", []string{"syd"}, "production", []string{"all_{{customer}}"}, nil},
		{"an address written otherwise is the same", []*Target{db(at("Db.Example.:022"))}, []*Target{db(all(drop, named("new.prod"), key("SHA256:other"), at("db.example:22")))}, "new.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"so is one of the old kind", []*Target{db(same)}, []*Target{db(all(drop, named("new.prod"), key("SHA256:other"), at("[::ffff:10.0.0.5]:22")))}, "new.prod", []string{"syd", "nord"}, "production", []string{"all_{{customer}}"}, []Move{lost}},
		{"another port of it is not", []*Target{db(same)}, []*Target{db(all(drop, named("new.prod"), key("SHA256:other"), at("10.0.0.5:23")))}, "new.prod", []string{"syd"}, "production", []string{"all_{{customer}}"}, nil},
		{"no address is no mark", []*Target{db(all(at(""), key("")))}, []*Target{db(all(drop, at(""), key(""), named("new.prod")))}, "new.prod", []string{"syd"}, "production", []string{"all_{{customer}}"}, nil},
		{"targets that share an address keep their own", []*Target{web("a.prod", "nord"), web("b.prod", "syd")}, []*Target{web("a.prod", "nord"), web("b.prod", "syd")}, "b.prod", []string{"syd"}, "production", nil, nil},
		{"one that joins them has all of theirs", []*Target{web("a.prod", "nord"), web("b.prod", "syd")}, []*Target{web("c.prod", "syd")}, "c.prod", []string{"syd", "nord"}, "production", nil, []Move{lost}},
		{"a move to a machine brings what it held", []*Target{db(same), web("b.prod", "ost")}, []*Target{with(web("b.prod", "ost"), at("10.0.0.5:22"))}, "b.prod", []string{"ost", "nord", "syd"}, "production", nil, []Move{lost, {Customer: "syd", At: lost.At}}},
		{"what leaves production stays there", []*Target{db(same)}, []*Target{db(down)}, "db1.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, []Move{{At: lost.At}}},
		{"also what had no class", []*Target{db(func(t *Target) { t.Class = "" })}, []*Target{db(down)}, "db1.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, []Move{{At: lost.At}}},
		{"also under another name", []*Target{db(same)}, []*Target{db(all(down, named("new.test")))}, "new.test", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, []Move{{At: lost.At}}},
		{"what was not in production moves as it likes", []*Target{db(down)}, []*Target{db(func(t *Target) { t.Class = "staging" })}, "db1.prod", []string{"nord", "syd"}, "staging", []string{"all_{{customer}}"}, nil},
		{"a login that comes to reach one reaches all", []*Target{db(same)}, []*Target{db(narrow)}, "db1.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, []Move{{Customer: "nord", Login: "all_{{customer}}", At: lost.At}, {Customer: "syd", Login: "all_{{customer}}", At: lost.At}}},
		{"so does one that is new", []*Target{db(same)}, []*Target{db(another)}, "db1.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}", "new_{{customer}}"}, []Move{{Customer: "nord", Login: "new_{{customer}}", At: lost.At}, {Customer: "syd", Login: "new_{{customer}}", At: lost.At}}},
		{"a login that reached one under the old name still does", []*Target{db(same)}, []*Target{db(named("new.prod"))}, "new.prod", []string{"nord", "syd"}, "production", []string{"all_{{customer}}"}, nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, held, _ := keepPolicy(c.was).Keep(nil, noon.Add(-time.Hour), week)
			files := keepPolicy(c.is)
			files.Ready()
			before, _ := json.Marshal(files)
			p, held, moves := files.Keep(held, noon, week)
			for i := range c.moves {
				c.moves[i].Target = c.target
			}
			if d := cmp.Diff(c.moves, moves); d != "" {
				t.Errorf("moves (-want +got):\n%s", d)
			}
			look(t, p, c.target, c.customers, c.class, c.all)
			if after, _ := json.Marshal(files); string(after) != string(before) || p.index.places[c.target].target != p.Targets[c.target] {
				t.Error("the policy of the files was changed, or what is in force has no index of its own")
			}
			again, kept, moves := keepPolicy(c.is).Keep(held, noon, week)
			look(t, again, c.target, c.customers, c.class, c.all)
			if d := cmp.Diff(held, kept, cmpopts.EquateEmpty()); d != "" || moves != nil {
				t.Errorf("the second time it moves %v (-first +second):\n%s", moves, d)
			}
			last, _, _ := keepPolicy(c.is).Keep(held, noon.Add(week-1), week)
			look(t, last, c.target, c.customers, c.class, c.all)
			done, _, moves := keepPolicy(c.is).Keep(held, noon.Add(week), week)
			if d := cmp.Diff(done.Targets, keepPolicy(c.is).Targets); d != "" || moves != nil {
				t.Errorf("after the delay the files are not in force: moves %v\n%s", moves, d)
			}
		})
	}
}

func keepPolicy(targets []*Target) *Policy {
	p := &Policy{Targets: map[string]*Target{}}
	for _, t := range targets {
		p.Targets[t.Name] = t
	}
	return p
}

func look(t *testing.T, p *Policy, target string, customers []string, class string, all []string) {
	t.Helper()
	got := p.Targets[target]
	var wide []string
	for _, l := range got.Logins {
		if !l.One && l.Name != "deploy" {
			wide = append(wide, l.Name)
		}
	}
	if !cmp.Equal(customers, got.Customers) || got.Class != class || !cmp.Equal(all, wide) {
		t.Errorf("got customers %v, class %s, to all %v; want %v, %s, %v", got.Customers, got.Class, wide, customers, class, all)
	}
}

// TestGoneAndBack: adding a target again after a while does not make another machine of it.
func TestGoneAndBack(t *testing.T) {
	const week = 7 * 24 * time.Hour
	was := &Target{Name: "db1.prod", HostKey: "SHA256:k", Customers: []string{"nord"}}
	_, held, _ := keepPolicy([]*Target{was}).Keep(nil, noon, week)
	_, held, moves := keepPolicy(nil).Keep(held, noon.Add(time.Hour), week)
	if moves != nil {
		t.Errorf("what is gone moves %v", moves)
	}
	back := &Target{Name: "x.test", HostKey: "SHA256:k", Class: "test"}
	now := noon.Add(10 * week)
	p, held, moves := keepPolicy([]*Target{back}).Keep(held, now, week)
	want := []Move{{Target: "x.test", Customer: "nord", At: now.Add(week)}, {Target: "x.test", At: now.Add(week)}}
	if got := p.Targets["x.test"]; !cmp.Equal(got.Customers, []string{"nord"}) || !got.Production() || !cmp.Equal(moves, want) {
		t.Errorf("got %+v, moves %v", got, moves)
	}
	var next []time.Time
	for _, h := range held {
		if at := h.Next(now); !at.IsZero() {
			next = append(next, at)
		}
		if at := h.Next(now.Add(week)); !at.IsZero() {
			t.Errorf("%s changes at %v", h.Target, at)
		}
	}
	if !cmp.Equal(next, []time.Time{now.Add(week), now.Add(week)}) {
		t.Errorf("it changes at %v", next)
	}
}

// TestAMoveThatBeganGoesOn: a change of name, or of nothing, while it waits does not shorten or prolong it.
func TestAMoveThatBeganGoesOn(t *testing.T) {
	const week = 7 * 24 * time.Hour
	machine := func(name string, customers ...string) *Policy {
		return keepPolicy([]*Target{{Name: name, HostKey: "SHA256:k", Customers: customers}})
	}
	_, held, _ := machine("a.prod", "nord").Keep(nil, noon, week)
	_, held, _ = machine("a.prod").Keep(held, noon, week)
	for _, c := range []struct {
		name  string
		after time.Duration
		want  []string
	}{
		{"a.prod", time.Hour, []string{"nord"}}, {"b.prod", 2 * time.Hour, []string{"nord"}}, {"b.prod", week - 1, []string{"nord"}}, {"b.prod", week, nil}, {"a.prod", week, nil},
	} {
		p, _, moves := machine(c.name).Keep(held, noon.Add(c.after), week)
		if got := p.Targets[c.name].Customers; !cmp.Equal(got, c.want) || moves != nil {
			t.Errorf("%s after %s: got %v, moves %v", c.name, c.after, got, moves)
		}
	}
	p, _, moves := machine("a.prod", "nord").Keep(held, noon, 0)
	if got := p.Targets["a.prod"].Customers; !cmp.Equal(got, []string{"nord"}) || moves != nil {
		t.Errorf("taken back: got %v, moves %v", got, moves)
	}
	p, _, moves = machine("c.prod").Keep(map[string]Hold{"k": {Target: "old", Mark: "key SHA256:k", Class: "test", Customers: map[string]time.Time{"nord": {}}}}, noon, 0)
	if got := p.Targets["c.prod"].Customers; got != nil || len(moves) != 1 {
		t.Errorf("without a delay: got %v, moves %v", got, moves)
	}
}

// TestHoursAreReadAsTheyWereWritten also refuses what is no time of day.
func TestHoursAreReadAsTheyWereWritten(t *testing.T) {
	want := Hours{Days: []time.Weekday{1, 2}, From: 7 * time.Hour, To: 24 * time.Hour, Zone: copenhagen(t)}
	data, err := json.Marshal(want)
	if err != nil || string(data) != `{"days":[1,2],"from":"07:00","to":"24:00","zone":"Europe/Copenhagen"}` {
		t.Fatalf("got %s %v", data, err)
	}
	var got Hours
	if err := json.Unmarshal(data, &got); err != nil || got.From != want.From || got.To != want.To || got.Zone.String() != want.Zone.String() {
		t.Errorf("got %+v %v", got, err)
	}
	for _, bad := range []string{`[]`, `{"zone":"Nowhere/Else"}`, `{"from":"7","to":"9","zone":"UTC"}`, `{"from":"07:00","to":"07:60","zone":"UTC"}`, `{"from":"25:00","to":"26:00","zone":"UTC"}`, `{"from":"07:00","to":"-1:00","zone":"UTC"}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is read as hours", bad)
		}
	}
	if data, err := json.Marshal(Hours{}); err != nil || string(data) != `{"days":null,"from":"00:00","to":"00:00","zone":""}` {
		t.Errorf("got %s %v", data, err)
	}
	if err := json.Unmarshal([]byte(`{"days":[1],"from":"00:00","to":"24:00","zone":""}`), &got); err != nil || got.Zone != nil || got.hold(noon) {
		t.Errorf("hours without a zone are read as %+v %v", got, err)
	}
}
