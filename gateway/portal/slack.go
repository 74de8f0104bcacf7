package portal

import (
	"time"

	"lockbox/gateway/identity"
	"lockbox/policy/statement"
)

// A slackPage is whom the reader is known by in Slack, or a user there who says to be them.
type slackPage struct {
	Known *identity.SlackUser // nil: by nobody
	Since time.Time

	Token string              // of the link that the reader followed; "" for none
	Waits *identity.SlackUser // who asked for it in Slack
	Until time.Time
	Wrong string
}

// slack shows /me/slack.
func (p *Portal) slack(x *exchange) error { return p.showSlack(x, x.r.URL.Query().Get("l"), "") }

func (p *Portal) showSlack(x *exchange, token, wrong string) error {
	page := slackPage{Token: token, Wrong: wrong}
	u, since, ok, err := p.People.SlackUser(x.r.Context(), x.who.ID)
	if err != nil {
		return err
	}
	if ok {
		page.Known, page.Since = &u, since
	}
	if token != "" {
		waits, until, err := p.People.WaitingSlack(token)
		if err != nil {
			return err
		}
		page.Waits, page.Until = &waits, until
	}
	return x.show(status(wrong), "slack", "You in Slack", page)
}

// changeSlack takes the number from Slack and shows the sheet to sign, or ends the link.
func (p *Portal) changeSlack(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	switch x.value("do") {
	case "end":
		if err := p.People.UnbindSlack(x.r.Context(), x.who.ID); err != nil {
			return err
		}
		return x.see("/me/slack")
	case "link":
		return p.beginSlack(x)
	}
	return errBody
}

func (p *Portal) beginSlack(x *exchange) error {
	token := x.value("l")
	u, until, err := p.People.WaitingSlack(token)
	if err != nil {
		return err
	}
	ask, err := p.People.PrepareSlack(x.r.Context(), x.who.ID, token, x.value("number"))
	if why := refusal(err); why != "" {
		if _, _, gone := p.People.WaitingSlack(token); gone != nil {
			return err // that was the last try
		}
		return p.showSlack(x, token, x.say.refused(why))
	}
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head: x.say.text("Touch to be known in Slack"),
		Lead: x.say.text("Whoever is user {user} of workspace {team} in Slack is told there what you may see, and can decline, ask and take back as you. Nobody can approve there.",
			"user", u.User, "team", u.Team),
		Statement: ask.Text, domain: statement.ForSlack, Options: string(ask.Options), ID: ask.ID,
		To: "/me/slack/sign", Back: "/me/slack?l=" + token, Until: until,
	})
}

// slackBound counts a signed link.
func (p *Portal) slackBound(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	if err := p.People.BindSlack(x.r.Context(), x.who.ID, body.ID, body.Credential); err != nil {
		return p.noteCopy(x, err)
	}
	return x.next("/me/slack")
}
