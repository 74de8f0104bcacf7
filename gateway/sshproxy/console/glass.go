package console

import (
	"cmp"
	"context"
	"strings"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// glass breaks the glass: nobody who decides is asked. The sealed code is never
// part of the command line, which others can read.
func (c *console) glass(ctx context.Context, a args) (int, error) {
	name, err := a.one("target")
	if err != nil {
		return 0, err
	}
	login, target, both := strings.Cut(name, "%")
	if !both {
		login, target = "", name
	}
	k := gateway.Knock{On: target, Login: cmp.Or(login, a.flag["--login"]), Customer: a.flag["--customer"], Do: policy.Action(a.flag["--do"])}
	if err := c.work(&k); err != nil {
		return 0, err
	}
	if err := c.customer(&k); err != nil {
		return 0, err
	}
	app := approvals.Application{Target: k.On, Login: k.Login, Customer: k.Customer, Do: k.Do, From: c.by.From}
	d, err := c.Desk.Emergency(ctx, c.by.Who, &app)
	if err != nil {
		return 0, err
	}
	if err := c.fill(a, &app, d); err != nil {
		return 0, err
	}
	if c.by.Secret == nil {
		return 0, usage("%s", c.say.noSecret)
	}
	typed, err := c.by.Secret(c.say.typeCode)
	if err != nil {
		return 0, err
	}
	code, err := approvals.ReadSealed(typed)
	if err != nil {
		return 0, err
	}
	v, err := c.Desk.BreakGlass(ctx, c.by.Who, app, code)
	if err != nil {
		return 0, err
	}
	if c.json {
		return Done, c.object(c.item(v))
	}
	c.print(c.say.broken, v.Request.ID, v.Request.Login, v.Request.Target, speech.Long(v.Request.For))
	c.print(c.say.second, v.Request.Stages[0].Group, c.Portal+"/a/"+v.Request.ID)
	c.print(c.say.thenTouch, v.Request.Login, v.Request.Target)
	return Done, nil
}
