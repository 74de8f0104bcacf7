package portal

// matrixOfNotices is the part of the table about how people are told: one's own is
// everybody's, who is reached only for those who answer for the gateway.
func (s *stage) matrixOfNotices() []matrixRow {
	members := func(status int) [8]int {
		return [8]int{401, status, status, status, status, status, status, 403}
	}
	keepers := func(status int) [8]int { return [8]int{401, 404, 404, status, 404, 404, 404, 403} }
	board := func(status int) [8]int { return [8]int{401, 404, 404, status, 404, 404, max(status, 200), 403} }
	return []matrixRow{
		{"how one is told", "GET /me/notify", get(same("/me/notify")), members(200)},
		{"change it", "POST /me/notify", func(_ cell, v *visitor) reply {
			return v.post("/me/notify", "do", "save", "lang", "da", "from", "22:00", "to", "07:00", "zone", "UTC")
		}, members(303)},
		{"change it to nonsense", "POST /me/notify", func(_ cell, v *visitor) reply {
			return v.post("/me/notify", "do", "save", "mail", "a@b.eu, c@d.eu")
		}, members(422)},
		{"try it, where nothing reaches one", "POST /me/notify", func(_ cell, v *visitor) reply { return v.post("/me/notify", "do", "test") }, members(422)},
		{"who is reached", "GET /reach", get(same("/reach")), keepers(200)},
		{"who would be asked", "GET /reach", get(same("/reach?as=eng@x.eu&on=db1.prod")), keepers(200)},
		{"who would be asked of nobody", "GET /reach", get(same("/reach?as=nobody@x.eu&on=db1.prod")), keepers(422)},
		{"the weeks", "GET /digest", get(same("/digest")), board(200)},
		{"a week", "GET /digest/{week}", get(func(c cell) string { return "/digest/" + c.week() }), board(200)},
		{"a week that is not there", "GET /digest/{week}", get(same("/digest/2019-W01")), board(404)},
		{"say that one read it", "POST /digest/{week}", func(c cell, v *visitor) reply {
			return v.post("/digest/"+c.week(), "do", "review")
		}, [8]int{401, 404, 404, 200, 404, 404, 422, 403}},
		{"try again", "POST /reach", func(_ cell, v *visitor) reply { return v.post("/reach", "number", "1") }, keepers(303)},
	}
}
