package lang

import (
	"fmt"
	"net/netip"
	"slices"

	"lockbox/policy"
)

// A Result is what came of a Test.
type Result struct {
	Test   Test               `json:"test"`
	OK     bool               `json:"ok"`
	Got    string             `json:"got"`
	Stages []policy.StageKind `json:"stages,omitempty"` // of an ask
	Why    string             `json:"why"`              // what was expected and what came instead, or the decision's own words
}

// Bounds of what one test looks at.
const (
	maxTries = 100_000 // moments, places, reasons and customers together
	maxHours = 100     // rules that hold only at some hours
)

// Test asks policy what the files expect of it. A test passes as "deny" when
// there is no time, place and reason at which it is not so; as "ask" when there
// is one, and its stages are the same at all of them.
func (s *Source) Test() []Result {
	out := make([]Result, len(s.Tests))
	if len(out) == 0 {
		return out
	}
	when := calendar{}
	for i, t := range s.Tests {
		out[i] = s.run(s.narrow(t.On), t, when)
	}
	return out
}

// narrow is the policy as far as it is about one target: it decides the same
// there, and nobody waits for rules that are about others.
func (s *Source) narrow(name string) *policy.Policy {
	p := &policy.Policy{Groups: s.Policy.Groups, Customers: s.Policy.Customers, Auditors: s.Policy.Auditors, Declaration: s.Policy.Declaration, Targets: map[string]*policy.Target{}}
	target := s.Policy.Targets[name]
	if target == nil {
		return p
	}
	p.Targets[name] = target
	for i := range s.Policy.Rules {
		if r := &s.Policy.Rules[i]; on(r, target) {
			p.Rules = append(p.Rules, *r)
		}
	}
	return p
}

func (s *Source) run(p *policy.Policy, t Test, when calendar) Result {
	res := Result{Test: t, Got: policy.Deny.String()}
	target := s.Policy.Targets[t.On]
	questions, ok := s.questions(t, target, when)
	switch { // a test of what is not there would pass as deny for ever
	case target == nil:
		res.Why = fmt.Sprintf("there is no target %q", t.On)
		return res
	case t.Login != "" && !slices.Contains(logins(target), t.Login):
		res.Why = fmt.Sprintf("%s has no login %q", t.On, t.Login)
		return res
	case !ok:
		res.Why = "there are too many hours and networks to try"
		return res
	}
	best, other := policy.Decision{}, policy.Decision{}
	for i, q := range questions {
		d := p.Decide(q)
		if i == 0 || d.Verdict > best.Verdict || d.Verdict == best.Verdict && best.Rule == "" {
			best = d
		}
		if d.Verdict == policy.Ask && t.Stages != nil && !slices.Equal(kinds(d.Stages()), t.Stages) {
			other = d
		}
	}
	res.Got, res.Stages, res.Why = best.Verdict.String(), kinds(best.Stages()), best.Why.String()
	switch {
	case res.Got != t.Expect:
		res.Why = fmt.Sprintf("expected %s, got %s: %s", t.Expect, res.Got, best.Why)
	case other.Verdict == policy.Ask:
		res.Stages = kinds(other.Stages())
		res.Why = fmt.Sprintf("expected the stages %v, got %v by rule %q", t.Stages, res.Stages, other.Rule)
	default:
		res.OK = true
	}
	return res
}

// kinds are the kinds of stage in their steps; the customers of one step count once.
func kinds(stages []policy.Stage) []policy.StageKind {
	var out []policy.StageKind
	for i, s := range stages {
		same := func(before policy.Stage) bool {
			return before.Step == s.Step && before.Kind == s.Kind && before.Customer != s.Customer
		}
		if !slices.ContainsFunc(stages[:i], same) {
			out = append(out, s.Kind)
		}
	}
	return out
}

// questions are all that can be answered differently: at each moment, from each
// place and for each reason that the rules tell apart, for each customer.
func (s *Source) questions(t Test, target *policy.Target, when calendar) ([]policy.Question, bool) {
	customers := []string{""}
	if target != nil && template(target, t.Login) {
		customers = append(customers, target.Customers...)
	}
	rules := s.matter(t, target)
	if timed(rules) > maxHours {
		return nil, false
	}
	moments, places, reasons := when.moments(rules), sources(rules), append(policy.Reasons(), "")
	if len(moments)*len(places)*len(customers)*len(reasons) > maxTries {
		return nil, false
	}
	base := policy.Question{Who: policy.Principal{ID: t.As, Kind: policy.Staff}, Do: t.Do, On: t.On, Login: t.Login, To: t.To, Emergency: t.Emergency}
	if d := s.Policy.Declaration; d != nil {
		base.Proofs = []policy.Proof{{Kind: policy.Declared, Of: t.As, For: d.Digest()}}
	}
	var out []policy.Question
	for _, m := range moments {
		for _, from := range places {
			for _, c := range customers {
				for _, reason := range reasons {
					q := base
					q.Now, q.From, q.Customer, q.Reason = m.at, from, c, reason
					out = append(out, q)
				}
			}
		}
	}
	return out, true
}

// template says whether a login stands for one account per customer.
func template(t *policy.Target, login string) bool {
	for i, l := range t.Logins {
		if l.Name == login || login == "" && i == 0 {
			return l.One
		}
	}
	return false
}

// matter are the rules about the action and target.
func (s *Source) matter(t Test, target *policy.Target) []policy.Rule {
	var out []policy.Rule
	for i := range s.Policy.Rules {
		if r := &s.Policy.Rules[i]; target != nil && slices.Contains(r.Actions, t.Do) && on(r, target) {
			out = append(out, *r)
		}
	}
	return out
}

// timed counts the rules that hold only at some hours.
func timed(rules []policy.Rule) int {
	n := 0
	for i := range rules {
		if rules[i].Hours != nil {
			n++
		}
	}
	return n
}

// after is the first address behind a network; not valid where there is none.
func after(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	last, _ := netip.AddrFromSlice(b) // as long as it was
	return last.Next()
}
