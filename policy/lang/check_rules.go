package lang

import (
	"maps"
	"slices"

	"lockbox/policy"
)

// rule checks one rule against the targets, groups and customers there are.
func (c *checker) rule(n *node, r *policy.Rule) {
	if !c.names(n, r) {
		c.blind = true
		return // what it covers is not known
	}
	covered := c.covered(r)
	if len(covered) == 0 {
		c.blind = true
		c.refuse(n.find("on"), "write labels, kinds or targets that one target has together, or remove the rule", "rule %q can never match: no target is all of this", r.Name)
		return
	}
	if !slices.ContainsFunc(covered, func(t *policy.Target) bool { return t.Kind == "ssh" }) {
		c.blind = true
		c.refuse(n.find("on"), "remove the rule", "rule %q can never match: %v is not for targets of kind http", r.Name, r.Actions)
		return
	}
	if !r.Forbid {
		c.stages(n, r, covered)
		c.approvers(n, r)
	}
}

// names checks that everything a rule names is defined.
func (c *checker) names(n *node, r *policy.Rule) bool {
	before := len(c.found)
	for _, g := range r.Groups {
		c.group(n.find("who", "groups", g), g)
	}
	for i, s := range r.Stages {
		if s.Group != "" {
			c.group(n.find("stages").vals[i].find("executive", "group"), s.Group)
		}
	}
	for _, t := range r.Targets {
		if c.Policy.Targets[t] == nil {
			c.refuse(n.find("on", "targets", t), orAdd(t, sortedKeys(c.targets), "targets"), "there is no target %q", t)
		}
	}
	for _, k := range r.Kinds {
		if !c.any(func(t *policy.Target) bool { return t.Kind == k }) {
			c.refuse(n.find("on", "kinds", k), "remove it", "there is no target of kind %s", k)
		}
	}
	for _, k := range sortedKeys(r.Labels) {
		v := r.Labels[k]
		if !c.any(func(t *policy.Target) bool { return t.Labels[k] == v }) {
			c.refuse(n.find("on", "labels", k), c.label(k, v), "no target has the label %s: %s", k, v)
		}
	}
	return len(c.found) == before
}

func (c *checker) group(n *node, g string) {
	if _, ok := c.groups[g]; !ok {
		c.refuse(n, orAdd(g, sortedKeys(c.groups), "groups"), "there is no group %q", g)
	}
}

func (c *checker) any(is func(*policy.Target) bool) bool {
	for t := range maps.Values(c.Policy.Targets) {
		if is(t) {
			return true
		}
	}
	return false
}

// label says what to write for a label that no target has.
func (c *checker) label(key, value string) string {
	keys, values := map[string]bool{}, map[string]bool{}
	for t := range maps.Values(c.Policy.Targets) {
		for k, v := range t.Labels {
			keys[k] = true
			if k == key {
				values[v] = true
			}
		}
	}
	switch {
	case values[value], len(keys) == 0:
		return "add it to a target"
	case len(values) > 0:
		return instead(value, sortedKeys(values))
	}
	return instead(key, sortedKeys(keys))
}

// stages refuses a rule that would let somebody in without those whose yes
// nobody can take away.
func (c *checker) stages(n *node, r *policy.Rule, covered []*policy.Target) {
	has := func(k policy.StageKind) bool {
		return slices.ContainsFunc(r.Stages, func(s policy.Stage) bool { return s.Kind == k })
	}
	var production, concerned, nobody []*policy.Target
	for _, t := range covered {
		switch {
		case t.Production() && !has(policy.ByExecutive):
			production = append(production, t)
		case len(t.Customers) == 0 && !has(policy.ByExecutive):
			nobody = append(nobody, t)
		}
		if len(t.Customers) > 0 && !has(policy.ByCustomer) {
			concerned = append(concerned, t)
		}
	}
	at := n.find("stages")
	if len(production) > 0 {
		c.refuse(at, "add { executive: { count: 1 } }", "rule %q permits without an executive stage on production (%s)", r.Name, some(production))
	}
	if len(concerned) > 0 {
		c.refuse(at, "add { customer: { count: 1 } }", "rule %q permits without a customer stage where there is customers' data (%s)", r.Name, some(concerned))
	}
	if len(nobody) > 0 {
		c.refuse(at, "add { executive: { count: 1 } }", "rule %q asks nobody where there is no customer (%s)", r.Name, some(nobody))
	}
}

// approvers refuses a stage that can never pass: nobody votes on their own
// request, so enough others must be in the group for somebody who asks.
func (c *checker) approvers(n *node, r *policy.Rule) {
	asking := slices.Clone(r.People)
	for _, g := range r.Groups {
		asking = append(asking, c.Policy.Groups[g]...)
	}
	for i, s := range r.Stages {
		members := c.Policy.Groups[s.Group]
		if s.Group == "" || slices.ContainsFunc(asking, func(who string) bool { return others(members, who) >= s.Count }) {
			continue
		}
		c.refuse(n.find("stages").vals[i].find("executive"), "add members to the group, or write a smaller count", "%d of group %q can never say yes: without the person who asks it has %d", s.Count, s.Group, others(members, asking[0]))
	}
}

func others(members []string, who string) int {
	if slices.Contains(members, who) {
		return len(members) - 1
	}
	return len(members)
}

// covered are the targets that a rule is about, by name.
func (c *checker) covered(r *policy.Rule) []*policy.Target {
	var out []*policy.Target
	for _, name := range sortedKeys(c.Policy.Targets) {
		if t := c.Policy.Targets[name]; covers(r, t) {
			out = append(out, t)
		}
	}
	return out
}

// covers says, as policy does, whether all that stands in on is true of t.
func covers(r *policy.Rule, t *policy.Target) bool {
	switch {
	case len(r.Targets)+len(r.Kinds)+len(r.Labels) == 0:
		return false
	case len(r.Targets) > 0 && !slices.Contains(r.Targets, t.Name), len(r.Kinds) > 0 && !slices.Contains(r.Kinds, t.Kind):
		return false
	}
	for k, v := range r.Labels {
		if t.Labels[k] != v {
			return false
		}
	}
	return true
}
