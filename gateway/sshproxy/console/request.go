package console

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// request asks for access: by flags, or on a terminal by the form.
func (c *console) request(ctx context.Context, a args) (int, error) {
	name, err := a.one("target")
	if err != nil {
		return 0, err
	}
	login, target, both := strings.Cut(name, "%")
	if !both {
		login, target = "", name
	}
	k := gateway.Knock{Who: c.by.Who, Key: c.by.Key, From: c.by.From, On: cmp.Or(target, name), Login: cmp.Or(login, a.flag["--login"]), Customer: a.flag["--customer"], To: a.flag["--to"], Do: policy.Action(a.flag["--do"])}
	if err := c.work(&k); err != nil {
		return 0, err
	}
	if err := c.customer(&k); err != nil {
		return 0, err
	}
	answer, err := c.knock(ctx, &k)
	if err != nil {
		return 0, err
	}
	switch {
	case answer.Grant != nil:
		return 0, &approvals.Refusal{Code: policy.ByPolicy, Why: fmt.Sprintf(c.say.haveGrant, answer.Grant.ID, k.On)}
	case answer.Verdict != policy.Ask:
		return 0, &approvals.Refusal{Code: answer.Code, Why: answer.Why.String()}
	case a.flag["--reason"] == "" && c.by.Terminal != nil:
		return Done, c.by.Terminal.Ask(k, answer)
	}
	return c.submit(ctx, a, k, answer)
}

// customer finds which customer a request is about whose login reaches one: the
// only one, or on a terminal the one that the person names.
func (c *console) customer(k *gateway.Knock) (err error) {
	t := c.Desk.Policy().Targets[k.On]
	switch {
	case t == nil || k.Customer != "" || !t.NeedsCustomer(k.Login):
	case len(t.Customers) == 1:
		k.Customer = t.Customers[0]
	case c.by.Terminal != nil && !c.json:
		k.Customer, err = c.by.Terminal.Choose(t.Customers)
	}
	return err
}

// work checks what was asked for to do: by default whatever the person may. A
// tunnel leads to an address, and nothing else does.
func (c *console) work(k *gateway.Knock) error {
	if k.Do == "" && k.To != "" {
		k.Do = policy.Forward
	}
	if k.Do != "" && !slices.Contains(policy.OnTarget(), k.Do) {
		return usage(c.say.noSuchWork, string(k.Do), speech.Actions(policy.OnTarget()))
	}
	if k.To == "" {
		return nil
	}
	addr, ok := c.Address(k.To)
	if k.To = addr; !ok || k.Do != policy.Forward {
		return usage("%s", c.say.toForm)
	}
	return nil
}

// knock finds an action that may be asked for on the target: the one named, else the first.
func (c *console) knock(ctx context.Context, k *gateway.Knock) (first gateway.Answer, err error) {
	all := []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet, policy.SFTPPut, policy.Forward, policy.HTTPGet, policy.HTTPPut}
	if k.Do != "" {
		all = []policy.Action{k.Do}
	}
	for i, do := range all {
		k.Do = do
		a, err := c.Gateway.Enter(ctx, *k)
		if err != nil || a.Verdict != policy.Deny {
			return a, err
		}
		if i == 0 {
			first = a
		}
	}
	return first, nil
}

func (c *console) submit(ctx context.Context, a args, k gateway.Knock, answer gateway.Answer) (int, error) {
	app := approvals.Application{Target: k.On, Login: k.Login, Customer: k.Customer, Do: k.Do, To: k.To, From: k.From}
	if err := c.fill(a, &app, answer.Decision); err != nil {
		return 0, err
	}
	notNow := c.by.Look(k.On)
	v, err := c.Desk.Submit(ctx, c.by.Who, app)
	if err != nil {
		return 0, err
	}
	if c.json {
		return Done, c.object(c.item(v))
	}
	c.print(c.say.submitted, v.Request.ID, v.Request.Login, v.Request.Target, speech.Long(v.Request.For))
	c.print(c.say.follow, v.Request.ID, c.page(v))
	if text := notNow(); text != "" {
		c.print("%s", text)
	}
	return Done, nil
}

// fill takes from the flags why and for how long somebody asks.
func (c *console) fill(a args, app *approvals.Application, d policy.Decision) error {
	app.Need = policy.Need{Reason: policy.Reason(a.flag["--code"]), Text: a.flag["--reason"], Ticket: a.flag["--ticket"]}
	if app.Need.Text == "" {
		return usage("%s", c.say.sayWhy)
	}
	if d.Ticket != "" {
		app.Need.Ticket = Ticket(app.Need.Text, d.Ticket, app.Need.Ticket)
	}
	switch {
	case app.Need.Reason != "":
	case len(d.Reasons()) == 1:
		app.Need.Reason = d.Reasons()[0]
	default:
		return usage(c.say.WhichCode, d.Reasons())
	}
	if text := a.flag["--for"]; text != "" {
		long, ok := speech.ReadLong(text)
		if !ok {
			return usage(c.say.LongForm, speech.Long(d.Limits.Max))
		}
		app.For = long
	}
	return nil
}

// Ticket is the ticket given, else the one that the text begins with, of those
// that match the pattern.
func Ticket(text, pattern, given string) string {
	first, _, _ := strings.Cut(text, " ")
	first = strings.TrimRight(first, ":,;")
	if given == "" && IsTicket(first, pattern) {
		return first
	}
	return given
}

// IsTicket says whether a ticket matches the pattern; "" takes any.
func IsTicket(ticket, pattern string) bool {
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	return pattern == "" || err == nil && re.MatchString(ticket)
}
