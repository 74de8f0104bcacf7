package portal

import (
	"fmt"

	"lockbox/gateway/identity"
)

// matrixOfSlack is the part of the table about users of Slack who say to be
// somebody: whoever is a member may, having the link and the number.
func (s *stage) matrixOfSlack() []matrixRow {
	members := func(status int) [8]int {
		return [8]int{401, status, status, status, status, status, status, 403}
	}
	n := 0
	waits := func(cell) identity.SlackLink {
		n++
		l, err := s.World.People.BeginSlack("T024BE7LD", fmt.Sprintf("U%08d", n))
		must(s.t, err)
		return l
	}
	return []matrixRow{
		{"nobody in Slack", "GET /me/slack", func(_ cell, v *visitor) reply { return v.get("/me/slack") }, members(200)},
		{"who says to be somebody", "GET /me/slack", func(c cell, v *visitor) reply { return v.get("/me/slack?l=" + waits(c).Token) }, members(200)},
		{"a link that is none", "GET /me/slack", func(_ cell, v *visitor) reply { return v.get("/me/slack?l=x") }, members(404)},
		{"type the number of Slack", "POST /me/slack", func(c cell, v *visitor) reply {
			l := waits(c)
			return v.post("/me/slack", "do", "link", "l", l.Token, "number", l.Number)
		}, members(200)},
		{"type another one", "POST /me/slack", func(c cell, v *visitor) reply {
			return v.post("/me/slack", "do", "link", "l", waits(c).Token, "number", "00")
		}, members(422)},
		{"end what is not there", "POST /me/slack", func(_ cell, v *visitor) reply { return v.post("/me/slack", "do", "end") }, members(403)},
		{"be known with nothing signed", "POST /me/slack/sign", func(_ cell, v *visitor) reply {
			return v.json("/me/slack/sign", `{"id":"x","credential":{}}`)
		}, members(403)},
	}
}
