package lang

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// Asked is a request of the past, as a policy can be asked about it again.
type Asked struct {
	Code   string           `json:"code"`
	At     time.Time        `json:"at"`
	Who    policy.Principal `json:"who"`
	Do     []policy.Action  `json:"do"`
	On     string           `json:"on"`
	Login  string           `json:"login"`
	To     []string         `json:"to,omitempty"`   // where tunnels were to end
	From   string           `json:"from,omitempty"` // address; "" unknown
	Reason policy.Reason    `json:"reason"`
	For    time.Duration    `json:"for"`
	Rule   string           `json:"rule"`
	Stages []policy.Stage   `json:"stages"`
	Phase  policy.Phase     `json:"phase"`

	Emergency bool `json:"emergency,omitempty"` // by breaking the glass
}

// What becomes of a request under another policy.
const (
	Denied   = "denied"   // nothing of it could be asked for
	Narrower = "narrower" // not all of its actions
	Fewer    = "fewer"    // it would take fewer yes
	More     = "more"     // it would take more
	Others   = "others"   // it would take other people's
	Shorter  = "shorter"  // it could not last so long
)

// A Replayed request is one whose outcome would change.
type Replayed struct {
	Asked   Asked     `json:"asked"`
	Becomes []Outcome `json:"becomes"`
}

// An Outcome is one thing that would be otherwise.
type Outcome struct {
	What string          `json:"what"` // Denied, Narrower, …
	Do   []policy.Action `json:"do"`
	Old  string          `json:"old,omitempty"`
	New  string          `json:"new,omitempty"`
	Rule *Ref            `json:"rule,omitempty"` // of the new policy
}

// Replay decides every request again, as of its own time, and gives those
// whose outcome changes, in their order.
func Replay(p *policy.Policy, asked []Asked) []Replayed {
	out := []Replayed{}
	for _, a := range asked {
		if o := again(p, a); len(o) > 0 {
			out = append(out, Replayed{a, o})
		}
	}
	return out
}

// again decides one request again.
func again(p *policy.Policy, a Asked) []Outcome {
	var out []Outcome
	denied := 0
	for _, do := range a.Do {
		d := decided(p, a, do)
		ref := refOf(d)
		note := func(what, old, new string) {
			for i := range out {
				if o := &out[i]; o.What == what && o.Old == old && o.New == new && reflect.DeepEqual(o.Rule, ref) {
					o.Do = append(o.Do, do)
					return
				}
			}
			out = append(out, Outcome{What: what, Do: []policy.Action{do}, Old: old, New: new, Rule: ref})
		}
		if d.Verdict != policy.Ask {
			denied++
			note(Narrower, "", d.Why.String())
			continue
		}
		if was, is := canonical(a.Stages), canonical(a.wanted(d.Stages())); !alike(was, is) {
			say := stagesText
			if say(was) == say(is) {
				say = detailText
			}
			note(map[string]string{"fewer": Fewer, "more": More, "other": Others}[effort(was, is)], say(was), say(is))
		}
		if a.For > d.Limits.Max {
			note(Shorter, lengthText(a.For), lengthText(d.Limits.Max))
		}
	}
	if denied == len(a.Do) {
		for i := range out {
			out[i].What = Denied
		}
	}
	return out
}

// wanted is what the stages would have been: a customer that wanted more yes than
// the rule did, as it may, wants them still. That a rule itself takes fewer of a
// customer is Diff's to tell.
func (a Asked) wanted(stages []policy.Stage) []policy.Stage {
	for i := range stages {
		for _, s := range a.Stages {
			if s.Kind == policy.ByCustomer && stages[i].Kind == s.Kind && stages[i].Customer == s.Customer {
				stages[i].Count = max(stages[i].Count, s.Count)
			}
		}
	}
	return stages
}

// alike says whether two lists of stages take the same; an empty list and none are one.
func alike(a, b []policy.Stage) bool {
	return slices.EqualFunc(a, b, func(x, y policy.Stage) bool {
		if len(x.Escalate)+len(y.Escalate) == 0 {
			x.Escalate, y.Escalate = nil, nil
		}
		return reflect.DeepEqual(x, y)
	})
}

// decided answers a question of the past: for all places where its tunnels were
// to end. Where it is not known from where it was asked, the best answer from
// anywhere counts.
func decided(p *policy.Policy, a Asked, do policy.Action) (d policy.Decision) {
	q := a.question(p, do)
	if do != policy.Forward || len(a.To) == 0 {
		return fromAnywhere(p, q)
	}
	for _, q.To = range a.To {
		if d = fromAnywhere(p, q); d.Verdict != policy.Ask {
			return d
		}
	}
	return d
}

func fromAnywhere(p *policy.Policy, q policy.Question) policy.Decision {
	best := p.Decide(q)
	if q.From.IsValid() || best.Verdict == policy.Ask {
		return best
	}
	for _, from := range sources(p.Rules) {
		q.From = from
		if d := p.Decide(q); d.Verdict == policy.Ask {
			return d
		}
	}
	return best
}

// question is what was asked, about one action.
func (a Asked) question(p *policy.Policy, do policy.Action) policy.Question {
	q := policy.Question{Now: a.At, Who: a.Who, Do: do, On: a.On, Login: a.Login, Reason: a.Reason, Emergency: a.Emergency}
	if from, err := netip.ParseAddr(a.From); err == nil {
		q.From = from
	}
	if d := p.Declaration; d != nil { // it was signed, or will be
		q.Proofs = []policy.Proof{{Kind: policy.Declared, Of: a.Who.ID, At: a.At, For: d.Digest()}}
	}
	return q
}

// Past explains a request of the past by this policy, once for each of its actions.
func (s *Source) Past(a Asked) ([]Explained, error) {
	var out []Explained
	for _, do := range a.Do {
		x, err := s.Explain(a.question(s.Policy, do))
		if err != nil {
			return nil, fmt.Errorf("request %s: %w", a.Code, err)
		}
		out = append(out, x)
	}
	return out, nil
}

// Took says what a request of the past took, in words.
func (a Asked) Took() string { return stagesText(a.Stages) }

// Span reads a length of time as policy files write it: 30m, 4h, 90d.
func Span(s string) (time.Duration, error) {
	d := parseSpan(strings.TrimSpace(s))
	if d == 0 {
		return 0, fmt.Errorf("%q is no length of time; write a whole number and m, h or d, as in 30m, 4h or 90d", s)
	}
	return d, nil
}
