package sshproxy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	k := gateway.Knock{Who: c.who, Key: c.s.c.id.fingerprint, From: c.s.c.from, On: to.target, Login: to.login, Customer: a.flag["--customer"]}
	if t := c.s.c.door.Desk.Policy().Targets[k.On]; t != nil && k.Customer == "" && len(t.Customers) == 1 && perCustomer(t, k.Login) {
		k.Customer = t.Customers[0]
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

// knock finds an action that may be asked for on the target.
func (c *console) knock(k *gateway.Knock) (a gateway.Answer, err error) {
	for _, do := range []policy.Action{policy.Shell, policy.Exec} {
		k.Do = do
		if a, err = c.s.c.door.Gateway.Enter(c.s.ctx, *k); err != nil || a.Verdict != policy.Deny {
			return a, err
		}
	}
	return a, nil
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
		Target: k.On, Login: k.Login, Customer: k.Customer, Do: k.Do, From: k.From,
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
	v, err := c.s.c.door.Desk.Submit(c.s.ctx, c.who, app)
	if err != nil {
		return 0, err
	}
	if c.json {
		return exitDone, c.object(c.item(v))
	}
	c.print(c.say.submitted, v.Request.ID, v.Request.Login, v.Request.Target, long(v.Request.For))
	c.print(c.say.follow, v.Request.ID, c.s.c.door.Portal+"/r/"+v.Request.ID)
	return exitDone, nil
}

// status tells where one request stands, by the exit status too, or lists all of the person's.
func (c *console) status(a args) (int, error) {
	if err := a.none(); err != nil {
		return 0, err
	}
	if len(a.rest) == 0 {
		return exitDone, c.list(func(approvals.View) bool { return true }, c.say.noRequests)
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
	case v.Status.Phase == policy.Pending:
		status = exitPending
	case v.Grant != nil && v.Grant.Over(v.Now) == "":
		status = exitDone
	}
	if c.json {
		return status, c.object(c.item(v))
	}
	c.describe(v)
	return status, nil
}

// grants lists what the person holds.
func (c *console) grants() (int, error) {
	return exitDone, c.list(func(v approvals.View) bool { return v.Grant != nil && v.Grant.Over(v.Now) == "" }, c.say.noGrants)
}

func (c *console) list(which func(approvals.View) bool, none string) error {
	all, err := c.s.c.door.Desk.Mine(c.s.ctx, c.who.ID)
	if err != nil {
		return err
	}
	items := []item{}
	for _, v := range all {
		if !which(v) {
			continue
		}
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
	if err := a.none(); err != nil {
		return 0, err
	}
	code, err := a.one("request")
	if err != nil {
		return 0, err
	}
	code = strings.ToUpper(code)
	if err := do(c.s.ctx, c.who, code); err != nil {
		return 0, err
	}
	if c.json {
		return exitDone, c.object(map[string]string{"request": code, "done": "yes"})
	}
	c.print(done, code)
	return exitDone, nil
}

// An item is a request as programs read it.
type item struct {
	Request   string          `json:"request"`
	Target    string          `json:"target"`
	Login     string          `json:"login"`
	Customers []string        `json:"customers"`
	Actions   []policy.Action `json:"actions"`
	Reason    policy.Reason   `json:"reason"`
	Need      string          `json:"need"`
	Ticket    string          `json:"ticket"`
	For       string          `json:"for"`
	At        time.Time       `json:"at"`
	Phase     policy.Phase    `json:"phase"`
	Stages    []itemStage     `json:"stages"`
	Until     *time.Time      `json:"until"` // when the grant is over, or must have been used
	Started   bool            `json:"started"`
	Over      string          `json:"over"` // why the grant gives nothing any more
	URL       string          `json:"url"`
}

type itemStage struct {
	Kind     policy.StageKind `json:"kind"`
	Customer string           `json:"customer,omitempty"`
	Count    int              `json:"count"`
	Yes      int              `json:"yes"`
	No       int              `json:"no"`
	Phase    policy.Phase     `json:"phase"`
	AnswerBy time.Time        `json:"answer_by"`
}

func (c *console) item(v approvals.View) item {
	q := v.Request
	i := item{
		Request: q.ID, Target: q.Target, Login: q.Login, Customers: slices.Concat([]string{}, q.Customers), Actions: q.Actions,
		Reason: q.Need.Reason, Need: q.Need.Text, Ticket: q.Need.Ticket, For: long(v.Status.For), At: q.At.UTC(), Phase: v.Status.Phase,
		URL: c.s.c.door.Portal + "/r/" + q.ID,
	}
	for _, g := range v.Status.Stages {
		i.Stages = append(i.Stages, itemStage{g.Kind, g.Customer, g.Count, len(g.Yes), len(g.No), g.Phase, g.Answer.UTC()})
	}
	if v.Grant != nil {
		until := v.Grant.Until().UTC()
		i.Until, i.Started, i.Over = &until, !v.Grant.Activated.IsZero(), v.Grant.Over(v.Now)
	}
	return i
}

// describe writes a request as people read it.
func (c *console) describe(v approvals.View) {
	q, state := v.Request, ""
	switch {
	case v.Grant != nil && v.Grant.Over(v.Now) != "":
		state = v.Grant.Over(v.Now)
	case v.Grant != nil && v.Grant.Activated.IsZero():
		state = fmt.Sprintf(c.say.grantWaits, long(v.Grant.For), clock(v.Grant.ActivateBefore))
	case v.Grant != nil:
		state = fmt.Sprintf(c.say.grantRuns, left(v.Grant.NotAfter.Sub(v.Now)))
	case v.Status.Phase == policy.Pending:
		state = c.say.isPending
	case v.Status.Phase == policy.Rejected:
		state = fmt.Sprintf(c.say.isRejected, noes(v.Status))
	default:
		state = string(v.Status.Phase)
	}
	c.print("%s  %s@%s  %s", q.ID, q.Login, q.Target, state)
	c.print("      %s", q.Need.Text)
}
