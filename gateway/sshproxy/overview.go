package sshproxy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
)

// A listing is a target as programs read it.
type listing struct {
	Target    string         `json:"target"`
	Class     string         `json:"class"`
	Customers []string       `json:"customers"`
	Logins    []listingLogin `json:"logins"`
	Needs     []policy.Stage `json:"needs"`
}

type listingLogin struct {
	Name     string `json:"name"`
	One      bool   `json:"one_customer"`
	ReadOnly bool   `json:"read_only"`
}

// targets lists where the person may ask to go.
func (c *console) targets() (int, error) {
	places := []listing{}
	c.visible(func(_ *policy.Target, at listing) { places = append(places, at) })
	if c.json {
		return exitDone, c.object(places)
	}
	for _, at := range places {
		var logins []string
		for _, l := range at.Logins {
			logins = append(logins, l.Name)
		}
		c.print("%s  %s", at.Target, strings.Join(logins, ", "))
		c.print("      %s", c.say.Data(at.Customers, at.Needs))
	}
	if len(places) == 0 {
		c.print("%s", c.say.noTargets)
	}
	return exitDone, nil
}

// visible gives the targets that the person may ask for, in order.
func (c *console) visible(see func(*policy.Target, listing)) {
	p := c.s.c.door.Desk.Policy()
	for _, name := range slices.Sorted(maps.Keys(p.Targets)) {
		if at, ok := c.listing(p, p.Targets[name]); ok {
			see(p.Targets[name], at)
		}
	}
}

// listing describes a target, if the person may ask for it.
func (c *console) listing(p *policy.Policy, t *policy.Target) (listing, bool) {
	at := listing{Target: t.Name, Class: t.Class, Customers: listed(t.Customers), Logins: []listingLogin{}}
	if at.Class == "" {
		at.Class = "production"
	}
	for _, l := range t.Logins {
		q := policy.Question{Now: c.s.c.door.now(), Who: c.who, On: t.Name, Login: l.Name, From: c.s.c.from}
		if (l.One || strings.Contains(l.Name, "{{customer}}")) && len(t.Customers) > 0 {
			q.Customer = t.Customers[0]
		}
		for _, do := range []policy.Action{policy.Shell, policy.Exec} {
			q.Do = do
			d := p.Decide(q)
			if d.Verdict == policy.Deny {
				continue
			}
			at.Logins = append(at.Logins, listingLogin{l.Name, l.One, l.ReadOnly})
			if at.Needs == nil {
				at.Needs = d.Stages()
			}
			break
		}
	}
	return at, len(at.Logins) > 0
}

// help lists the commands.
func (c *console) help() (int, error) {
	if c.json {
		return exitDone, c.object(map[string][]string{"commands": {"request", "status", "extend", "accept", "say", "cancel", "give-back", "revoke", "reject", "targets", "grants", "help"}})
	}
	c.print("%s", c.say.help)
	return exitDone, nil
}

// overview is what somebody sees who comes with nothing to do.
func (c *console) overview() (int, error) {
	c.print("lockbox · "+c.say.YouAre, c.who.Name, c.s.c.id.fingerprint)
	c.print("")
	if _, err := c.status(args{}); err != nil {
		return 0, err
	}
	c.print("")
	return c.help()
}
