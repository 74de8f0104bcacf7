package portal

import (
	"net/http"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// glass shows /glass: how to come in when nobody who decides can be asked. It
// needs nothing but the gateway and its ledger.
func (p *Portal) glass(x *exchange) error {
	if x.who.Kind != policy.Staff {
		return errNoPage
	}
	if err := p.readDeclared(x); err != nil {
		return err
	}
	query := x.r.URL.Query()
	w := typed{Login: query.Get("login"), Customer: query.Get("customer"), Glass: true}
	if t := query.Get("t"); t != "" {
		a, err := p.askPage(x, t, w)
		if err != nil {
			return err
		}
		return x.show(ok, "ask", "Break the glass", a)
	}
	return x.show(ok, "ask", "Break the glass", p.targetsFor(x, w))
}

// breakGlass takes what /glass sends. The code is not shown again, whatever comes of it.
func (p *Portal) breakGlass(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	if x.who.Kind != policy.Staff {
		return errNoPage
	}
	if err := p.readDeclared(x); err != nil {
		return err
	}
	w, target := x.typed(), x.value("target")
	if w.Glass = true; !perCustomerOf(p.Desk.Policy().Targets[target], w.Login) {
		w.Customer = ""
	}
	v, err := p.withCode(x, target, w)
	if err == nil {
		return x.see("/r/" + v.Request.ID)
	}
	why := refusal(err)
	if why == "" {
		return err
	}
	a, perr := p.askPage(x, target, w)
	if perr != nil {
		return err // there is no form for this target
	}
	a.Wrong, a.Field = why, fieldOf(why)
	return x.show(http.StatusUnprocessableEntity, "ask", "Break the glass", a)
}

func perCustomerOf(t *policy.Target, login string) bool { return t != nil && perCustomer(t, login) }

// incidentsPage lists emergencies, the newest first.
type incidentsPage struct{ List []incidentFacts }

// incidentFacts is what pages tell of one emergency.
type incidentFacts struct {
	facts
	Broken  time.Time
	Due     time.Time
	State   string // "open", "locked", "ratified" or "late"
	Motion  string // by which executives are asked
	Settled time.Time
	By      string
	Past    []gateway.Past
	May     bool // propose to ratify it
	In      filled
}

const incidentRows = 200

func (x *exchange) incidentFacts(i approvals.Incident) incidentFacts {
	f := incidentFacts{
		facts: x.facts(i.View), Broken: i.Broken, Due: i.Due, Motion: i.Motion, Settled: i.Settled, By: i.By, State: "open",
	}
	switch {
	case i.Locked:
		f.State = "locked"
	case i.InTime:
		f.State = "ratified"
	case !i.Settled.IsZero():
		f.State = "late"
	}
	f.May = i.Settled.IsZero() && x.who.Kind == policy.Executive && x.who.Admitted
	return f
}

// incidents shows /incidents.
func (p *Portal) incidents(x *exchange) error {
	all, err := p.Desk.AllIncidents(x.r.Context(), x.who.Principal, incidentRows)
	if err != nil {
		return err
	}
	var page incidentsPage
	for _, i := range all {
		page.List = append(page.List, x.incidentFacts(i))
	}
	return x.show(ok, "incidents", "Emergencies", page)
}

// incident shows /incidents/{code}.
func (p *Portal) incident(x *exchange) error { return p.showIncident(x, filled{}) }

func (p *Portal) showIncident(x *exchange, in filled) error {
	ctx, who, code := x.r.Context(), x.who.Principal, x.code()
	i, err := p.Desk.IncidentOf(ctx, who, code)
	if err != nil {
		return err
	}
	f := x.incidentFacts(i)
	if f.Past, err = p.Gateway.SessionsOf(ctx, who, code); err != nil {
		return err
	}
	f.In = in
	return x.page(status(string(in.Wrong)), "incident", x.say.text("Emergency {code}", "code", code), f)
}

// settle asks executives to ratify an emergency, and goes on to what they sign.
func (p *Portal) settle(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	i, err := p.Desk.IncidentOf(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	if x.value("do") != "ratify" {
		return errBody
	}
	err = p.propose(x, policy.Motion{Kind: policy.ToRatify, About: i.Request.ID})
	if in, ok := x.mendRefusal("", err); ok && x.incidentFacts(i).May {
		return p.showIncident(x, in)
	}
	return err
}

// never says whether the reader's customer said that the glass is never broken.
func (x *exchange) never() (never bool, err error) {
	err = x.p.view(x.r.Context(), func(tx *ledger.Tx) error {
		all, err := x.p.Charter.Never(tx, []string{x.who.Customer})
		never = len(all) > 0
		return err
	})
	return never, err
}

// withCode breaks the glass with the code that was typed.
func (p *Portal) withCode(x *exchange, target string, w typed) (approvals.View, error) {
	code, err := approvals.ReadSealed(x.value("sealed"))
	if err != nil {
		return approvals.View{}, err
	}
	do, _ := p.entry(x, target, w)
	_, to, _ := strings.Cut(w.Work, " ")
	return p.Desk.BreakGlass(x.r.Context(), x.who.Principal, approvals.Application{
		Target: target, Login: w.Login, Customer: w.Customer, Do: do, To: to, From: x.source(), For: time.Duration(w.Minutes) * time.Minute,
		Need: policy.Need{Reason: policy.Reason(w.Reason), Text: w.Text, Ticket: w.Ticket},
	}, code)
}
