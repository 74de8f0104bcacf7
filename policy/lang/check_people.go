package lang

import (
	"slices"
	"strings"

	"lockbox/policy"
)

// people checks that those who are to say yes can be known.
func (c *checker) people() {
	for _, id := range c.known.customers {
		if len(c.Policy.Customers[id].FoundedBy) == 0 {
			c.warn(c.customers[id].key, "pin founded_by once they have enrolled", "nobody can say yes for customer %q yet", id)
		}
	}
	switch founded, n := len(c.Policy.Executives), c.single["executives"]; {
	case founded == 0:
		c.noExecutives()
	case founded == 1:
		c.warn(n.find("founded_by"), "pin a second one: two admit all later ones", "there is one executive, and nobody can be admitted")
	case c.Policy.Activation > founded:
		c.warn(c.single["activation"].find("executives"), "see that as many are admitted before, or write less", "%d executives must sign a change, and %d are founded", c.Policy.Activation, founded)
	}
}

func (c *checker) noExecutives() {
	for _, rule := range c.rules {
		for _, s := range rule.find("stages").vals {
			if s.child("executive") != nil {
				c.warn(s, "pin executives: { founded_by: [ … ] } once they have enrolled", "there are no executives who can say yes yet")
				return
			}
		}
	}
}

// target checks one target by itself.
func (c *checker) target(e entry, t *policy.Target) {
	if t.Owner == "" {
		c.refuse(e.key, "add owner, the person who answers for it", "%s has no owner", t.Name)
	} else if _, ok := c.groups[t.Owner]; !ok && !strings.Contains(t.Owner, "@") {
		c.refuse(e.val.find("owner"), orAdd(t.Owner, c.known.groups, "groups"), "the owner is neither the id of a person nor a group: there is no group %q", t.Owner)
	}
	if t.Location == "" {
		c.refuse(e.key, "add location, as in EU-West", "%s has no location", t.Name)
	}
	for _, id := range t.Customers {
		if _, ok := c.customers[id]; !ok {
			c.refuse(e.val.find("customers", id), orAdd(id, c.known.customers, "customers"), "there is no customer %q", id)
		}
	}
	if t.Web.Plain && t.Production() && !onMachine(t.Address) {
		c.warn(e.val.find("http", "scheme"), "speak https to it", "what passes to %s, which is production, crosses the network in the clear", t.Name)
	}
	for _, l := range t.Logins {
		if l.One && len(t.Customers) == 0 {
			c.refuse(e.val.find("logins", l.Name), "add customers to the target, or write a login that reaches all", "login %q is for one customer, and %s has none", l.Name, t.Name)
		}
	}
	if account, l := mixed(t); account != "" {
		c.refuse(e.val.find("logins", l.Name), "rename one", "login %q would be the account %q, which another login or customer has", l.Name, account)
	}
}

// approvers refuses a stage that can never pass: nobody votes on their own
// request, so enough others must be there for somebody who asks.
func (c *checker) approvers(i int) {
	r := &c.Policy.Rules[i]
	ask := c.asking(r)
	for _, s := range r.Stages {
		switch {
		case s.Kind == policy.ByOwner:
			c.owners(i, s, ask)
		case s.Group == "":
			c.founded(i, s)
		default:
			c.enough(i, s, ask)
		}
		c.escalation(i, s)
	}
}

// An askers is whom a rule lets ask: people whom the files name, and whoever
// the identity provider says is in a group.
type askers struct {
	people map[string]bool
	others bool
}

func (c *checker) asking(r *policy.Rule) askers {
	a := askers{people: map[string]bool{}}
	for _, who := range r.People {
		a.people[who] = true
	}
	for _, g := range r.Groups {
		m := split(c.Policy.Groups[g])
		a.others = a.others || len(m.sso) > 0
		for _, who := range m.members {
			a.people[who] = true
		}
	}
	return a
}

// enough refuses a count that a group cannot reach. How many the identity
// provider knows is not in the files.
func (c *checker) enough(i int, s policy.Stage, ask askers) {
	m := split(c.Policy.Groups[s.Group])
	if len(m.sso) > 0 || len(m.members) > s.Count || len(m.members) == s.Count && (ask.others || ask.outside(m.members)) {
		return
	}
	reach := len(m.members)
	if !ask.others && !ask.outside(m.members) {
		reach--
	}
	c.refuse(c.stage(i, s), "add members to the group, or write a smaller count", "%d of group %q can never say yes: without the person who asks it has %d", s.Count, s.Group, reach)
}

// outside says whether somebody who asks is none of the members.
func (a askers) outside(members []string) bool {
	n := 0
	for _, m := range members {
		if a.people[m] {
			n++
		}
	}
	return len(a.people) > n
}

// founded warns of a count that those who are founded do not reach.
func (c *checker) founded(i int, s policy.Stage) {
	if s.Kind == policy.ByExecutive {
		if those := len(c.Policy.Executives); those > 0 && those < s.Count {
			c.warn(c.stage(i, s), "see that more are admitted, or write a smaller count", "%d executives must say yes, and %d are founded", s.Count, those)
		}
		return
	}
	if s.Count == 1 {
		return
	}
	for _, t := range c.all.of(c.covered[i]) {
		for _, id := range t.Customers {
			if those := len(c.Policy.Customers[id].FoundedBy); those > 0 && those < s.Count {
				c.warn(c.stage(i, s), "see that it admits more, or write a smaller count", "%d reviewers of customer %q must say yes, and %d are founded", s.Count, id, those)
				return
			}
		}
	}
}

// owners refuses an owner's stage where the owner is the only one who can ask.
func (c *checker) owners(i int, s policy.Stage, ask askers) {
	if ask.others {
		return
	}
	seen := map[string]bool{}
	for _, t := range c.all.of(c.covered[i]) {
		if seen[t.Owner] || t.Owner == "" {
			continue
		}
		seen[t.Owner] = true
		m := membership{members: []string{t.Owner}}
		if !strings.Contains(t.Owner, "@") {
			m = split(c.Policy.Groups[t.Owner])
		}
		if len(m.members) == 1 && len(m.sso) == 0 && !ask.outside(m.members) {
			c.refuse(c.stage(i, s), "name another stage, or let somebody else ask", "%s owns %s and is the only one who may ask, so nobody can say yes", m.members[0], t.Name)
			return
		}
	}
}

// escalation refuses a step that brings nobody.
func (c *checker) escalation(i int, s policy.Stage) {
	for j, rung := range s.Escalate {
		at := func() *node { return c.stage(i, s).find("escalate").vals[j].find("to") }
		switch {
		case rung.To == "":
		case rung.To == s.Group:
			c.refuse(at(), "name another group, or write remind: all", "the stage asks group %q already", rung.To)
		case s.Group == "" && s.Kind == policy.ByExecutive:
			c.refuse(at(), "name a group in the stage, or write remind: all", "the stage asks every executive already")
		case slices.ContainsFunc(s.Escalate[:j], func(before policy.Rung) bool { return before.To == rung.To }):
			c.refuse(at(), "name another group, or remove the step", "a step before it asks group %q already", rung.To)
		}
	}
}

// stage is where a stage of rule i stands.
func (c *checker) stage(i int, s policy.Stage) *node {
	return c.rules[i].find("stages").vals[s.Step].find(string(s.Kind))
}
