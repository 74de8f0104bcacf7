package lang

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
)

// Check tells what is wrong with a policy that could be read, in the order of
// files and lines. A Finding that is no Warning makes the policy invalid.
func (s *Source) Check() []Finding {
	c := &checker{Source: s}
	c.people()
	for _, name := range sortedKeys(s.targets) {
		c.target(s.targets[name], s.Policy.Targets[name])
	}
	c.shared()
	for i := range s.rules {
		c.rule(s.rules[i], &s.Policy.Rules[i])
	}
	c.unused()
	c.tests()
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return c.found
}

// Valid is nil where nobody needs to fear the policy; else it is Errors: the
// findings of Check without its warnings.
func (s *Source) Valid() error {
	var errs Errors
	for _, f := range s.Check() {
		if !f.Warning {
			errs = append(errs, f.Error)
		}
	}
	if len(errs) > 0 {
		return errs.sorted()
	}
	return nil
}

// A checker holds the whole of a policy against itself.
type checker struct {
	*Source
	found []Finding
	blind bool // a rule names what is not there: how a test ends says nothing
}

func (c *checker) refuse(n *node, fix, msg string, args ...any) {
	c.found = append(c.found, Finding{Error: n.file.errorAt(n.line, n.col, fmt.Sprintf(msg, args...), fix)})
}

func (c *checker) warn(n *node, fix, msg string, args ...any) {
	c.refuse(n, fix, msg, args...)
	c.found[len(c.found)-1].Warning = true
}

// people checks that those who are to say yes can be known.
func (c *checker) people() {
	for _, id := range sortedKeys(c.customers) {
		if len(c.Policy.Customers[id].FoundedBy) == 0 {
			c.warn(c.customers[id].key, "pin founded_by once they have enrolled", "nobody can say yes for customer %q yet", id)
		}
	}
	if len(c.Policy.Executives) > 0 {
		return
	}
	for _, rule := range c.rules {
		if s := executiveStage(rule); s != nil {
			c.warn(s, "pin executives: { founded_by: [ … ] } once they have enrolled", "there are no executives who can say yes yet")
			return
		}
	}
}

func executiveStage(rule *node) *node {
	for _, s := range rule.find("stages").vals {
		if s.child("executive") != nil {
			return s
		}
	}
	return nil
}

// target checks one target by itself.
func (c *checker) target(e entry, t *policy.Target) {
	if t.Owner == "" {
		c.refuse(e.key, "add owner, the person who answers for it", "%s has no owner", t.Name)
	}
	if t.Location == "" {
		c.refuse(e.key, "add location, as in EU-West", "%s has no location", t.Name)
	}
	for _, id := range t.Customers {
		if _, ok := c.customers[id]; !ok {
			c.refuse(e.val.find("customers", id), orAdd(id, sortedKeys(c.customers), "customers"), "there is no customer %q", id)
		}
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

// shared refuses one machine under two names: the weaker one would count.
func (c *checker) shared() {
	address, hostKey := map[string]string{}, map[string]string{}
	for _, name := range sortedKeys(c.targets) {
		t, at := c.Policy.Targets[name], c.targets[name].val
		if first := address[t.Address]; first != "" {
			c.refuse(at.find("address"), "keep one of the two", "%s is the address of %s already", t.Address, first)
		} else if first := hostKey[t.HostKey]; t.HostKey != "" && first != "" {
			c.warn(at.find("host_key"), "give each machine a host key of its own", "%s has the same host key as %s", name, first)
		}
		address[t.Address], hostKey[t.HostKey] = name, name
	}
}

// unused warns of what is written and does nothing.
func (c *checker) unused() {
	entered, asked := map[string]bool{}, map[string]bool{policy.Operators: true}
	for i := range c.Policy.Rules {
		r := &c.Policy.Rules[i]
		for _, t := range c.covered(r) {
			entered[t.Name] = entered[t.Name] || !r.Forbid
		}
		for _, g := range r.Groups {
			asked[g] = true
		}
		for _, s := range r.Stages {
			asked[s.Group] = true
		}
	}
	for _, name := range sortedKeys(c.targets) {
		if !entered[name] {
			c.warn(c.targets[name].key, "add a rule, or remove the target", "no rule permits anything on %s", name)
		}
	}
	for _, name := range sortedKeys(c.groups) {
		if !asked[name] {
			c.warn(c.groups[name].key, "name it in a rule, or remove it", "no rule names group %q", name)
		}
	}
}

// tests checks what the files expect of themselves.
func (c *checker) tests() {
	for i, res := range c.Test() {
		t := &c.Tests[i]
		target := c.Policy.Targets[t.On]
		switch {
		case res.OK:
		case target == nil:
			c.refuse(t.node.find("on"), orAdd(t.On, sortedKeys(c.targets), "targets"), "%s", res.Why)
		case t.Login != "" && !slices.Contains(logins(target), t.Login):
			c.refuse(t.node.find("login"), instead(t.Login, logins(target)), "%s", res.Why)
		case !c.blind:
			c.refuse(t.node.find("expect"), "change the policy, or what the test expects", "this test fails: %s", res.Why)
		}
	}
}

// logins are the names under which a person can ask for t.
func logins(t *policy.Target) []string {
	var out []string
	for _, l := range t.Logins {
		out = append(out, l.Name)
		if l.One {
			out = append(out, slices.Sorted(maps.Keys(accounts(t, l)))...)
		}
	}
	return out
}

// orAdd says what to write for a name that is not defined.
func orAdd(name string, known []string, section string) string {
	if n := near(name, known); n != "" {
		return "did you mean " + n + "?"
	}
	return "add it to " + section
}

// some is a few names of many.
func some(targets []*policy.Target) string {
	var names []string
	for _, t := range targets[:min(len(targets), 3)] {
		names = append(names, t.Name)
	}
	s := strings.Join(names, ", ")
	if more := len(targets) - len(names); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
