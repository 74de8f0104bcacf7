package portal

import (
	"fmt"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/tests/world"
)

// promised makes a new grant of Eng that waits for a promise.
func (c cell) promised() string {
	c.stage.t.Helper()
	code := c.code()
	b, err := c.Desk().Prepare(c.stage.t.Context(), c.Ceo.Principal, code, policy.Terms{Promise: "only the two rows"})
	must(c.stage.t, err)
	_, err = c.Desk().Approve(c.stage.t.Context(), c.Ceo.Principal, b.Nonce, c.World.Sign(c.stage.t, c.Ceo, statement.ForApproval, b.Statement))
	must(c.stage.t, err)
	must(c.stage.t, c.World.Approve(c.stage.t, c.Ann, code))
	return code
}

// boardMotion makes a motion of Cto's to admit Lone, when none is open.
func (c cell) boardMotion() string {
	return c.motion(c.Cto, policy.Motion{Kind: policy.ToAdmit, About: c.Lone.ID, Name: c.Lone.Name, Key: c.Lone.Fingerprint})
}

// nordMotion makes a motion of Ann's on nord's settings, when none is open.
func (c cell) nordMotion() string {
	return c.motion(c.Ann, policy.Motion{Kind: policy.ToSet, Customer: "nord", Quorum: 1})
}

func (c cell) motion(by *world.Human, m policy.Motion) string {
	c.stage.t.Helper()
	v, err := c.Portal.Charter.Propose(c.stage.t.Context(), by.Principal, m)
	must(c.stage.t, err)
	return v.Motion.ID
}

// matrixOfMotions is the part of the table about threads, terms and motions.
func (s *stage) matrixOfMotions() []matrixRow {
	members := [8]int{401, 200, 200, 200, 200, 200, 200, 403}
	return []matrixRow{
		{"ask a question, board", "POST /a/{code}", func(c cell, v *visitor) reply {
			return v.post("/a/"+c.code(), "do", "say", "text", "which two rows?")
		}, [8]int{401, 303, 404, 303, 303, 404, 403, 403}},
		{"answer", "POST /r/{code}", func(c cell, v *visitor) reply {
			return v.post("/r/"+c.code(), "do", "say", "text", "rows 7 and 9")
		}, [8]int{401, 303, 404, 303, 303, 404, 403, 403}},
		{"promise", "POST /r/{code}", func(c cell, v *visitor) reply { return v.post("/r/"+c.promised(), "do", "accept") },
			[8]int{401, 303, 404, 403, 403, 404, 403, 403}},
		{"more time, not in use", "POST /r/{code}", func(c cell, v *visitor) reply {
			return v.post("/r/"+c.grant(), "do", "extend", "more", "30", "why", "one row is left to mend")
		}, [8]int{401, 422, 404, 403, 403, 404, 403, 403}},
		{"nonsense", "POST /r/{code}", func(c cell, v *visitor) reply { return v.post("/r/"+c.code(), "do", "own") },
			[8]int{401, 400, 404, 400, 400, 404, 400, 403}},
		{"history", "GET /history", get(same("/history")), members},
		{"history of nothing", "GET /history", get(same("/history?before=../x")), [8]int{401, 404, 404, 404, 404, 404, 404, 403}},

		{"motion of the board", "GET /m/{code}", get(func(c cell) string { return "/m/" + c.boardMotion() }), [8]int{401, 404, 404, 200, 404, 404, 200, 403}},
		{"motion of a customer", "GET /m/{code}", get(func(c cell) string { return "/m/" + c.nordMotion() }), [8]int{401, 404, 404, 404, 200, 404, 200, 403}},
		{"sheet of a motion", "POST /m/{code}", func(c cell, v *visitor) reply { return v.post("/m/"+c.boardMotion(), "do", "sign") },
			[8]int{401, 404, 404, 200, 404, 404, 403, 403}},
		{"no to a motion", "POST /m/{code}", func(c cell, v *visitor) reply {
			return v.post("/m/"+c.boardMotion(), "do", "oppose", "comment", "no")
		}, [8]int{401, 404, 404, 303, 404, 404, 403, 403}},
		{"end a motion of Ann's", "POST /m/{code}", func(c cell, v *visitor) reply { return v.post("/m/"+c.nordMotion(), "do", "end") },
			[8]int{401, 404, 404, 404, 303, 404, 403, 403}},
		{"sign with Ceo's ballot", "POST /m/{code}/sign", func(c cell, v *visitor) reply {
			_, err := s.Portal.Charter.End(s.t.Context(), s.Cto.Principal, c.boardMotion(), "")
			must(s.t, err)
			b, err := s.Portal.Charter.Prepare(s.t.Context(), s.Ceo.Principal, c.boardMotion())
			must(s.t, err)
			return v.json("/m/"+b.Motion+"/sign", fmt.Sprintf(`{"id":%q,"credential":%s}`, b.Nonce, c.signature(b.Domain, b.Statement)))
		}, [8]int{401, 404, 404, 200, 404, 404, 404, 403}},

		{"propose to admit an executive", "POST /people", func(_ cell, v *visitor) reply {
			return v.post("/people", "do", "admit", "fingerprint", s.Lone.Fingerprint)
		}, [8]int{401, 404, 404, 303, 404, 404, 404, 403}},
		{"customers", "GET /customers", get(same("/customers")), [8]int{401, 404, 404, 200, 200, 200, 200, 403}},
		{"propose settings", "POST /customers", func(_ cell, v *visitor) reply {
			return v.post("/customers", "do", "settings", "consent", "notice", "quorum", "1")
		}, [8]int{401, 404, 404, 404, 303, 303, 404, 403}},
		{"delegation", "GET /me/delegation", get(same("/me/delegation")), members},
		{"delegate to Lone", "POST /me/delegation", func(_ cell, v *visitor) reply {
			day := time.Now().Add(48 * time.Hour).Format(time.DateOnly)
			return v.post("/me/delegation", "deputy", s.Lone.Fingerprint, "until-date", day, "until-time", "12:00", "until-zone", "UTC")
		}, [8]int{401, 403, 403, 200, 422, 422, 403, 403}},
		{"declaration", "GET /me/declaration", get(same("/me/declaration")), members},
		{"declare", "POST /me/declaration", func(_ cell, v *visitor) reply {
			return v.post("/me/declaration", "digest", s.World.Policy().Declaration.Digest())
		}, members},
		{"policy", "GET /policy", get(same("/policy")), members},
	}
}
