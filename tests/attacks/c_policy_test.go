package attacks

import (
	"net/netip"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/tests/world"
)

func TestC05WhatIsNotKnownIsDenied(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	good := policy.Question{Now: now, Who: policy.Principal{ID: "eng@x.eu", Kind: policy.Staff}, Do: policy.Shell, On: "db1.prod", Login: "deploy"}
	if d := world.Policy("127.0.0.1:1", "").Decide(good); d.Verdict != policy.Ask || len(d.Stages()) != 3 {
		t.Fatalf("got %v with %d stages", d.Verdict, len(d.Stages()))
	}
	for name, fn := range map[string]func(p *policy.Policy, q *policy.Question){
		"nobody": func(_ *policy.Policy, q *policy.Question) { q.Who = policy.Principal{} }, "no kind": func(_ *policy.Policy, q *policy.Question) { q.Who.Kind = "" },
		"an unknown kind": func(_ *policy.Policy, q *policy.Question) { q.Who.Kind = "Staff" }, "an executive": func(_ *policy.Policy, q *policy.Question) { q.Who.Kind = policy.Executive },
		"a reviewer": func(_ *policy.Policy, q *policy.Question) { q.Who.Kind = policy.Reviewer }, "an auditor": func(_ *policy.Policy, q *policy.Question) { q.Who.Kind = policy.Auditor },
		"no time": func(_ *policy.Policy, q *policy.Question) { q.Now = time.Time{} }, "no action": func(_ *policy.Policy, q *policy.Question) { q.Do = "" },
		"an action in upper case": func(_ *policy.Policy, q *policy.Question) { q.Do = "Shell" }, "an id in upper case": func(_ *policy.Policy, q *policy.Question) { q.Who.ID = "ENG@x.eu" },
		"no target": func(_ *policy.Policy, q *policy.Question) { q.On = "" }, "a target that is nil": func(p *policy.Policy, _ *policy.Question) { p.Targets["db1.prod"] = nil },
		"a target without logins": func(p *policy.Policy, _ *policy.Question) { p.Targets["db1.prod"].Logins = nil }, "an unknown login": func(_ *policy.Policy, q *policy.Question) { q.Login = "root" },
		"the template": func(_ *policy.Policy, q *policy.Question) { q.Login = "support_{{customer}}" }, "a template for nobody": func(_ *policy.Policy, q *policy.Question) { q.Login = "support_" },
		"a template for a stranger": func(_ *policy.Policy, q *policy.Question) { q.Login = "support_west" }, "a template and another customer": func(_ *policy.Policy, q *policy.Question) { q.Login, q.Customer = "support_nord", "syd" },
		"a rule for no people": func(p *policy.Policy, _ *policy.Question) { p.Rules[0].Groups = nil }, "an empty group": func(p *policy.Policy, _ *policy.Question) { p.Groups["engineers"] = nil },
		"a rule for no targets": func(p *policy.Policy, _ *policy.Question) { p.Rules[0].Labels = nil }, "a rule for no actions": func(p *policy.Policy, _ *policy.Question) { p.Rules[0].Actions = nil },
		"hours without a zone": func(p *policy.Policy, _ *policy.Question) {
			p.Rules[0].Hours = &policy.Hours{Days: []time.Weekday{now.Weekday()}, To: 24 * time.Hour}
		},
		"a network, from nowhere": func(p *policy.Policy, _ *policy.Question) {
			p.Rules[0].From = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		},
		"a forbid for everybody": func(p *policy.Policy, _ *policy.Question) {
			p.Rules = append(p.Rules, policy.Rule{Forbid: true, Actions: policy.OnTarget(), Kinds: []string{"ssh"}})
		},
	} {
		p, q := world.Policy("127.0.0.1:1", ""), good
		fn(p, &q)
		if d := p.Decide(q); d.Verdict != policy.Deny {
			t.Errorf("%s: got %v, %q", name, d.Verdict, d.Why)
		}
	}
	var none *policy.Policy
	if d := none.Decide(good); d.Verdict != policy.Deny {
		t.Errorf("no policy: got %v", d.Verdict)
	}
}

func TestC05NoRuleTakesTheHardCodedStagesAway(t *testing.T) {
	for name, fn := range map[string]func(r *policy.Rule){
		"no stages": func(r *policy.Rule) { r.Stages = nil }, "an executive's alone": func(r *policy.Rule) { r.Stages = r.Stages[:1] },
		"a customer's alone": func(r *policy.Rule) { r.Stages = r.Stages[1:] }, "a customer named": func(r *policy.Rule) { r.Stages[1].Customer = "nord" },
	} {
		p := world.Policy("127.0.0.1:1", "")
		fn(&p.Rules[0])
		d := p.Decide(policy.Question{Now: time.Now(), Who: policy.Principal{ID: "eng@x.eu", Kind: policy.Staff}, Do: policy.Shell, On: "db1.prod", Login: "deploy"})
		asked := map[string]int{}
		for _, s := range d.Stages() {
			asked[string(s.Kind)+s.Customer]++
		}
		if asked["executive"] != 1 || asked["customernord"] != 1 || asked["customersyd"] != 1 || len(d.Stages()) != 3 {
			t.Errorf("%s: asked are %v", name, asked)
		}
	}
	for name, s := range map[string][]policy.Stage{
		"none": nil, "of nobody": {{Kind: policy.ByExecutive, Expires: time.Hour}}, "of less than nobody": {{Kind: policy.ByExecutive, Count: -1, Expires: time.Hour}},
	} {
		q := policy.Request{ID: "X", At: time.Now(), For: time.Hour, Stages: s}
		if got := q.Tally(time.Now()); got.Phase == policy.Approved {
			t.Errorf("stages %s are approved without a vote", name)
		}
	}
}
