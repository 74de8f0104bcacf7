package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestExplain reads as the specification of what is said of each rule.
func TestExplain(t *testing.T) {
	ask := func(on string, do Action) Question { return Question{Now: noon, Who: eng, Do: do, On: on} }
	late := func(q Question) Question { q.Now = at(30); return q }
	for _, c := range []struct {
		says string
		q    Question
		rule string
		why  string
		by   bool
	}{
		{"the rule that permits", ask("db1.prod", Shell), "prod", "the first that permits", true},
		{"a permit after it", ask("db1.prod", Shell), "later", `rule "prod" comes before it`, false},
		{"one for another action", ask("db1.prod", Shell), "puts", "not about this action", false},
		{"one for other people", Question{Now: noon, Who: peer, Do: Shell, On: "db1.prod"}, "prod", "does not concern this person", false},
		{"one that permits, of who never goes in", Question{Now: noon, Who: ceo, Do: Shell, On: "db1.prod"}, "prod", "does not concern this person", false},
		{"one for other targets", ask("db1.prod", Shell), "office hours", "not about this target", false},
		{"one for a target that is not there", ask("db9.prod", Shell), "prod", "not about this target", false},
		{"one that permits at another time", late(ask("night.prod", Shell)), "office hours", "permits this only in its hours", false},
		{"one that permits from elsewhere", ask("night.prod", Exec), "near", "permits this only from its networks", false},
		{"the rule that forbids", ask("box.test", Exec), "no exec", "forbidding beats permitting", true},
		{"what it outranks", ask("box.test", Exec), "test", `rule "no exec" forbids this`, false},
		{"one that forbids from elsewhere", Question{Now: noon, Who: eng, Do: SFTPPut, On: "db1.prod", From: netip.MustParseAddr("192.0.2.1")}, "no puts", "forbids this only from its networks", false},
		{"one that counts for a login that is not there", Question{Now: noon, Who: eng, Do: Shell, On: "db1.prod", Login: "nobody"}, "prod", "before rules counted", false},
		{"what is not done on a target", Question{Now: noon, Who: ceo, Do: Approve, Request: request()}, "prod", "not about this action", false},
	} {
		t.Run(c.says, func(t *testing.T) {
			p, ready := testPolicy(t), testPolicy(t)
			ready.Ready()
			for _, p := range []*Policy{p, ready} {
				x := p.Explain(c.q)
				if got, want := x.Decision.Why.String(), p.Decide(c.q).Why.String(); got != want || len(x.Rules) != len(p.Rules) {
					t.Fatalf("decided %q with %d rules, want %q with %d", got, len(x.Rules), want, len(p.Rules))
				}
				for i, w := range x.Rules {
					if w.Rule != p.Rules[i].Name || w.Position != p.Rules[i].Position || w.Forbid != p.Rules[i].Forbid {
						t.Errorf("rule %d is told as %+v", i, w)
					}
					if w.Rule == c.rule && (!strings.Contains(w.Why.String(), c.why) || w.Decides != c.by) {
						t.Errorf("got %v %q, want %v %q", w.Decides, w.Why, c.by, c.why)
					}
				}
			}
		})
	}
	if x := (*Policy)(nil).Explain(ask("db1.prod", Shell)); x.Decision.Verdict != Deny || x.Rules != nil {
		t.Errorf("no policy explains %+v", x)
	}
}

// TestASentence is put together from what it was given, and from nothing else.
func TestASentence(t *testing.T) {
	for _, c := range []struct {
		s    Sentence
		want string
	}{
		{Sentence{}, ""},
		{Says("go away"), "go away"},
		{Says("%s and %q", "a%s", `b"`), `a%s and "b\""`},
		{Says("which (%s)").of([]string{"nord", "syd"}), "which (nord, syd)"},
		{Says("%s at %s", "x").when(noon.In(time.FixedZone("", 3600))), "x at 2026-11-18 12:00 UTC"},
	} {
		text, err := c.s.MarshalText()
		if err != nil || string(text) != c.want || c.s.IsZero() != (c.want == "") {
			t.Errorf("got %q %v, want %q", text, err, c.want)
		}
	}
}
