package main

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"lockbox/policy"
)

const (
	people    = 500
	targets   = 10_000
	rules     = 1000
	questions = 1024
)

// world is the policy: most rules name a group and a label; some a kind, a
// target or networks; some forbid.
func world() *policy.Policy {
	p := &policy.Policy{Groups: map[string][]string{}, Targets: map[string]*policy.Target{}}
	for i := range people {
		for _, g := range slices.Compact([]int{i % 100, i * 7 % 100}) {
			p.Groups[fmt.Sprint("g", g)] = append(p.Groups[fmt.Sprint("g", g)], person(i))
		}
	}
	for i := range targets {
		p.Targets[target(i)] = &policy.Target{
			Name: target(i), Kind: []string{"ssh", "ssh", "http"}[i%3], Address: fmt.Sprintf("10.%d.%d.5:22", i/250, i%250), HostKey: fmt.Sprint("SHA256:", i),
			Customers: []string{fmt.Sprint("c", i%200), fmt.Sprint("c", 200+i%77)}, Logins: []policy.Login{{Name: "deploy"}, {Name: "support_{{customer}}", One: true}},
			Labels: map[string]string{"team": fmt.Sprint("g", i%100), "env": []string{"a", "b", "c"}[i%3]},
		}
	}
	for i := range rules {
		p.Rules = append(p.Rules, rule(i))
	}
	return p
}

func person(i int) string { return fmt.Sprintf("p%d@example.eu", i) }
func target(i int) string { return fmt.Sprintf("t%d.prod", i) }

func rule(i int) policy.Rule {
	r := policy.Rule{
		Name: fmt.Sprint("rule ", i), Actions: []policy.Action{policy.Shell, policy.Exec}, Groups: []string{fmt.Sprint("g", i%100)},
		Labels: map[string]string{"team": fmt.Sprint("g", (i+i/100)%100)}, Limits: policy.Limits{Max: 4 * time.Hour}, Fresh: time.Hour,
		Stages: []policy.Stage{{Kind: policy.ByExecutive, Count: 1}, {Kind: policy.ByCustomer, Count: 1}},
	}
	switch {
	case i%10 == 3:
		r.Kinds, r.Actions = []string{"http"}, []policy.Action{policy.HTTPGet, policy.HTTPPut}
	case i%10 == 5:
		r.Targets, r.Labels = []string{target(i * 10)}, nil
	case i%25 == 7:
		r.Forbid, r.Groups = true, nil
	case i%25 == 9:
		r.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	}
	return r
}

// ask is one question; odd ones come from a network that few rules take.
func ask(i int) policy.Question {
	from := "10.1.1.1"
	if i%2 == 1 {
		from = "192.0.2.1"
	}
	team := (i + i/25%10) % 100 // often one that the person's rules are about
	return policy.Question{
		Now: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC), Who: policy.Principal{ID: person(i % people), Kind: policy.Staff},
		Do: []policy.Action{policy.Shell, policy.Exec, policy.Shell, policy.HTTPGet}[i/3%4], On: target(team + 100*(i*37%100)), Login: "deploy", From: netip.MustParseAddr(from),
	}
}
