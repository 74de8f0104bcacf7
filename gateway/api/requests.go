package api

import (
	"context"
	"slices"
	"strconv"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
)

// requests lists them in one of three ways.
func (c *call) requests() (RequestList, error) {
	if c.query["list"] != "history" && (c.query["before"] != "" || c.query["limit"] != "") {
		return RequestList{}, malformed("before and limit go with list=history")
	}
	var all []approvals.View
	var err error
	switch c.query["list"] {
	case "", "mine":
		all, err = c.a.Desk.Mine(c.ctx(), c.who.ID)
	case "inbox":
		all, err = c.a.Desk.Inbox(c.ctx(), c.who)
	case "history":
		return c.history()
	default:
		return RequestList{}, malformed("list is mine, inbox or history")
	}
	if err != nil {
		return RequestList{}, err
	}
	return c.a.requests(all), nil
}

func (c *call) history() (RequestList, error) {
	n, before := 20, c.query["before"]
	if text := c.query["limit"]; text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 100 {
			return RequestList{}, malformed("limit is 1 to 100")
		}
	}
	if before != "" && !approvals.ValidCode(before) {
		return RequestList{}, errNowhere
	}
	all, err := c.a.Desk.History(c.ctx(), c.who, before, n)
	if err != nil {
		return RequestList{}, err
	}
	out := c.a.requests(all)
	if len(all) == n {
		out.Before = all[n-1].Request.ID
	}
	return out, nil
}

// requestCode is the code in the path; what is not written as one is of nothing.
func (c *call) requestCode() (string, error) {
	if !approvals.ValidCode(c.code()) {
		return "", errNowhere
	}
	return c.code(), nil
}

// see gives a request, at once or when it is decided.
func (c *call) see() (Request, error) {
	code, err := c.requestCode()
	if err != nil {
		return Request{}, err
	}
	var wait Span
	if text, ok := c.query["wait"]; ok {
		if err := wait.UnmarshalText([]byte(text)); err != nil || time.Duration(wait) > maxWait {
			return Request{}, malformed("wait is 25s at most")
		}
	}
	if wait > 0 {
		if err := c.await(code, time.Duration(wait)); err != nil {
			return Request{}, err
		}
	}
	return c.seen(c.a.Desk.See(c.ctx(), c.who, code))
}

// await returns when the request is decided, or after so long. Who waited is
// asked for their token again.
func (c *call) await(code string, long time.Duration) error {
	if !c.a.waits.take(c.who.ID) {
		return errSlow
	}
	defer c.a.waits.leave(c.who.ID)
	ctx, stop := context.WithTimeout(c.ctx(), long)
	defer stop()
	for v, err := range c.a.Desk.Follow(ctx, c.who, code) {
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err != nil || v.Status.Phase != policy.Pending {
			break
		}
	}
	return c.identify()
}

// seen is a request as programs read it.
func (c *call) seen(v approvals.View, err error) (Request, error) {
	if err != nil {
		return Request{}, err
	}
	return c.a.request(v), nil
}

// ask makes a request.
func (c *call) ask(w Wish) (Request, error) {
	app := approvals.Application{
		Target: w.Target, Login: w.Login, Customer: w.Customer, Do: w.Do, To: w.To, From: c.source(), For: time.Duration(w.For),
		Need: policy.Need{Reason: w.Reason, Text: w.Need, Ticket: w.Ticket},
	}
	if w.Do != "" && !slices.Contains(policy.OnTarget(), w.Do) {
		return Request{}, malformed("do is one of %v", policy.OnTarget())
	}
	if w.To != "" && w.Do != policy.Forward {
		return Request{}, malformed("to goes with do=forward")
	}
	do, d := c.entry(w)
	app.Do = do
	if app.Need.Reason == "" && d.Verdict == policy.Ask {
		if len(d.Reasons()) != 1 {
			return Request{}, malformed("say which reason: one of %v", d.Reasons())
		}
		app.Need.Reason = d.Reasons()[0]
	}
	r, err := c.seen(c.a.Desk.Submit(c.ctx(), c.who, app))
	if p := explain(err); p != nil && d.Proof == policy.Declared {
		return Request{}, p.at(c.a.page("/me/declaration"))
	}
	return r, err
}

// entry is what the person may ask to do: the action they named, else the first
// that policy lets them ask for. The desk decides again.
func (c *call) entry(w Wish) (policy.Action, policy.Decision) {
	q := policy.Question{
		Now: c.a.now(), Who: c.who, On: w.Target, Login: w.Login, Customer: w.Customer, To: w.To, From: c.source(), Reason: w.Reason,
	}
	all := policy.OnTarget()
	if w.Do != "" {
		all = []policy.Action{w.Do}
	}
	for _, do := range all {
		q.Do = do
		if d := c.a.policy().Decide(q); askable(d) {
			return do, d
		}
	}
	return all[0], policy.Decision{}
}

// askable says whether a request can be made, perhaps after the declaration is signed.
func askable(d policy.Decision) bool {
	return d.Verdict == policy.Ask || d.Verdict == policy.Prove && d.Proof == policy.Declared
}

// change is a change that needs no words; it answers with the request as it then stands.
func change(do func(*call, string) error) func(*call, Nothing) (Request, error) {
	return func(c *call, _ Nothing) (Request, error) {
		return c.changed(func(code string) error { return do(c, code) })
	}
}

func (c *call) changed(do func(code string) error) (Request, error) {
	code, err := c.requestCode()
	if err == nil {
		err = do(code)
	}
	if err != nil {
		return Request{}, err
	}
	return c.seen(c.a.Desk.See(c.ctx(), c.who, code))
}

func (c *call) withdraw(code string) error { return c.a.Desk.Withdraw(c.ctx(), c.who, code) }
func (c *call) giveBack(code string) error { return c.a.Desk.GiveBack(c.ctx(), c.who, code) }

func (c *call) revoke(in Comment) (Request, error) {
	return c.changed(func(code string) error { return c.a.Desk.Revoke(c.ctx(), c.who, code, in.Comment) })
}

func (c *call) extend(in More) (Request, error) {
	code, err := c.requestCode()
	if err != nil {
		return Request{}, err
	}
	return c.seen(c.a.Desk.Extend(c.ctx(), c.who, code, time.Duration(in.For), in.Why))
}

func (c *call) say(in Word) (Request, error) {
	code, err := c.requestCode()
	if err != nil {
		return Request{}, err
	}
	return c.seen(c.a.Desk.Say(c.ctx(), c.who, code, in.Thread, in.Text))
}

func (c *call) accept(Nothing) (Request, error) {
	code, err := c.requestCode()
	if err != nil {
		return Request{}, err
	}
	return c.seen(c.a.Desk.Accept(c.ctx(), c.who, code))
}

func (c *call) reject(in Comment) (Request, error) {
	code, err := c.requestCode()
	if err != nil {
		return Request{}, err
	}
	return c.seen(c.a.Desk.Reject(c.ctx(), c.who, code, in.Comment))
}

// approve never approves: a yes is a passkey's.
func (c *call) approve(Nothing) (Request, error) {
	r, err := c.see()
	if err != nil {
		return Request{}, err
	}
	page := "/a/"
	if c.who.Kind == policy.Reviewer {
		page = "/c/"
	}
	return Request{}, byPasskey("approving", c.a.page(page+r.Request))
}

func (c *call) sessions() (SessionList, error) {
	code, err := c.requestCode()
	if err != nil {
		return SessionList{}, err
	}
	all, err := c.a.Gateway.SessionsOf(c.ctx(), c.who, code)
	out := SessionList{Sessions: []Session{}}
	for _, s := range all {
		out.Sessions = append(out.Sessions, c.a.session(s.Session))
	}
	return out, err
}

func (c *call) receipt() (approvals.Receipt, error) {
	code, err := c.requestCode()
	if err != nil {
		return approvals.Receipt{}, err
	}
	return c.a.Gateway.Receipt(c.ctx(), c.who, code)
}

// grants lists requests whose grant is not over.
func (c *call) grants() (RequestList, error) {
	var all []approvals.View
	var err error
	switch c.query["list"] {
	case "", "mine":
		all, err = c.a.Desk.Mine(c.ctx(), c.who.ID)
	case "all":
		all, err = c.a.Desk.Inbox(c.ctx(), c.who)
	default:
		err = malformed("list is mine or all")
	}
	all = slices.DeleteFunc(all, func(v approvals.View) bool { return v.Grant == nil || v.Grant.Over(v.Now) != "" })
	if err != nil {
		return RequestList{}, err
	}
	return c.a.requests(all), nil
}
