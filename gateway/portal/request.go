package portal

import (
	"fmt"
	"net/http"
	"strings"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
)

// A requestPage is the timeline of one request.
type requestPage struct {
	facts
	Path     string
	Version  string // changes when the page would
	Sessions []recorder.Session
	Decide   string // where the reader can vote; "" where they cannot
	Touch    bool   // a terminal of the reader waits
	MayEnd   bool   // withdraw, or give back: it is the reader's own
	MayStop  bool   // revoke
	Look     bool   // replay or watch sessions
	Evidence bool
	Command  string // what to type in a terminal
}

// request shows /r/{code}.
func (p *Portal) request(x *exchange) error {
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	r, err := p.requestPage(x, v)
	if err != nil {
		return err
	}
	return x.page(ok, "request", x.say.text("Request {code}", "code", r.Code), r)
}

func (p *Portal) requestPage(x *exchange, v approvals.View) (r requestPage, err error) {
	q := v.Request
	may := func(do policy.Action) bool {
		return p.Desk.Policy().Decide(policy.Question{Now: v.Now, Who: x.who.Principal, Do: do, Request: q}).Verdict == policy.Allow
	}
	r = requestPage{facts: x.facts(v), Path: "/r/" + q.ID, Version: version(v)}
	alone := x.who.Kind != policy.Reviewer || !r.Shared // nothing in it is another customer's
	r.Look, r.Evidence = alone && may(policy.Replay), alone && p.Evidence != nil
	live := v.Grant != nil && r.Over == ""
	r.MayEnd = live && may(policy.GiveBack) || r.Phase == policy.Pending && may(policy.Withdraw)
	r.MayStop = live && !r.Mine && may(policy.Revoke)
	if x.turn(v) {
		r.Decide = x.pageOf(q)
	}
	if live && r.Mine {
		r.Command = p.command(q)
		open, err := p.Desk.Touches(x.r.Context(), x.who.Principal, q.ID)
		if err != nil {
			return r, err
		}
		r.Touch = len(open) > 0
	}
	r.Sessions, err = p.Gateway.SessionsOf(x.r.Context(), x.who.Principal, q.ID)
	return r, err
}

// command is what the requester types to start; "" where the portal does not know.
func (p *Portal) command(q *policy.Request) string {
	if p.Command == nil {
		return ""
	}
	return p.Command(q.Target, q.Login)
}

// version is short and differs when a request stands differently.
func version(v approvals.View) string {
	s := fmt.Sprintf("%s %d", v.Status.Phase, len(v.Request.Votes))
	if g := v.Grant; g != nil {
		s += fmt.Sprintf(" %t %t %s", !g.Activated.IsZero(), !g.Revoked.IsZero(), g.Over(v.Now))
	}
	return inWords([]byte(s + strings.Repeat(" ", 11)))
}

// change ends what the reader may end: one request or grant, in one press.
func (p *Portal) change(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	ctx, who, code := x.r.Context(), x.who.Principal, x.code()
	var err error
	switch x.value("do") {
	case "withdraw":
		err = p.Desk.Withdraw(ctx, who, code)
	case "give-back":
		err = p.Desk.GiveBack(ctx, who, code)
	case "revoke":
		err = p.Desk.Revoke(ctx, who, code, x.value("comment"))
	default:
		err = errBody
	}
	if err != nil {
		return err
	}
	return x.see("/r/" + code)
}

// evidence sends what the head made of the request, to who may see it.
func (p *Portal) evidence(x *exchange) error {
	code := x.code()
	if _, err := p.Desk.See(x.r.Context(), x.who.Principal, code); err != nil {
		return err
	}
	if p.Evidence == nil {
		return errNoPage
	}
	b, err := p.Evidence(x.r.Context(), x.who.Principal, code)
	if err != nil {
		return err
	}
	x.sent = true
	x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.w.Header().Set("Content-Disposition", `attachment; filename="lockbox-`+code+`.json"`)
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write(b) // who does not read it has gone
	return nil
}
