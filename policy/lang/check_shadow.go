package lang

import (
	"net/netip"
	"slices"

	"lockbox/policy"
)

// shadows looks for rules that can never decide: what they permit, others
// forbid, and what they say, one before them says.
func (c *checker) shadows() {
	var forbids []int
	for i := range c.Policy.Rules {
		if c.Policy.Rules[i].Forbid && !c.dead[i] {
			forbids = append(forbids, i)
		}
	}
	said := newEarlier(c)
	for i := range c.Policy.Rules {
		if c.dead[i] {
			continue
		}
		if !c.Policy.Rules[i].Forbid {
			c.forbidden(i, forbids)
		}
		if !c.dead[i] {
			c.repeated(i, said)
			said.add(i)
		}
	}
}

// An earlier finds rules that stand before another by the actions they hold.
type earlier struct {
	c        *checker
	byAction map[policy.Action][]int
}

func newEarlier(c *checker) *earlier { return &earlier{c: c, byAction: map[policy.Action][]int{}} }

func (e *earlier) add(i int) {
	for _, a := range e.c.Policy.Rules[i].Actions {
		e.byAction[a] = append(e.byAction[a], i)
	}
}

// forbidden refuses a rule that permits what is forbidden altogether: each of
// its actions, on each of its targets, from each of its networks, to all whom
// it is about, whenever it holds. A forbid beats it wherever it stands.
func (c *checker) forbidden(i int, forbids []int) {
	r := &c.Policy.Rules[i]
	var over []int
	for _, f := range forbids {
		if by := &c.Policy.Rules[f]; c.whoever(by, r) && whenever(by, r) && anyReason(by, r) {
			over = append(over, f)
		}
	}
	if len(over) == 0 {
		return
	}
	networks := r.From
	if len(networks) == 0 {
		networks = []netip.Prefix{{}}
	}
	var used []int
	for _, a := range r.Actions {
		for _, from := range networks {
			left := c.covered[i].and(c.all.kinds[a.Kind()]) // elsewhere it does nothing
			for _, f := range over {
				by := &c.Policy.Rules[f]
				if !slices.Contains(by.Actions, a) || !within(from, by.From) {
					continue
				}
				rest := left.without(c.covered[f])
				if !slices.Equal(rest, left) && !slices.Contains(used, f) {
					used = append(used, f)
				}
				left = rest
			}
			if !left.empty() {
				return
			}
		}
	}
	c.dead[i], c.blind = true, true
	c.refuse(c.name(i), "change one of them, or remove the rule", "rule %q can never match: %s forbids all of it", r.Name, c.ruleNames(used))
}

// name is where the name of rule i stands.
func (c *checker) name(i int) *node { return c.rules[i].find("name") }

func (c *checker) ruleNames(rules []int) string {
	s := `rule "` + c.Policy.Rules[rules[0]].Name + `"`
	if len(rules) > 1 {
		s += " with others"
	}
	return s
}

// repeated warns of a rule that is never used: one before it holds whenever it
// does, for all that it is about.
func (c *checker) repeated(i int, said *earlier) {
	r := &c.Policy.Rules[i]
	for _, j := range said.byAction[r.Actions[0]] {
		by := &c.Policy.Rules[j]
		if by.Forbid != r.Forbid || by.Emergency() != r.Emergency() || !contains(by.Actions, r.Actions) || !c.whoever(by, r) || !whenever(by, r) || !anyReason(by, r) || !anywhere(by, r) || !leadsTo(by, r) || !c.covered[i].in(c.covered[j]) {
			continue
		}
		c.warn(c.name(i), "put it before that one, or remove it", "rule %q is never used: rule %q before it is about all of this", r.Name, by.Name)
		return
	}
}

// leadsTo says whether the tunnels of by end wherever those of r do.
func leadsTo(by, r *policy.Rule) bool {
	return by.Forbid || !carries(r, policy.Forward) || contains(by.Bounds.To, r.Bounds.To)
}

// whoever says whether by is about everybody whom r is about.
func (c *checker) whoever(by, r *policy.Rule) bool {
	if by.Forbid && len(by.People)+len(by.Groups) == 0 {
		return true
	}
	if len(r.People)+len(r.Groups) == 0 {
		return false
	}
	known := func(who string) bool {
		return slices.Contains(by.People, who) || slices.ContainsFunc(by.Groups, func(g string) bool { return slices.Contains(c.Policy.Groups[g], who) })
	}
	return contains(by.Groups, r.Groups) && !slices.ContainsFunc(r.People, func(who string) bool { return !known(who) })
}

// whenever says whether by holds at all times at which r does.
func whenever(by, r *policy.Rule) bool {
	b, h := by.Hours, r.Hours
	switch {
	case b == nil:
		return true
	case h == nil, b.Zone.String() != h.Zone.String():
		return len(b.Days) == 7 && b.From == 0 && b.To == day
	}
	return contains(b.Days, h.Days) && b.From <= h.From && h.To <= b.To
}

func anyReason(by, r *policy.Rule) bool {
	return len(by.Reasons) == 0 || len(r.Reasons) > 0 && contains(by.Reasons, r.Reasons)
}

// anywhere says whether by holds from everywhere from where r does.
func anywhere(by, r *policy.Rule) bool {
	if len(by.From) == 0 {
		return true
	}
	return len(r.From) > 0 && !slices.ContainsFunc(r.From, func(p netip.Prefix) bool { return !within(p, by.From) })
}

// within says whether one of the networks holds all of p; the zero p is
// everywhere, and no networks are all of them.
func within(p netip.Prefix, networks []netip.Prefix) bool {
	if len(networks) == 0 {
		return true
	}
	return p.IsValid() && slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) })
}

func contains[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(all, one) })
}
