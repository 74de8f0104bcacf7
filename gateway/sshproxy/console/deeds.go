package console

import (
	"context"
	"fmt"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// extend asks for more time under a grant that is in use.
func (c *console) extend(ctx context.Context, a args) (int, error) {
	code, text, err := a.code()
	if err != nil {
		return 0, err
	}
	var more time.Duration // 0: as long as the rule gives by itself
	if text != "" {
		var ok bool
		if more, ok = speech.ReadLong(text); !ok {
			return 0, usage("%s", c.say.extendForm)
		}
	}
	why := a.flag["--reason"]
	if why == "" {
		why = c.say.sameWork
	}
	v, err := c.Desk.Extend(ctx, c.by.Who, code, more, why)
	if err != nil {
		return 0, err
	}
	if c.json {
		return Done, c.object(c.item(v))
	}
	c.print(c.say.extending, v.Request.ID, speech.Long(v.Request.For), code, c.say.Asks(v))
	c.print(c.say.follow, v.Request.ID, c.page(v))
	return Done, nil
}

// accept promises what the approvers asked for. Who has a terminal is shown it
// and asked; who has none was shown it by the refusal that names this command.
func (c *console) accept(ctx context.Context, a args) (int, error) {
	code, err := a.one("request")
	if err != nil {
		return 0, err
	}
	code = strings.ToUpper(code)
	v, err := c.Desk.See(ctx, c.by.Who, code)
	if err != nil {
		return 0, err
	}
	waits := v.Grant != nil && len(v.Grant.Promises) > 0 && v.Grant.Accepted.IsZero()
	if waits && c.by.Terminal != nil && !c.json {
		if yes, err := c.by.Terminal.Promise(c.knockFor(v), v); err != nil {
			return 0, err
		} else if !yes {
			c.print(c.say.NotAccepted, code)
			return Pending, nil
		}
	}
	v, err = c.Desk.Accept(ctx, c.by.Who, code)
	switch {
	case err != nil:
		return 0, err
	case c.json:
		return Done, c.object(c.item(v))
	}
	for _, p := range v.Grant.Promises {
		c.print("“%s”", p)
	}
	c.print(c.say.Accepted, code)
	return Done, nil
}

// remark writes into the thread of a request.
func (c *console) remark(ctx context.Context, a args) (int, error) {
	code, text, err := a.code()
	if err != nil {
		return 0, err
	}
	if text == "" {
		return 0, usage("%s", c.say.sayForm)
	}
	v, err := c.Desk.Say(ctx, c.by.Who, code, a.flag["--to"], text)
	if err != nil {
		return 0, err
	}
	return c.did(v.Request.ID, c.say.said)
}

// revoke ends a grant, by one of those who decide on it or by its holder.
func (c *console) revoke(ctx context.Context, a args) (int, error) {
	code, why, err := a.code()
	if err != nil {
		return 0, err
	}
	if err := c.Desk.Revoke(ctx, c.by.Who, code, why); err != nil {
		return 0, err
	}
	return c.did(code, c.say.revoked)
}

// reject says no, which opens nothing and so takes no touch.
func (c *console) reject(ctx context.Context, a args) (int, error) {
	code, why, err := a.code()
	if err != nil {
		return 0, err
	}
	if why == "" {
		return 0, usage("%s", c.say.rejectForm)
	}
	if _, err := c.Desk.Reject(ctx, c.by.Who, code, why); err != nil {
		return 0, err
	}
	return c.did(code, c.say.rejectedIt)
}

// approve says where: a yes is a passkey signature, and no command gives it.
func (c *console) approve(ctx context.Context, a args) (int, error) {
	code, _, err := a.code()
	if err != nil {
		return 0, err
	}
	v, err := c.Desk.See(ctx, c.by.Who, code)
	if err != nil {
		return 0, err
	}
	page := "/a/"
	if c.by.Who.Kind == policy.Reviewer {
		page = "/c/"
	}
	return 0, &approvals.Refusal{Code: policy.ByPolicy, Why: fmt.Sprintf(c.say.approveThere, c.Portal+page+v.Request.ID)}
}

// did answers what was done to a request.
func (c *console) did(code, text string) (int, error) {
	if c.json {
		return Done, c.object(map[string]string{"request": code, "done": "yes"})
	}
	c.print(text, code)
	return Done, nil
}

func (c *console) page(v approvals.View) string { return c.Portal + "/r/" + v.Request.ID }

// knockFor is where a request leads.
func (c *console) knockFor(v approvals.View) gateway.Knock {
	return gateway.Knock{Who: c.by.Who, Key: c.by.Key, From: c.by.From, On: v.Request.Target, Login: v.Request.Login}
}
