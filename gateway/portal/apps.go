package portal

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// Apps is the HTTP door as the portal needs it; see httpproxy.Door.
type Apps interface {
	Arrival(id string) (gateway.Arrival, bool)
	Admit(ctx context.Context, id string, who policy.Principal, web string) (address string, a gateway.Answer, err error)
	Address(target string) string // of an application
}

var errNoArrival = &problem{http.StatusNotFound, "Nothing waits here", "No browser of yours waits here for an application: it is in already, more than a day has passed, or Lockbox was started anew. Open the application again."}

// What stands between a browser and the application it came to.
const (
	stepRefused = "refused" // nothing can be done about it here
	stepAsk     = "ask"     // nobody was asked
	stepOver    = "over"    // it was asked for from here, and there is none
	stepWait    = "wait"    // for those who decide, or for a moment
	stepPromise = "promise" // something has to be promised first
	stepTouch   = "touch"
	stepGo      = "go"
	stepLink    = "link" // it may go in, and has no script that goes
)

// An arrivalPage is where a browser goes on to an application.
type arrivalPage struct {
	facts          // of the request, where there is one
	Path    string // of this page
	App     string // the application …
	Page    string // … and what was asked for there
	From    string // address of the browser that came to it
	Here    string // of the reader, where that is another
	Step    string
	Why     string
	Until   time.Time // when the access ends, or the latest that it may begin
	Used    bool      // Until is the end
	Version string    // changes when the page would
	Next    string    // address in the application, of stepLink
	Again   string    // where to ask once more
}

// Live says whether the page changes by itself: not while the reader is asked for something.
func (a arrivalPage) Live() bool {
	return a.Code != "" && (a.Step == stepWait || a.Step == stepPromise || a.Step == stepOver)
}

// arrived finds the browser that the address names.
func (p *Portal) arrived(x *exchange) (gateway.Arrival, error) {
	if p.Apps == nil {
		return gateway.Arrival{}, errNoPage
	}
	if a, ok := p.Apps.Arrival(x.r.PathValue("id")); ok {
		return a, nil
	}
	return gateway.Arrival{}, errNoArrival
}

// knock asks for it, as the door will.
func (p *Portal) knock(x *exchange, a gateway.Arrival) (gateway.Answer, error) {
	return p.Gateway.Enter(x.r.Context(), a.Knock(x.who.Principal, identity.WebID(x.cookie()), policy.HTTPGet))
}

// arrival shows /h/{id}: what there is to do before the browser may go on.
func (p *Portal) arrival(x *exchange) error {
	a, err := p.arrived(x)
	if err != nil {
		return err
	}
	return p.showArrival(x, a)
}

func (p *Portal) showArrival(x *exchange, a gateway.Arrival) error {
	answer, err := p.knock(x, a)
	if err != nil {
		return err
	}
	step := stepOf(answer, a)
	if step == stepAsk {
		return x.see(askFor(a))
	}
	page := x.arrivalPage(a, step)
	if step == stepRefused || step == stepWait && answer.Code == policy.NotYet {
		page.Why = answer.Why.String()
	}
	if answer.Request != nil {
		v, err := p.Desk.See(x.r.Context(), x.who.Principal, answer.Request.ID)
		if err != nil {
			return err
		}
		page.facts, page.Version = x.facts(v), version(v)
		if g := v.Grant; g != nil {
			page.Until, page.Used = g.ActivateBefore, !g.Activated.IsZero()
			if page.Used {
				page.Until = g.NotAfter
			}
		}
	}
	return x.page(ok, "arrive", x.say.text("Go on to {target}", "target", a.Target), page)
}

func (x *exchange) arrivalPage(a gateway.Arrival, step string) arrivalPage {
	page := arrivalPage{Path: "/h/" + a.ID, App: a.Target, Page: visible(a.Path), From: a.From, Step: step, Again: askFor(a)}
	if from, err := netip.ParseAddr(a.From); err != nil || from.Unmap() != x.source() {
		page.Here = x.source().String()
	}
	return page
}

// askFor is the form to ask, for the browser that waits.
func askFor(a gateway.Arrival) string {
	return "/r/new?" + url.Values{"t": {a.Target}, "h": {a.ID}}.Encode()
}

// stepOf says what comes next. A request that was decided before the browser
// came is no answer to it: whoever comes again asks again.
func stepOf(answer gateway.Answer, a gateway.Arrival) string {
	asked := answer.Request != nil && (answer.Status.Phase == policy.Pending || !answer.Request.At.Before(a.At))
	switch {
	case answer.Verdict == policy.Allow:
		return stepGo
	case answer.Verdict == policy.Prove && answer.Proof == policy.Passkey && answer.Terminal.Grant != "":
		return stepTouch
	case askable(answer.Decision) && !asked:
		return stepAsk
	case askable(answer.Decision) && answer.Status.Phase == policy.Pending:
		return stepWait
	case askable(answer.Decision):
		return stepOver
	case answer.Accept:
		return stepPromise
	case answer.Code == policy.NotYet:
		return stepWait
	}
	return stepRefused
}

// goOn lets the browser in that waits, for whoever may. A script is told the
// address; without one there is a link, for a form of ours leads to no other site.
func (p *Portal) goOn(x *exchange) error {
	read := x.form
	if x.wantsJSON() {
		read = func() error { return x.json(&struct{}{}) }
	}
	if err := read(); err != nil {
		return err
	}
	a, err := p.arrived(x)
	if err != nil {
		return err
	}
	address, err := p.admit(x, a)
	switch {
	case err != nil:
		return err
	case x.wantsJSON():
		return x.next(address)
	}
	page := x.arrivalPage(a, stepLink)
	page.Next = address
	return x.page(ok, "arrive", x.say.text("Go on to {target}", "target", a.Target), page)
}

// admit is the door's word. What it refuses, the reader reads.
func (p *Portal) admit(x *exchange, a gateway.Arrival) (address string, err error) {
	address, answer, err := p.Apps.Admit(x.r.Context(), a.ID, x.who.Principal, identity.WebID(x.cookie()))
	var end *gateway.Ending
	switch {
	case errors.As(err, &end):
		return "", &approvals.Refusal{Code: end.Code, Why: end.Why}
	case err != nil:
		return "", err
	case answer.Verdict != policy.Allow || address == "":
		return "", &approvals.Refusal{Code: answer.Code, Why: answer.Why.String()}
	}
	return address, nil
}

// An arriveSheet is what a script shows and has signed, all with one press.
type arriveSheet struct {
	ID      string `json:"id"`
	Text    string `json:"text"`
	Words   string `json:"words"`
	Domain  string `json:"domain"`
	Options any    `json:"options"`
}

// touchHere gives the statement to sign, for the browser that waits.
func (p *Portal) touchHere(x *exchange) error {
	if err := x.json(&struct{}{}); err != nil {
		return err
	}
	a, err := p.arrived(x)
	if err != nil {
		return err
	}
	answer, err := p.knock(x, a)
	if err != nil {
		return err
	}
	if stepOf(answer, a) != stepTouch {
		return &approvals.Refusal{Code: answer.Code, Why: "there is nothing to touch for now; load the page again"}
	}
	t, err := p.Desk.TouchHere(x.r.Context(), x.who.Principal, answer.Terminal)
	if err != nil {
		return err
	}
	options, err := p.People.Options(x.r.Context(), x.who.ID, t.Domain(), t.Statement)
	if err != nil {
		return err
	}
	return x.answer(ok, arriveSheet{t.ID, string(t.Statement), inWords(statement.Challenge(t.Domain(), t.Statement)), string(t.Domain()), options})
}

// touchedHere counts the touch, and lets the browser in.
func (p *Portal) touchedHere(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	a, err := p.arrived(x)
	if err != nil {
		return err
	}
	signed, err := statement.ParseAssertion(body.Credential)
	if err != nil {
		return errAnswer
	}
	if err := p.Desk.Touched(x.r.Context(), x.who.Principal, body.ID, signed); err != nil {
		return p.noteCopy(x, err)
	}
	address, err := p.admit(x, a)
	if err != nil {
		return err
	}
	return x.next(address)
}

// waiting is the browser for which something is asked (?h=); false where none
// waits for that target.
func (p *Portal) waiting(x *exchange, target string) (gateway.Arrival, bool) {
	id := x.r.URL.Query().Get("h")
	if p.Apps == nil || id == "" {
		return gateway.Arrival{}, false
	}
	if a, ok := p.Apps.Arrival(id); ok && a.Target == target {
		return a, true
	}
	return gateway.Arrival{}, false
}

// application is where an application is that a request asks for; "" where it is none.
func (p *Portal) application(target string) string {
	if t := p.Desk.Policy().Targets[target]; p.Apps == nil || t == nil || t.Kind != "http" {
		return ""
	}
	return p.Apps.Address(target)
}
