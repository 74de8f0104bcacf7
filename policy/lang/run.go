package lang

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

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

// maxTries bounds the moments and places that one test looks at.
const maxTries = 100_000

// Test asks policy what the files expect of it. A test passes as "deny" when
// there is no time and no place at which it is not so; as "ask" when there is
// one, and its stages are the same at all of them.
func (s *Source) Test() []Result {
	out := make([]Result, len(s.Tests))
	for i, t := range s.Tests {
		out[i] = s.run(t)
	}
	return out
}

func (s *Source) run(t Test) Result {
	res := Result{Test: t, Got: policy.Deny.String()}
	target := s.Policy.Targets[t.On]
	questions, ok := s.questions(t, target)
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
		d := s.Policy.Decide(q)
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
		if i == 0 || s.Step != stages[i-1].Step {
			out = append(out, s.Kind)
		}
	}
	return out
}

// questions are all that can be answered differently: at each moment and from
// each place where a rule begins or ends to hold, for each customer.
func (s *Source) questions(t Test, target *policy.Target) ([]policy.Question, bool) {
	customers := []string{""}
	if target != nil && template(target, t.Login) {
		customers = append(customers, target.Customers...)
	}
	moments, places := s.edges(t, target)
	if len(moments)*len(places)*len(customers) > maxTries {
		return nil, false
	}
	var out []policy.Question
	for _, now := range moments {
		for _, from := range places {
			for _, c := range customers {
				out = append(out, policy.Question{
					Now: now, Who: policy.Principal{ID: t.As, Kind: policy.Staff},
					Do: t.Do, On: t.On, Login: t.Login, Customer: c, From: from,
				})
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

// edges are the moments of one week and the addresses at which a rule about
// the action and target begins or ends to hold.
func (s *Source) edges(t Test, target *policy.Target) (moments []time.Time, places []netip.Addr) {
	moments = []time.Time{time.Date(2026, time.January, 7, 12, 0, 0, 0, time.UTC)}
	places = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for i := range s.Policy.Rules {
		r := &s.Policy.Rules[i]
		if target == nil || !slices.Contains(r.Actions, t.Do) || !covers(r, target) {
			continue
		}
		for _, p := range r.From {
			places = append(places, p.Addr())
			if next := after(p); next.IsValid() {
				places = append(places, next)
			}
		}
		if h := r.Hours; h != nil {
			for d := range 7 {
				midnight := time.Date(2026, time.January, 5+d, 0, 0, 0, 0, h.Zone)
				moments = append(moments, midnight.Add(h.From), midnight.Add(h.To))
			}
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	slices.SortFunc(places, netip.Addr.Compare)
	return slices.CompactFunc(moments, time.Time.Equal), slices.Compact(places)
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
