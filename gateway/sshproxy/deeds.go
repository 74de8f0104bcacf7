package sshproxy

import (
	"fmt"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// extend asks for more time under a grant that is in use.
func (c *console) extend(a args) (int, error) {
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
	v, err := c.s.c.door.Desk.Extend(c.s.ctx, c.who, code, more, why)
	if err != nil {
		return 0, err
	}
	if c.json {
		return exitDone, c.object(c.item(v))
	}
	c.print(c.say.extending, v.Request.ID, speech.Long(v.Request.For), code, c.say.Asks(v))
	c.print(c.say.follow, v.Request.ID, c.page(v))
	return exitDone, nil
}

// accept promises what the approvers asked for. Who has a terminal is shown it
// and asked; who has none was shown it by the refusal that names this command.
func (c *console) accept(a args) (int, error) {
	code, err := a.one("request")
	if err != nil {
		return 0, err
	}
	code = strings.ToUpper(code)
	v, err := c.s.c.door.Desk.See(c.s.ctx, c.who, code)
	if err != nil {
		return 0, err
	}
	waits := v.Grant != nil && len(v.Grant.Promises) > 0 && v.Grant.Accepted.IsZero()
	if waits && c.s.terminal() != nil && !c.json {
		w := c.s.way(c.knockFor(v))
		defer w.close()
		if yes, r := w.promise(v); r != nil {
			return 0, &approvals.Refusal{Code: r.code, Why: r.why}
		} else if !yes {
			c.print(c.say.NotAccepted, code)
			return exitPending, nil
		}
	}
	v, err = c.s.c.door.Desk.Accept(c.s.ctx, c.who, code)
	switch {
	case err != nil:
		return 0, err
	case c.json:
		return exitDone, c.object(c.item(v))
	}
	for _, p := range v.Grant.Promises {
		c.print("“%s”", p)
	}
	c.print(c.say.Accepted, code)
	return exitDone, nil
}

// remark writes into the thread of a request.
func (c *console) remark(a args) (int, error) {
	code, text, err := a.code()
	if err != nil {
		return 0, err
	}
	if text == "" {
		return 0, usage("%s", c.say.sayForm)
	}
	v, err := c.s.c.door.Desk.Say(c.s.ctx, c.who, code, a.flag["--to"], text)
	if err != nil {
		return 0, err
	}
	return c.did(v.Request.ID, c.say.said)
}

// revoke ends a grant, by one of those who decide on it or by its holder.
func (c *console) revoke(a args) (int, error) {
	code, why, err := a.code()
	if err != nil {
		return 0, err
	}
	if err := c.s.c.door.Desk.Revoke(c.s.ctx, c.who, code, why); err != nil {
		return 0, err
	}
	return c.did(code, c.say.revoked)
}

// reject says no, which opens nothing and so takes no touch.
func (c *console) reject(a args) (int, error) {
	code, why, err := a.code()
	if err != nil {
		return 0, err
	}
	if why == "" {
		return 0, usage("%s", c.say.rejectForm)
	}
	if _, err := c.s.c.door.Desk.Reject(c.s.ctx, c.who, code, why); err != nil {
		return 0, err
	}
	return c.did(code, c.say.rejectedIt)
}

// approve says where: a yes is a passkey signature, and no command gives it.
func (c *console) approve(a args) (int, error) {
	code, _, err := a.code()
	if err != nil {
		return 0, err
	}
	v, err := c.s.c.door.Desk.See(c.s.ctx, c.who, code)
	if err != nil {
		return 0, err
	}
	page := "/a/"
	if c.who.Kind == policy.Reviewer {
		page = "/c/"
	}
	return 0, &approvals.Refusal{Code: policy.ByPolicy, Why: fmt.Sprintf(c.say.approveThere, c.s.c.door.Portal+page+v.Request.ID)}
}

// did answers what was done to a request.
func (c *console) did(code, text string) (int, error) {
	if c.json {
		return exitDone, c.object(map[string]string{"request": code, "done": "yes"})
	}
	c.print(text, code)
	return exitDone, nil
}

func (c *console) page(v approvals.View) string { return c.s.c.door.Portal + "/r/" + v.Request.ID }

// knockFor is where a request leads.
func (c *console) knockFor(v approvals.View) gateway.Knock {
	return gateway.Knock{Who: c.who, Key: c.s.c.id.fingerprint, From: c.s.c.from, On: v.Request.Target, Login: v.Request.Login}
}
