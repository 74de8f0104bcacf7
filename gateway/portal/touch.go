package portal

import (
	"time"

	"lockbox/policy/statement"
)

// A touchPage lists the terminals that wait for a touch.
type touchPage struct {
	facts
	Open  []waitingTerminal
	Wrong string // what was wrong with the number that was typed …
	At    string // … for this terminal
	Start string // what to type in a terminal
}

type waitingTerminal struct {
	ID     string
	Source string
	Key    string
	Target string
	Login  string
	Since  time.Time
	Until  time.Time
	Wrong  string
}

// touches shows /t/{code}: which terminals of the person wait under the grant.
func (p *Portal) touches(x *exchange) error { return p.showTouches(x, "", "") }

func (p *Portal) showTouches(x *exchange, at, wrong string) error {
	open, err := p.Desk.Touches(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	v, err := p.Desk.See(x.r.Context(), x.who.Principal, x.code())
	if err != nil {
		return err
	}
	t := touchPage{facts: x.facts(v), Wrong: wrong, At: at, Start: p.command(v.Request)}
	for _, o := range open {
		w := waitingTerminal{
			ID: o.ID, Source: o.Terminal.Source, Key: o.Terminal.Key, Target: o.Terminal.Target, Login: o.Terminal.Login,
			Since: o.Made, Until: o.Until,
		}
		if o.ID == at {
			w.Wrong, t.Wrong = wrong, ""
		}
		t.Open = append(t.Open, w)
	}
	return x.page(status(wrong), "touch", x.say.text("Start the session"), t)
}

// status is that of a page that shows what was wrong with what was typed.
func status(wrong string) int {
	if wrong != "" {
		return 422 // RFC 9110 §15.5.21
	}
	return ok
}

// number takes the number from the terminal and shows the sheet to sign.
func (p *Portal) number(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	t, err := p.Desk.PrepareTouch(x.r.Context(), x.who.Principal, x.value("id"), x.value("number"))
	if why := refusal(err); why != "" {
		return p.showTouches(x, x.value("id"), why)
	}
	if err != nil {
		return err
	}
	options, err := p.People.Options(x.r.Context(), x.who.ID, statement.ForTouch, t.Statement)
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head: x.say.text("Touch to start"),
		Lead: x.say.text("You start a session on {target} as {login}, in the terminal at {source}.",
			"target", t.Terminal.Target, "login", t.Terminal.Login, "source", t.Terminal.Source),
		Statement: t.Statement, domain: statement.ForTouch, Options: string(options), ID: t.ID,
		To: "/t/" + t.Terminal.Grant + "/sign", Back: "/t/" + t.Terminal.Grant, Until: t.Until,
		Done: x.say.text("Touched. Your terminal goes on by itself; you can close this page."),
	})
}

// touch counts a signed touch.
func (p *Portal) touch(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	a, err := statement.ParseAssertion(body.Credential)
	if err != nil {
		return errAnswer
	}
	if err := p.Desk.Touched(x.r.Context(), x.who.Principal, body.ID, a); err != nil {
		return p.noteCopy(x, err)
	}
	return x.answer(ok, map[string]string{})
}
