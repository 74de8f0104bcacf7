package lang

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// somebody plays the person of a comparison, and somewhere the target.
const (
	somebody  = "somebody@example.eu"
	somewhere = "some.where"
)

// A delta is one change of an answer: a Change without people and targets.
type delta struct {
	Change
}

func (x delta) key() string {
	c := x.Change
	parts := []string{c.What, c.Way, c.Old, c.New, string(c.Do[0])}
	for _, r := range []*Ref{c.OldRule, c.NewRule} {
		if r != nil {
			parts = append(parts, r.Rule, r.Position)
		}
		parts = append(parts, "")
	}
	if c.Part {
		parts = append(parts, "part")
	}
	return strings.Join(parts, "\x00")
}

// compare holds the answers of two lists of rules about one action against
// each other, at every moment, place and reason that they tell apart.
func (d *differ) compare(s *spot, old, new []int, do policy.Action) []delta {
	shapes := [2]string{d.old.shapeOf(s.old), d.new.shapeOf(s.new)}
	if shapes[0] == shapes[1] && slices.EqualFunc(old, new, func(a, b int) bool { return d.old.means[a] == d.new.means[b] }) {
		return nil
	}
	key := strings.Join([]string{string(do), listed(old), listed(new), shapes[0], shapes[1]}, "|")
	if x, ok := d.told[key]; ok {
		return x
	}
	before, after := d.old.stage(old, s.old), d.new.stage(new, s.new)
	all := slices.Concat(before.Rules, after.Rules)
	out := d.asked(s, do, all, views{before, after, shapes[0] == shapes[1]}, false)
	if slices.ContainsFunc(all, func(r policy.Rule) bool { return r.Emergency() }) {
		out = append(out, d.asked(s, do, all, views{before, after, shapes[0] == shapes[1]}, true)...)
	}
	d.told[key] = out
	return out
}

// views are the two sides of a comparison.
type views struct {
	before, after *policy.Policy
	alike         bool // the targets are
}

// asked puts to both sides every question that can be answered differently, in an
// emergency or in none.
func (d *differ) asked(s *spot, do policy.Action, all []policy.Rule, of views, emergency bool) []delta {
	before, after := of.before, of.after
	v := &view{do: do, found: map[string]int{}, rules: [2]map[string]*policy.Rule{byName(before), byName(after)}, by: [2]map[way]bool{{}, {}}}
	logins := ways(s.old, s.new, of.alike && !d.new.byCustomer(all, s.new))
	places, moments, ends := sources(all), d.when.moments(all), endsOf(all, do)
	for _, l := range logins {
		for _, m := range moments {
			for _, from := range places {
				for _, reason := range append(policy.Reasons(), "") {
					for _, to := range ends {
						q := policy.Question{
							Now: m.at, Who: policy.Principal{ID: somebody, Kind: policy.Staff}, Do: do, On: somewhere,
							Login: l.Login, Customer: l.Customer, To: to, From: from, Reason: reason, Emergency: emergency,
						}
						v.look(q, before.Decide(q), after.Decide(q))
					}
				}
			}
		}
	}
	return v.deltas()
}

// endsOf are the places where tunnels can end by the rules, and "" for one that is not known yet.
func endsOf(rules []policy.Rule, do policy.Action) []string {
	ends := []string{""}
	if do != policy.Forward {
		return ends
	}
	for i := range rules {
		ends = append(ends, rules[i].Bounds.To...)
	}
	slices.Sort(ends)
	return slices.Compact(ends)
}

// stage is a policy with these rules alone, about one person and one target.
func (b book) stage(rules []int, t *policy.Target) *policy.Policy {
	p := &policy.Policy{Targets: map[string]*policy.Target{}, Customers: b.Customers, Auditors: b.Auditors}
	if t == nil {
		return p
	}
	only := *t
	only.Name = somewhere
	p.Targets[somewhere] = &only
	for _, i := range rules {
		r := b.Rules[i]
		r.Groups, r.People, r.Targets, r.Kinds, r.Labels = nil, []string{somebody}, []string{somewhere}, nil, nil
		p.Rules = append(p.Rules, r)
	}
	return p
}

func byName(p *policy.Policy) map[string]*policy.Rule {
	out := map[string]*policy.Rule{}
	for i := range p.Rules {
		out[p.Rules[i].Position+p.Rules[i].Name] = &p.Rules[i]
	}
	return out
}

// A way is how one can ask for a target.
type way struct{ Login, Customer string }

// ways are all logins of both targets, for each customer. Where the two are
// alike one is enough: rules do not tell logins apart, but by whose data is recorded.
func ways(old, new *policy.Target, alike bool) []way {
	var out []way
	seen := map[way]bool{}
	add := func(w way) {
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	names, customers := []string{""}, []string{""}
	for _, t := range []*policy.Target{old, new} {
		if t == nil {
			continue
		}
		customers = append(customers, t.Customers...)
		for _, l := range t.Logins {
			names = append(names, l.Name)
			for _, c := range t.Customers {
				names = append(names, strings.ReplaceAll(l.Name, perCustomer, c))
			}
		}
	}
	for _, n := range names {
		for _, c := range customers {
			add(way{n, c})
		}
	}
	if !alike {
		return out
	}
	open := policy.Policy{
		Targets: map[string]*policy.Target{old.Name: old},
		Rules:   []policy.Rule{{Actions: []policy.Action{policy.Shell}, People: []string{somebody}, Targets: []string{old.Name}}},
	}
	for _, w := range out {
		q := policy.Question{
			Now: time.Unix(0, 0), Who: policy.Principal{ID: somebody, Kind: policy.Staff}, Do: policy.Shell, On: old.Name, Login: w.Login, Customer: w.Customer,
		}
		if open.Decide(q).Verdict == policy.Ask {
			return []way{w}
		}
	}
	return nil // nobody can come in
}

// sources are addresses that stand for all that the rules tell apart; the
// zero Addr is one that is not known.
func sources(rules []policy.Rule) []netip.Addr {
	out := []netip.Addr{{}, netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("::")}
	var lists [][]netip.Prefix
	for i := range rules {
		if from := rules[i].From; len(from) > 0 {
			lists = append(lists, from)
		}
		for _, p := range rules[i].From {
			out = append(out, p.Addr())
			if next := after(p); next.IsValid() {
				out = append(out, next)
			}
		}
	}
	if len(lists) == 0 {
		return out[1:2]
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(a netip.Addr) bool {
		key := make([]byte, 0, len(lists)+1)
		for _, l := range lists {
			key = append(key, bit(slices.ContainsFunc(l, func(p netip.Prefix) bool { return p.Contains(a) })))
		}
		key = append(key, bit(a.IsValid()))
		if seen[string(key)] {
			return true
		}
		seen[string(key)] = true
		return false
	})
}

func bit(b bool) byte {
	if b {
		return '1'
	}
	return '0'
}

// A view gathers what differs between two answers to many questions.
type view struct {
	do            policy.Action
	rules         [2]map[string]*policy.Rule
	asks          [2]int          // questions that were answered ask
	by            [2]map[way]bool // logins with which one of them was
	common        int             // of those, in both
	gained, taken []seen
	found         map[string]int
	out           []delta
	was, is       policy.Decision // the first ask of each
}

// A seen is a question that only one of the two answers with ask.
type seen struct {
	q policy.Question
	d policy.Decision
}

func (v *view) look(q policy.Question, old, new policy.Decision) {
	for i, d := range []policy.Decision{old, new} {
		if d.Verdict != policy.Ask {
			continue
		}
		v.by[i][way{q.Login, q.Customer}] = true
		if v.asks[i]++; v.asks[i] == 1 {
			*[]*policy.Decision{&v.was, &v.is}[i] = d
		}
	}
	switch {
	case old.Verdict != policy.Ask && new.Verdict != policy.Ask:
	case old.Verdict != policy.Ask:
		v.gained = append(v.gained, seen{q, new})
	case new.Verdict != policy.Ask:
		v.taken = append(v.taken, seen{q, old})
	default:
		v.common++
		v.both(q, old, new)
	}
}

// both tells what differs between two answers that are both ask.
func (v *view) both(q policy.Question, old, new policy.Decision) {
	note := func(what, way, a, b string) {
		v.note(delta{Change{What: what, Way: way, Old: a, New: b, OldRule: refOf(old), NewRule: refOf(new)}}, q)
	}
	if a, b := canonical(old.Stages()), canonical(new.Stages()); !reflect.DeepEqual(a, b) {
		was, is := v.approvals(old, new)
		note(Approvals, effort(a, b), was, is)
	}
	if old.Limits != new.Limits {
		note(TheLimits, longer(old.Limits, new.Limits), limitsText(old.Limits), limitsText(new.Limits))
	}
	if old.Fresh != new.Fresh {
		note(TheTouch, length(old.Fresh < new.Fresh), lengthText(old.Fresh), lengthText(new.Fresh))
	}
	if old.Witnesses != new.Witnesses {
		note(Cosigned, map[bool]string{true: "more", false: "fewer"}[old.Witnesses < new.Witnesses], witnessesText(old.Witnesses), witnessesText(new.Witnesses))
	}
	records(old.Recording, new.Recording, note)
	if old.Ticket != new.Ticket {
		note(TheTicket, "other", orElse(old.Ticket, "no ticket"), orElse(new.Ticket, "no ticket"))
	}
	if !reflect.DeepEqual(old.Bounds, new.Bounds) {
		note(TheBounds, "other", boundsText(old.Bounds), boundsText(new.Bounds))
	}
	if a, b := reachText(old), reachText(new); a != b {
		note(TheLogin, "other", a, b)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func reachText(d policy.Decision) string {
	s := d.Login
	if d.ReadOnly {
		s += ", read only"
	}
	if len(d.Customers) > 0 {
		s += ", reaching " + strings.Join(slices.Sorted(slices.Values(d.Customers)), " and ")
	}
	return s
}

func refOf(d policy.Decision) *Ref {
	if d.Rule == "" && d.Position == "" {
		return nil
	}
	return &Ref{d.Rule, d.Position}
}

// effort says whether the new stages take fewer or more yes than the old.
func effort(old, new []policy.Stage) string {
	fewer, more := holds(old, new), holds(new, old)
	switch {
	case fewer && !more:
		return "fewer"
	case more && !fewer:
		return "more"
	}
	return "other"
}

// holds says whether every stage of less is in more, with no smaller count.
func holds(more, less []policy.Stage) bool {
	return !slices.ContainsFunc(less, func(n policy.Stage) bool {
		return !slices.ContainsFunc(more, func(s policy.Stage) bool {
			return s.Kind == n.Kind && s.Group == n.Group && s.Customer == n.Customer && s.Count >= n.Count
		})
	})
}

func length(longer bool) string {
	if longer {
		return "longer"
	}
	return "shorter"
}

func longer(old, new policy.Limits) string {
	endless := func(d time.Duration) time.Duration {
		if d == 0 {
			return 1 << 62
		}
		return d
	}
	old.Idle, new.Idle = endless(old.Idle), endless(new.Idle)
	switch {
	case new.Default >= old.Default && new.Max >= old.Max && new.Idle >= old.Idle && new.ActivateWithin >= old.ActivateWithin:
		return "longer"
	case new.Default <= old.Default && new.Max <= old.Max && new.Idle <= old.Idle && new.ActivateWithin <= old.ActivateWithin:
		return "shorter"
	}
	return "other"
}
