package console

import (
	"context"
	"slices"
	"strings"

	"lockbox/approvals"
	"lockbox/policy"
)

// status tells where one request stands, by the exit status too, or lists those
// that the person has to do with; --all with those that are over.
func (c *console) status(ctx context.Context, a args) (int, error) {
	_, all := a.flag["--all"]
	switch {
	case len(a.rest) == 0 && all:
		past, err := c.Desk.History(ctx, c.by.Who, "", mostListed)
		return Done, c.list(past, err, c.say.noRequests)
	case len(a.rest) == 0:
		open, err := c.open(ctx)
		return Done, c.list(open, err, c.say.noRequests)
	case all:
		return 0, usage("%s", c.say.allOrOne)
	}
	code, err := a.one("request")
	if err != nil {
		return 0, err
	}
	v, err := c.Desk.See(ctx, c.by.Who, strings.ToUpper(code))
	if err != nil {
		return 0, err
	}
	status := Denied
	switch {
	case v.Status.Phase == policy.Pending, v.Grant != nil && v.Grant.Over(v.Now) == "" && !usable(v):
		status = Pending
	case v.Grant != nil && v.Grant.Over(v.Now) == "":
		status = Done
	}
	if c.json {
		return status, c.object(c.item(v))
	}
	c.detail(v)
	return status, nil
}

// mostListed is how many requests of the past are listed.
const mostListed = 50

// open are the person's own requests and grants, or those that they decide on.
func (c *console) open(ctx context.Context) ([]approvals.View, error) {
	if c.by.Who.Kind == policy.Staff || c.by.Who.Kind == policy.Machine {
		return c.Desk.Mine(ctx, c.by.Who.ID)
	}
	return c.Desk.Inbox(ctx, c.by.Who)
}

// usable says whether a grant waits for nothing but its first use.
func usable(v approvals.View) bool {
	g := v.Grant
	return !v.Now.Before(g.NotBefore) && (len(g.Promises) == 0 || !g.Accepted.IsZero())
}

// grants lists what the person holds.
func (c *console) grants(ctx context.Context) (int, error) {
	open, err := c.open(ctx)
	open = slices.DeleteFunc(open, func(v approvals.View) bool { return v.Grant == nil || v.Grant.Over(v.Now) != "" })
	return Done, c.list(open, err, c.say.noGrants)
}

func (c *console) list(views []approvals.View, err error, none string) error {
	if err != nil {
		return err
	}
	items := []Item{}
	for _, v := range views {
		items = append(items, c.item(v))
		if !c.json {
			c.describe(v)
		}
	}
	if c.json {
		return c.object(items)
	}
	if len(items) == 0 {
		c.print("%s", none)
	}
	return nil
}

// end takes back a request, or gives back a grant.
func (c *console) end(ctx context.Context, a args, do func(context.Context, policy.Principal, string) error, done string) (int, error) {
	code, err := a.one("request")
	if err != nil {
		return 0, err
	}
	code = strings.ToUpper(code)
	if err := do(ctx, c.by.Who, code); err != nil {
		return 0, err
	}
	return c.did(code, done)
}
