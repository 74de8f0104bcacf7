package lang

import (
	"slices"

	"lockbox/policy"
)

// rule checks one rule against the targets, groups and customers there are.
func (c *checker) rule(i int) {
	n, r := c.rules[i], &c.Policy.Rules[i]
	c.dead[i] = true // what it covers is not known
	if !c.names(i) {
		c.blind = true
		return
	}
	if c.covered[i].empty() {
		c.blind = true
		c.refuse(n.find("on"), "write labels, kinds or targets that one target has together, or remove the rule", "rule %q can never match: no target is all of this", r.Name)
		return
	}
	if !c.fits(i) {
		return
	}
	c.dead[i] = false
	if !r.Forbid {
		c.stages(n, r, c.covered[i])
		c.recording(i)
		c.approvers(i)
	}
}

// fits refuses a rule none of whose actions its targets know, and warns of
// one that does nothing.
func (c *checker) fits(i int) bool {
	n, r := c.rules[i], &c.Policy.Rules[i]
	var idle []policy.Action
	for _, a := range r.Actions {
		if c.covered[i].and(c.all.kinds[a.Kind()]).empty() {
			idle = append(idle, a)
		}
	}
	if len(idle) == len(r.Actions) {
		c.blind = true
		c.refuse(n.find("on"), "remove the rule", "rule %q can never match: %v is not for targets of kind %s", r.Name, r.Actions, other(r.Actions[0].Kind()))
		return false
	}
	for _, a := range idle {
		c.warn(n.find(verb(r), string(a)), "remove it", "%s does nothing here: no target of the rule is of kind %s", a, a.Kind())
	}
	return true
}

func verb(r *policy.Rule) string {
	if r.Forbid {
		return "forbid"
	}
	return "permit"
}

func other(kind string) string {
	if kind == "http" {
		return "ssh"
	}
	return "http"
}

// names checks that everything a rule names is defined.
func (c *checker) names(i int) bool {
	n, r := c.rules[i], &c.Policy.Rules[i]
	before := len(c.found)
	for _, g := range r.Groups {
		c.group(func() *node { return n.find("who", "groups", g) }, g)
	}
	for _, s := range r.Stages {
		if s.Group != "" {
			c.group(func() *node { return c.stage(i, s).find("group") }, s.Group)
		}
		for j, rung := range s.Escalate {
			if rung.To != "" {
				c.group(func() *node { return c.stage(i, s).find("escalate").vals[j].find("to") }, rung.To)
			}
		}
	}
	for _, t := range r.Targets {
		if c.Policy.Targets[t] == nil {
			c.refuse(n.find("on", "targets", t), orAdd(t, c.known.targets, "targets"), "there is no target %q", t)
		}
	}
	for _, k := range r.Kinds {
		if c.all.kinds[k] == nil {
			c.refuse(n.find("on", "kinds", k), "remove it", "there is no target of kind %s", k)
		}
	}
	for _, k := range sortedKeys(r.Labels) {
		if c.all.labels[[2]string{k, r.Labels[k]}] == nil {
			c.refuse(n.find("on", "labels", k), c.label(k, r.Labels[k]), "no target has the label %s: %s", k, r.Labels[k])
		}
	}
	return len(c.found) == before
}

func (c *checker) group(at func() *node, g string) {
	if _, ok := c.groups[g]; !ok {
		c.refuse(at(), orAdd(g, c.known.groups, "groups"), "there is no group %q", g)
	}
}

// label says what to write for a label that no target has.
func (c *checker) label(key, value string) string {
	keys, values := map[string]bool{}, map[string]bool{}
	for l := range c.all.labels {
		keys[l[0]] = true
		if l[0] == key {
			values[l[1]] = true
		}
	}
	switch {
	case len(keys) == 0:
		return "add it to a target"
	case len(values) > 0:
		return instead(value, few(sortedKeys(values), value))
	}
	return instead(key, few(sortedKeys(keys), key))
}

// few are so many words as a person reads, where none of them is near.
func few(words []string, word string) []string {
	if near(word, words) != "" {
		return words
	}
	return words[:min(len(words), 10)]
}

// stages refuses a rule that would let somebody in without those whose yes
// nobody can take away.
func (c *checker) stages(n *node, r *policy.Rule, covered fleet) {
	has := func(k policy.StageKind) bool {
		return slices.ContainsFunc(r.Stages, func(s policy.Stage) bool { return s.Kind == k })
	}
	production, concerned := covered.and(c.all.production), covered.and(c.all.concerned)
	nobody := covered.without(production).without(concerned)
	at := n.find("stages")
	if r.Emergency() {
		c.emergency(n, r)
		return
	}
	if has(policy.ByExecutive) {
		production = nil
	}
	if has(policy.ByCustomer) {
		concerned = nil
	}
	if has(policy.ByExecutive) || has(policy.ByPeer) || has(policy.ByOwner) {
		nobody = nil
	}
	if !production.empty() {
		c.refuse(at, "add { executive: { count: 1 } }", "rule %q permits without an executive stage on production (%s)", r.Name, some(c.all.of(production)))
	}
	if !concerned.empty() {
		c.refuse(at, "add { customer: { count: 1 } }", "rule %q permits without a customer stage where there is customers' data (%s)", r.Name, some(c.all.of(concerned)))
	}
	if !nobody.empty() {
		c.refuse(at, "add { executive: { count: 1 } }", "rule %q asks nobody where there is no customer (%s)", r.Name, some(c.all.of(nobody)))
	}
}

// emergency refuses a rule for emergencies that asks for what there is no time
// for, or lasts too long.
func (c *checker) emergency(n *node, r *policy.Rule) {
	switch {
	case len(r.Stages) > 1:
		c.refuse(n.find("stages"), "write the other stages in a rule of their own", "rule %q is for emergencies, and asks others besides", r.Name)
	case r.Limits.Max > policy.GlassMost:
		at := n.find("stages")
		if l := n.child("limits"); l != nil {
			at = l
		}
		c.refuse(at, "write limits: { max: 1h } or less", "rule %q is for emergencies, and lasts up to %s", r.Name, spanText(r.Limits.Max))
	case r.Witnesses > 0:
		c.refuse(n.find("witnesses"), "remove it", "rule %q is for emergencies, in which witnesses may be away", r.Name)
	}
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
