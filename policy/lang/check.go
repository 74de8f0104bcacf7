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
	c := newChecker(s)
	c.people()
	c.keys()
	for _, t := range c.all.targets {
		c.target(s.targets[t.Name], t)
	}
	c.shared()
	for i := range s.rules {
		c.rule(i)
	}
	c.shadows()
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
	all     *inventory
	covered []fleet // as Policy.Rules
	known   struct{ groups, customers, targets []string }
	found   []Finding
	blind   bool   // a rule names what is not there: how a test ends says nothing
	dead    []bool // as Policy.Rules: refused as one that can never match
}

func newChecker(s *Source) *checker {
	c := &checker{Source: s, all: newInventory(s.Policy.Targets)}
	c.known.groups, c.known.customers, c.known.targets = sortedKeys(s.groups), sortedKeys(s.customers), sortedKeys(s.targets)
	for i := range s.Policy.Rules {
		c.covered = append(c.covered, c.all.covered(&s.Policy.Rules[i]))
	}
	c.dead = make([]bool, len(c.covered))
	return c
}

func (c *checker) refuse(n *node, fix, msg string, args ...any) {
	c.found = append(c.found, Finding{Error: n.file.errorAt(n.line, n.col, fmt.Sprintf(msg, args...), fix)})
}

func (c *checker) warn(n *node, fix, msg string, args ...any) {
	c.refuse(n, fix, msg, args...)
	c.found[len(c.found)-1].Warning = true
}

// shared refuses one machine under two names: the weaker one would count.
func (c *checker) shared() {
	address, hostKey := map[string]string{}, map[string]string{}
	for _, name := range c.known.targets {
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
	entered, asked := c.all.none(len(c.all.targets)), map[string]bool{policy.Operators: true}
	for i := range c.Policy.Rules {
		r := &c.Policy.Rules[i]
		if !r.Forbid {
			entered.join(c.covered[i])
		}
		for _, g := range r.Groups {
			asked[g] = true
		}
		for _, s := range r.Stages {
			asked[s.Group] = true
			for _, rung := range s.Escalate {
				asked[rung.To] = true
			}
		}
	}
	for i, t := range c.all.targets {
		asked[t.Owner] = true
		if !entered.has(i) {
			c.warn(c.targets[t.Name].key, "add a rule, or remove the target", "no rule permits anything on %s", t.Name)
		}
	}
	for _, name := range c.known.groups {
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
			c.refuse(t.node.find("on"), orAdd(t.On, c.known.targets, "targets"), "%s", res.Why)
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
