package portal

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
)

// A requestPage is the timeline of one request.
type requestPage struct {
	facts
	Path     string
	Version  string // changes when the page would
	Sessions []gateway.Past
	Decide   string // where the reader can vote; "" where they cannot
	Touch    bool   // a terminal of the reader waits
	MayEnd   bool   // withdraw, or give back: it is the reader's own
	MayStop  bool   // revoke
	Accept   bool   // the reader has to promise something first
	More     []time.Duration
	Look     bool // replay or watch sessions
	Freeze   bool // … or only hold them back
	Evidence bool
	Command  string // what to type in a terminal …
	Open     string // … or where to go with a browser
	Thread   threadFacts
	In       filled
}

// request shows /r/{code}.
func (p *Portal) request(x *exchange) error {
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	return p.showRequest(x, v, filled{})
}

func (p *Portal) showRequest(x *exchange, v approvals.View, in filled) error {
	r, err := p.requestPage(x, v, in)
	if err != nil {
		return err
	}
	return x.page(status(string(in.Wrong)), "request", x.say.text("Request {code}", "code", r.Code), r)
}

func (p *Portal) requestPage(x *exchange, v approvals.View, in filled) (r requestPage, err error) {
	q := v.Request
	s, err := x.seat(v)
	if err != nil {
		return r, err
	}
	may := func(do policy.Action) bool {
		ask := policy.Question{Now: v.Now, Who: x.who.Principal, Do: do, Request: q, Delegations: x.delegations}
		return p.Desk.Policy().Decide(ask).Verdict == policy.Allow
	}
	r = requestPage{facts: x.facts(v), Path: "/r/" + q.ID, Version: version(v), Thread: x.thread(v, s, in), In: in}
	r.Thread.Path = r.Path
	alone := x.who.Kind != policy.Reviewer || !r.Shared // nothing in the recording is another customer's
	r.Look, r.Evidence = alone && may(policy.Replay), p.Evidence != nil
	r.Freeze = !r.Look && may(policy.Freeze)
	live := v.Grant != nil && r.Over == ""
	r.MayEnd = live && may(policy.GiveBack) || r.Phase == policy.Pending && may(policy.Withdraw)
	r.MayStop = live && !r.Mine && may(policy.Revoke)
	if s.Turn {
		r.Decide = x.pageOf(q, s)
	}
	if live && r.Mine {
		r.Command, r.Open = p.command(q), p.application(q.Target)
		r.Accept = len(v.Grant.Promises) > 0 && v.Grant.Accepted.IsZero()
		if !v.Grant.Activated.IsZero() && may(policy.Extend) {
			r.More = []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}
		}
		open, err := p.Desk.Touches(x.r.Context(), x.who.Principal, q.ID)
		if err != nil {
			return r, err
		}
		r.Touch = len(open) > 0
	}
	r.Sessions, err = p.Gateway.SessionsOf(x.r.Context(), x.who.Principal, q.ID)
	return r, err
}

// Accepted is when the engineer promised what was asked; zero while they have not.
func (r requestPage) Accepted() time.Time {
	if r.Grant == nil {
		return time.Time{}
	}
	return r.Grant.Accepted
}

// command is what the requester types to start; "" where the portal does not know.
func (p *Portal) command(q *policy.Request) string {
	if t := p.Desk.Policy().Targets[q.Target]; p.Command == nil || t != nil && t.Kind == "http" {
		return ""
	}
	return p.Command(q.Target, q.Login)
}

// version is short and differs when a request stands differently.
func version(v approvals.View) string {
	s := fmt.Sprintf("%s %d %d", v.Status.Phase, len(v.Request.Votes), len(v.Thread))
	if g := v.Grant; g != nil {
		s += fmt.Sprintf(" %t %t %t %s", !g.Activated.IsZero(), !g.Revoked.IsZero(), !g.Accepted.IsZero(), g.Over(v.Now))
	}
	return inWords([]byte(s + strings.Repeat(" ", 11)))
}

// change does what the reader may do to one request or grant, in one press. What
// is wrong with it is said on the same page, with all that was typed.
func (p *Portal) change(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	field, to, err := p.changed(x, x.code())
	if err == nil {
		return x.see(to)
	}
	do := policy.Action(x.value("do")) // only those three have a field
	in, ok := x.mendRefusal(field, err)
	if may, merr := x.may(v, do); !ok || field == "" || !may || merr != nil {
		return err
	}
	return p.showRequest(x, v, in)
}

// may says whether the policy lets the reader do something about a request.
func (x *exchange) may(v approvals.View, do policy.Action) (bool, error) {
	deputy, err := x.deputy()
	ask := policy.Question{Now: v.Now, Who: x.who.Principal, Do: do, Request: v.Request, Delegations: deputy}
	return err == nil && x.p.Desk.Policy().Decide(ask).Verdict == policy.Allow, err
}

// changed does it, and says which field a refusal is about and where to go on.
func (p *Portal) changed(x *exchange, code string) (field, to string, err error) {
	ctx, who, to := x.r.Context(), x.who.Principal, "/r/"+code
	switch x.value("do") {
	case "withdraw":
		err = p.Desk.Withdraw(ctx, who, code)
	case "give-back":
		err = p.Desk.GiveBack(ctx, who, code)
	case "revoke":
		err = p.Desk.Revoke(ctx, who, code, x.line("comment"))
		field = fieldIn(refusal(err), []fieldWord{{"comment", "comment"}})
	case "accept":
		_, err = p.Desk.Accept(ctx, who, code)
	case "say":
		err = p.remark(x)
		field, to = "text", to+"#thread"
	case "extend":
		var long time.Duration
		if long, err = x.minutes("more"); err != nil {
			return "", "", err
		}
		v, err := p.Desk.Extend(ctx, who, code, long, x.line("why"))
		if err != nil {
			field = fieldIn(refusal(err), []fieldWord{{"minute", "more"}, {"hour", "more"}, {"longer", "more"}, {"time", "more"}})
			if field == "" || fieldOf(refusal(err)) == "text" {
				field = "why"
			}
			return field, "", err
		}
		return "", "/r/" + v.Request.ID, nil
	default:
		err = errBody
	}
	return field, to, err
}

// minutes reads a duration in whole minutes; 0 when there is none.
func (x *exchange) minutes(name string) (time.Duration, error) {
	s := x.value(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 24*60 {
		return 0, errBody
	}
	return time.Duration(n) * time.Minute, nil
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
