package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The people, targets and rules of the tables.
var (
	eng   = Principal{ID: "eng@example.eu", Name: "Eng", Kind: Staff, Vouched: "op@example.eu"}
	op    = Principal{ID: "op@example.eu", Kind: Staff}
	ceo   = Principal{ID: "ceo@example.eu", Kind: Executive, Admitted: true}
	cto   = Principal{ID: "cto@example.eu", Kind: Executive, Admitted: true}
	nord  = Principal{ID: "ann@nord.example", Kind: Reviewer, Customer: "nord", Admitted: true}
	syd   = Principal{ID: "bo@syd.example", Kind: Reviewer, Customer: "syd", Admitted: true}
	audit = Principal{ID: "aud@example.eu", Kind: Auditor}
	// noon is a Wednesday in Copenhagen, 13:00 there.
	noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func copenhagen(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func testPolicy(t *testing.T) *Policy {
	week := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	limits := Limits{Default: time.Hour, Max: 4 * time.Hour, ActivateWithin: time.Hour}
	return &Policy{
		Groups: map[string][]string{"engineers": {eng.ID}, "board": {ceo.ID, cto.ID}, "deputies": {out.ID}, "platform": {peer.ID, op.ID, nord.ID}},
		Targets: map[string]*Target{
			"db1.prod": {Name: "db1.prod", Kind: "ssh", Customers: []string{"nord", "syd"}, Labels: map[string]string{"env": "prod"},
				Logins: []Login{{Name: "deploy"}, {Name: "support_{{customer}}", One: true}, {Name: "shared", One: true}, {Name: "all_{{customer}}"}}},
			"night.prod": {Name: "night.prod", Kind: "ssh", Logins: []Login{{Name: "root"}}, Labels: map[string]string{"env": "prod"}},
			"box.test":   {Name: "box.test", Kind: "ssh", Class: "test", Logins: []Login{{Name: "root"}}},
			"bare.prod":  {Name: "bare.prod", Kind: "ssh"},
			"host.prod":  {Name: "host.prod", Kind: "ssh", Logins: []Login{{Name: "app"}}},
			"web.prod":   {Name: "web.prod", Kind: "http", Logins: []Login{{Name: "app"}}},
		},
		Rules: []Rule{
			{Name: "prod", Position: "r.yaml:1:1", Actions: []Action{Shell, Exec}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"},
				Labels: map[string]string{"env": "prod"}, Reasons: []Reason{"outage", "planned"}, Limits: limits, Fresh: 15 * time.Minute,
				Stages: []Stage{{Kind: ByExecutive, Group: "board", Count: 1, Expires: 12 * time.Hour}, {Kind: ByCustomer, Count: 1, Expires: 96 * time.Hour, Step: 1}}},
			{Name: "later", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Reasons: []Reason{"outage"}},
			{Name: "other label", Actions: []Action{Forward}, Groups: []string{"engineers"}, Targets: []string{"db1.prod"}, Labels: map[string]string{"env": "test"}},
			{Name: "office hours", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"night.prod"}, Limits: limits,
				Hours: &Hours{Days: week, From: 7 * time.Hour, To: 13*time.Hour + 30*time.Minute, Zone: copenhagen(t)}},
			{Name: "near", Actions: []Action{Exec}, People: []string{eng.ID}, Targets: []string{"night.prod"}, Limits: limits,
				From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			{Name: "test", Actions: []Action{Shell, Exec}, People: []string{eng.ID}, Targets: []string{"box.test"}, Limits: limits},
			{Name: "no exec", Position: "r.yaml:9:1", Forbid: true, Actions: []Action{Exec}, Groups: []string{"engineers"}, Targets: []string{"box.test"}},
			{Name: "nobody", Actions: []Action{Shell}, Groups: []string{"engineers"}},
			{Name: "apps", Actions: []Action{Forward, HTTPGet, HTTPPut}, Groups: []string{"engineers"}, Kinds: []string{"http"}, Limits: limits},
			{Name: "bare", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"bare.prod"}},
			{Name: "no zone", Actions: []Action{SFTPGet}, People: []string{eng.ID}, Targets: []string{"db1.prod"}, Hours: &Hours{Days: week, To: 24 * time.Hour}},
			{Name: "no puts", Forbid: true, Actions: []Action{SFTPPut}, People: []string{eng.ID}, Targets: []string{"db1.prod"}, From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			{Name: "no gets", Forbid: true, Actions: []Action{SFTPGet}, Targets: []string{"host.prod"}},
			{Name: "gets", Actions: []Action{SFTPGet}, Groups: []string{"engineers"}, Targets: []string{"host.prod"}, Limits: limits},
			{Name: "no nights", Forbid: true, Actions: []Action{Shell}, Targets: []string{"host.prod"}, Hours: &Hours{}},
			{Name: "shells", Actions: []Action{Shell}, Groups: []string{"engineers"}, Targets: []string{"host.prod"}, Limits: limits},
			{Name: "no get anywhere", Forbid: true, Actions: []Action{SFTPGet}, People: []string{"somebody@x.eu"}},
			{Name: "free for all", Actions: []Action{SFTPPut}, Targets: []string{"host.prod"}, Limits: limits},
			{Name: "no audits", Forbid: true, Actions: []Action{Exec}, Targets: []string{"host.prod"}, Reasons: []Reason{"outage"}},
			{Name: "execs", Actions: []Action{Exec, HTTPGet}, Groups: []string{"engineers"}, Targets: []string{"host.prod"}, Limits: limits},
			{Name: "backwards", Forbid: true, Actions: []Action{HTTPPut}, Hours: &Hours{Days: week, From: 22 * time.Hour, To: 6 * time.Hour, Zone: copenhagen(t)}},
			{Name: "no evenings", Forbid: true, Actions: []Action{HTTPGet}, Hours: &Hours{Days: week, From: 18 * time.Hour, To: 24 * time.Hour, Zone: copenhagen(t)}},
			{Name: "puts", Actions: []Action{SFTPPut}, People: []string{eng.ID}, Targets: []string{"db1.prod"}, Limits: limits},
		},
	}
}

// machine is that of db1.prod in the tables.
func machine() string {
	t := Target{Name: "db1.prod", Kind: "ssh", Customers: []string{"syd", "nord"}}
	return t.Machine()
}

func grant() *Grant {
	return &Grant{Machine: machine(), ID: "7KQM", Who: eng, Target: "db1.prod", Login: "deploy", Actions: []Action{Shell}, Customers: []string{"nord", "syd"},
		Stages: []Stage{{Kind: ByExecutive, Group: "board", Count: 1}, {Kind: ByCustomer, Customer: "nord", Count: 1}, {Kind: ByCustomer, Customer: "syd", Count: 1}},
		Reason: "outage", For: time.Hour, Made: noon, ActivateBefore: at(60)}
}

func begun() *Grant {
	g := grant()
	g.Activated, g.NotAfter = noon, at(60)
	return g
}

func touched(now time.Time) []Proof {
	return []Proof{{Kind: Passkey, Of: eng.ID, At: now, For: "this terminal"}}
}

func with[T any](x *T, change func(*T)) *T {
	change(x)
	return x
}

func request() *Request {
	return &Request{
		ID: "7KQM", At: noon, Who: eng, Target: "db1.prod", Login: "support_nord", Customers: []string{"nord"}, For: time.Hour,
		Stages: []Stage{
			{Kind: ByExecutive, Group: "board", Count: 1, Of: 2, Expires: 12 * time.Hour},
			{Kind: ByCustomer, Customer: "nord", Count: 1, Of: 1, Expires: 96 * time.Hour, Step: 1},
		},
	}
}

func yes(by Principal, stage, minute int) Vote {
	return Vote{By: by, Stage: stage, Verdict: Yes, At: at(minute), Terms: Terms{For: time.Hour}}
}

// deputy is a yes to stage 0 for somebody else.
func deputy(by, behalf Principal, minute int) Vote {
	v := yes(by, 0, minute)
	v.Behalf, v.Delegation = behalf.ID, "M7QK"
	return v
}

// standing is an instruction that stands for a customer's yes.
func standing(stage, minute int) Vote {
	v := yes(Principal{}, stage, minute)
	v.Standing = "M7QK"
	return v
}

// limited is a yes of an hour to less.
func limited(by Principal, stage, minute int, t Terms) Vote {
	v := yes(by, stage, minute)
	t.For = time.Hour
	v.Terms = t
	return v
}

func no(by Principal, stage, minute int) Vote {
	return Vote{By: by, Stage: stage, Verdict: No, At: at(minute)}
}

func check(t *testing.T, got Decision, want Verdict, code Code, why string) {
	t.Helper()
	if got.Verdict != want || got.Code != code || !strings.Contains(got.Why.String(), why) {
		t.Errorf("got %v %q %q, want %v %q %q", got.Verdict, got.Code, got.Why, want, code, why)
	}
}

// More people.
var (
	peer     = Principal{ID: "peer@example.eu", Kind: Staff}
	out      = Principal{ID: "out@example.eu", Kind: Executive, Admitted: true} // not of the board
	third    = Principal{ID: "cfo@example.eu", Kind: Executive, Admitted: true}
	newcomer = Principal{ID: "new@example.eu", Kind: Executive}
	nord2    = Principal{ID: "eva@nord.example", Kind: Reviewer, Customer: "nord", Admitted: true}
	gateway  = Principal{ID: "gateway", Kind: Machine}
)

// moved is a motion that waits for signatures.
func moved(kind MotionKind, by Principal, s Stage) *Motion {
	s.Of, s.Expires = 3, 24*time.Hour
	return &Motion{ID: "M7QK", Kind: kind, At: noon, By: by, Stage: s}
}

func admit() *Motion {
	return with(moved(ToAdmit, ceo, Stage{Kind: ByExecutive, Count: 2}), func(m *Motion) { m.About, m.Key = newcomer.ID, "SHA256:new" })
}

func admitFor(customer string, by Principal) *Motion {
	return with(moved(ToAdmit, by, Stage{Kind: ByCustomer, Customer: customer, Count: 1}), func(m *Motion) {
		m.Customer, m.About, m.Key = customer, "new@nord.example", "SHA256:new"
	})
}

func settings() *Motion {
	return with(moved(ToSet, nord, Stage{Kind: ByCustomer, Customer: "nord", Count: 1}), func(m *Motion) { m.Customer, m.Notice = "nord", true })
}

func activate(by Principal) *Motion {
	return with(moved(ToActivate, by, Stage{Kind: ByExecutive, Count: 2}), func(m *Motion) { m.About = "d1" })
}

func declare(by Principal, version string) *Motion {
	return with(moved(ToDeclare, by, Stage{Kind: BySelf, Count: 1}), func(m *Motion) { m.About = version })
}

// lent makes a deputy, signed.
func lent(by, to Principal) *Motion {
	return signed(with(moved(ToDelegate, by, Stage{Kind: BySelf, Count: 1}), func(m *Motion) {
		m.About, m.Key, m.Until = to.ID, "SHA256:to", at(60)
	}), by)
}

func signed(m *Motion, by ...Principal) *Motion {
	for i, who := range by {
		m.Votes = append(m.Votes, yes(who, 0, i+1))
	}
	return m
}
