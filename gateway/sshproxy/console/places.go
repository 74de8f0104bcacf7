package console

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// A Place is a target as programs read it.
type Place struct {
	Target    string         `json:"target"`
	URL       string         `json:"url,omitempty"` // of an application, which browsers open
	Class     string         `json:"class"`
	Customers []string       `json:"customers"`
	Logins    []PlaceLogin   `json:"logins"`
	Needs     []policy.Stage `json:"needs"`
}

// A PlaceLogin is an account on a target.
type PlaceLogin struct {
	Name     string `json:"name"`
	One      bool   `json:"one_customer"`
	ReadOnly bool   `json:"read_only"`
}

// targets lists where the person may ask to go.
func (c *console) targets() (int, error) {
	places := []Place{}
	c.visible(func(t *policy.Target, at Place) {
		if t.Kind == "http" && c.Apps != nil {
			at.URL = c.Apps(t.Name)
		}
		places = append(places, at)
	})
	if c.json {
		return Done, c.object(places)
	}
	for _, at := range places {
		var logins []string
		for _, l := range at.Logins {
			logins = append(logins, l.Name)
		}
		c.print("%s  %s", at.Target, strings.Join(logins, ", "))
		if at.URL != "" {
			c.print("      %s", at.URL)
		}
		c.print("      %s", c.say.Data(at.Customers, at.Needs))
	}
	if len(places) == 0 {
		c.print("%s", c.say.noTargets)
	}
	return Done, nil
}

// visible gives the targets that the person may ask for, in order.
func (c *console) visible(see func(*policy.Target, Place)) {
	p := c.Desk.Policy()
	for _, name := range slices.Sorted(maps.Keys(p.Targets)) {
		if at, ok := PlaceOf(p, p.Targets[name], c.by.Who, c.by.From, c.Now()); ok {
			see(p.Targets[name], at)
		}
	}
}

// PlaceOf describes a target, if the person may ask for it from there.
func PlaceOf(p *policy.Policy, t *policy.Target, who policy.Principal, from netip.Addr, now time.Time) (Place, bool) {
	at := Place{Target: t.Name, Class: t.Class, Customers: listed(t.Customers), Logins: []PlaceLogin{}}
	if at.Class == "" {
		at.Class = "production"
	}
	for _, l := range t.Logins {
		q := policy.Question{Now: now, Who: who, On: t.Name, Login: l.Name, From: from}
		if t.NeedsCustomer(l.Name) {
			q.Customer = t.Customers[0]
		}
		for _, do := range []policy.Action{policy.Shell, policy.Exec, policy.HTTPGet, policy.HTTPPut} {
			q.Do = do
			d := p.Decide(q)
			if d.Verdict == policy.Deny {
				continue
			}
			at.Logins = append(at.Logins, PlaceLogin{l.Name, l.One, l.ReadOnly})
			if at.Needs == nil {
				at.Needs = d.Stages()
			}
			break
		}
	}
	return at, len(at.Logins) > 0
}

// Accounts are the logins as people write them, with each customer that they are made for.
func (p Place) Accounts() (names []string) {
	for _, login := range p.Logins {
		if !strings.Contains(login.Name, "{{customer}}") {
			names = append(names, login.Name)
			continue
		}
		for _, c := range p.Customers {
			names = append(names, strings.ReplaceAll(login.Name, "{{customer}}", c))
		}
	}
	return names
}

// help lists the commands.
func (c *console) help() (int, error) {
	if c.json {
		return Done, c.object(map[string][]string{"commands": {"request", "status", "extend", "accept", "say", "cancel", "give-back", "revoke", "reject", "targets", "grants", "help"}})
	}
	c.print("%s", c.say.help)
	return Done, nil
}

// overview is what somebody sees who comes with nothing to do.
func (c *console) overview(ctx context.Context) (int, error) {
	c.print("lockbox · "+c.say.YouAre, c.by.Who.Name, c.by.Key)
	c.print("")
	if _, err := c.status(ctx, args{}); err != nil {
		return 0, err
	}
	c.print("")
	return c.help()
}
