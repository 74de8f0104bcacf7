package sshproxy

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
)

// request asks for access: by flags, or on a terminal by the form.
func (c *console) request(a args) (int, error) {
	name, err := a.one("target")
	if err != nil {
		return 0, err
	}
	to := parseAim(name)
	if to.target == "" {
		to.target = name
	}
	if to.login == "" {
		to.login = a.flag["--login"]
	}
	k := gateway.Knock{Who: c.who, Key: c.s.c.id.fingerprint, From: c.s.c.from, On: to.target, Login: to.login, Customer: a.flag["--customer"], To: a.flag["--to"], Do: policy.Action(a.flag["--do"])}
	if err := c.work(&k); err != nil {
		return 0, err
	}
	if err := c.customer(&k); err != nil {
		return 0, err
	}
	answer, err := c.knock(&k)
	if err != nil {
		return 0, err
	}
	switch {
	case answer.Grant != nil:
		return 0, &approvals.Refusal{Code: policy.ByPolicy, Why: fmt.Sprintf(c.say.haveGrant, answer.Grant.ID, k.On)}
	case answer.Verdict != policy.Ask:
		return 0, &approvals.Refusal{Code: answer.Code, Why: answer.Why.String()}
	case a.flag["--reason"] == "" && c.s.terminal() != nil:
		return c.form(k, answer)
	}
	return c.submit(a, k, answer)
}

// customer finds which customer a request is about whose login reaches one: the
// only one, or on a terminal the one that the person names.
func (c *console) customer(k *gateway.Knock) (err error) {
	t := c.s.c.door.Desk.Policy().Targets[k.On]
	switch {
	case t == nil || k.Customer != "" || !perCustomer(t, k.Login):
	case len(t.Customers) == 1:
		k.Customer = t.Customers[0]
	case c.s.terminal() != nil && !c.json:
		names := (&way{s: c.s, say: c.say}).names(t.Customers)
		if k.Customer, err = c.s.form().choose(c.say.customer, t.Customers, names...); err != nil {
			return &approvals.Refusal{Code: policy.NoGrant, Why: c.say.leftForm}
		}
	}
	return nil
}

// work checks what was asked for to do: by default whatever the person may. A
// tunnel leads to an address, and nothing else does.
func (c *console) work(k *gateway.Knock) error {
	if k.Do == "" && k.To != "" {
		k.Do = policy.Forward
	}
	if k.Do != "" && !slices.Contains(policy.OnTarget(), k.Do) {
		return usage(c.say.noSuchWork, string(k.Do), actions(policy.OnTarget()))
	}
	if k.To == "" {
		return nil
	}
	var to destination
	host, port, err := net.SplitHostPort(k.To)
	if n, perr := strconv.ParseUint(port, 10, 16); err == nil && perr == nil {
		to = destination{Host: host, Port: uint32(n)}
	}
	addr, ok := to.address()
	if k.To = addr; !ok || k.Do != policy.Forward {
		return usage("%s", c.say.toForm)
	}
	return nil
}

// knock finds an action that may be asked for on the target: the one named, else the first.
func (c *console) knock(k *gateway.Knock) (first gateway.Answer, err error) {
	all := []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet, policy.SFTPPut, policy.Forward, policy.HTTPGet, policy.HTTPPut}
	if k.Do != "" {
		all = []policy.Action{k.Do}
	}
	for i, do := range all {
		k.Do = do
		a, err := c.s.c.door.Gateway.Enter(c.s.ctx, *k)
		if err != nil || a.Verdict != policy.Deny {
			return a, err
		}
		if i == 0 {
			first = a
		}
	}
	return first, nil
}

func (c *console) form(k gateway.Knock, a gateway.Answer) (int, error) {
	w := c.s.way(k)
	defer w.close()
	if r := w.ask(a); r != nil {
		return 0, &approvals.Refusal{Code: r.code, Why: r.why}
	}
	return exitDone, nil
}

func (c *console) submit(a args, k gateway.Knock, answer gateway.Answer) (int, error) {
	app := approvals.Application{
		Target: k.On, Login: k.Login, Customer: k.Customer, Do: k.Do, To: k.To, From: k.From,
		Need: policy.Need{Reason: policy.Reason(a.flag["--code"]), Text: a.flag["--reason"], Ticket: a.flag["--ticket"]},
	}
	if app.Need.Text == "" {
		return 0, usage("%s", c.say.sayWhy)
	}
	if answer.Ticket != "" {
		app.Need.Ticket = leading(app.Need.Text, answer.Ticket, app.Need.Ticket)
	}
	switch {
	case app.Need.Reason != "":
	case len(answer.Reasons()) == 1:
		app.Need.Reason = answer.Reasons()[0]
	default:
		return 0, usage(c.say.whichCode, answer.Reasons())
	}
	if text := a.flag["--for"]; text != "" {
		d, ok := parseLong(text)
		if !ok {
			return 0, usage(c.say.longForm, long(answer.Limits.Max))
		}
		app.For = d
	}
	found := c.s.look(k.On)
	v, err := c.s.c.door.Desk.Submit(c.s.ctx, c.who, app)
	if err != nil {
		return 0, err
	}
	if c.json {
		return exitDone, c.object(c.item(v))
	}
	c.print(c.say.submitted, v.Request.ID, v.Request.Login, v.Request.Target, long(v.Request.For))
	c.print(c.say.follow, v.Request.ID, c.page(v))
	if text := c.s.notNow(k.On, found); text != "" {
		c.print("%s", text)
	}
	return exitDone, nil
}

// status tells where one request stands, by the exit status too, or lists those
// that the person has to do with; --all with those that are over.
func (c *console) status(a args) (int, error) {
	_, all := a.flag["--all"]
	switch {
	case len(a.rest) == 0 && all:
		past, err := c.s.c.door.Desk.History(c.s.ctx, c.who, "", mostListed)
		return exitDone, c.list(past, err, c.say.noRequests)
	case len(a.rest) == 0:
		open, err := c.open()
		return exitDone, c.list(open, err, c.say.noRequests)
	case all:
		return 0, usage("%s", c.say.allOrOne)
	}
	code, err := a.one("request")
	if err != nil {
		return 0, err
	}
	v, err := c.s.c.door.Desk.See(c.s.ctx, c.who, strings.ToUpper(code))
	if err != nil {
		return 0, err
	}
	status := exitDenied
	switch {
	case v.Status.Phase == policy.Pending, v.Grant != nil && v.Grant.Over(v.Now) == "" && !usable(v):
		status = exitPending
	case v.Grant != nil && v.Grant.Over(v.Now) == "":
		status = exitDone
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
func (c *console) open() ([]approvals.View, error) {
	if c.who.Kind == policy.Staff || c.who.Kind == policy.Machine {
		return c.s.c.door.Desk.Mine(c.s.ctx, c.who.ID)
	}
	return c.s.c.door.Desk.Inbox(c.s.ctx, c.who)
}

// usable says whether a grant waits for nothing but its first use.
func usable(v approvals.View) bool {
	g := v.Grant
	return !v.Now.Before(g.NotBefore) && (len(g.Promises) == 0 || !g.Accepted.IsZero())
}

// grants lists what the person holds.
func (c *console) grants() (int, error) {
	open, err := c.open()
	open = slices.DeleteFunc(open, func(v approvals.View) bool { return v.Grant == nil || v.Grant.Over(v.Now) != "" })
	return exitDone, c.list(open, err, c.say.noGrants)
}

func (c *console) list(views []approvals.View, err error, none string) error {
	if err != nil {
		return err
	}
	items := []item{}
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
func (c *console) end(a args, do func(context.Context, policy.Principal, string) error, done string) (int, error) {
	code, err := a.one("request")
	if err != nil {
		return 0, err
	}
	code = strings.ToUpper(code)
	if err := do(c.s.ctx, c.who, code); err != nil {
		return 0, err
	}
	return c.did(code, done)
}
