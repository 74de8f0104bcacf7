package portal

import (
	"lockbox/gateway/identity"
	"lockbox/policy/statement"
)

// A loginPage shows a terminal that wants to log in as the reader.
type loginPage struct {
	identity.Waiting
	Here  string // where the reader's browser is
	Apart bool   // … which is not where the terminal is
	Mine  bool   // the reader said that they know
	Wrong string
}

// login shows /l/{code}: where the terminal is, and what the number that it
// shows would do. Whoever has the link may look; only the number goes on.
func (p *Portal) login(x *exchange) error { return p.showLogin(x, "") }

func (p *Portal) showLogin(x *exchange, wrong string) error {
	w, err := p.People.WaitingLogin(x.code())
	if err != nil {
		return err
	}
	page := loginPage{Waiting: w, Here: x.source().String(), Wrong: wrong, Mine: wrong != "" && x.value("mine") != ""}
	page.Apart = page.Here != w.Source
	return x.show(status(wrong), "login", "Log in a terminal", page)
}

// loginNumber takes the number from the terminal and shows the sheet to sign. Who
// reads this elsewhere than the terminal is has to say that it is theirs all the
// same: somebody may have sent them the link, and the number too.
func (p *Portal) loginNumber(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	w, err := p.People.WaitingLogin(x.code())
	if err != nil {
		return err
	}
	if w.Source != x.source().String() && x.value("mine") == "" {
		return p.showLogin(x, x.say.text("Say that the terminal is yours, if it is."))
	}
	ask, err := p.People.PrepareLogin(x.r.Context(), x.who.ID, w.Code, x.value("number"))
	if why := refusal(err); why != "" {
		if _, gone := p.People.WaitingLogin(w.Code); gone != nil {
			return err // that was the last try
		}
		return p.showLogin(x, x.say.refused(why))
	}
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head: x.say.text("Touch to log in"),
		Lead: x.say.text("The terminal at {source} comes in as you for {time}, and this counts as your touch there.",
			"source", w.Source, "time", x.say.long(w.Life)),
		Statement: ask.Text, domain: statement.ForLogin, Options: string(ask.Options), ID: ask.ID,
		To: "/l/" + w.Code + "/sign", Back: "/l/" + w.Code, Until: w.Until,
		Done: x.say.text("Logged in. Your terminal goes on by itself; you can close this page."),
	})
}

// logIn counts a signed login.
func (p *Portal) logIn(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	if err := p.People.LogIn(x.r.Context(), x.who.ID, body.ID, body.Credential); err != nil {
		return p.noteCopy(x, err)
	}
	return x.answer(ok, map[string]string{})
}
