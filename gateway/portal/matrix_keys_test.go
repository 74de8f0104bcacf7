package portal

import (
	"lockbox/policy"
)

// matrixOfKeys is the part of the table about passkeys, recovery and erasure.
func (s *stage) matrixOfKeys() []matrixRow {
	refused := [8]int{401, 403, 403, 403, 403, 403, 403, 403}
	nothing := func(path string) func(cell, *visitor) reply {
		return func(_ cell, v *visitor) reply { return v.json(path, `{"id":"x","credential":{}}`) }
	}
	return []matrixRow{
		{"begin a second passkey", "POST /me/keys/passkey/begin", func(_ cell, v *visitor) reply {
			return v.json("/me/keys/passkey/begin", `{}`)
		}, [8]int{401, 200, 200, 200, 200, 200, 200, 200}}, // who waits may make a second one
		{"enrol a second: nothing", "POST /me/keys/passkey", nothing("/me/keys/passkey"), refused},
		{"enrol a second: sign with nothing", "POST /me/keys/counter-sign", nothing("/me/keys/counter-sign"), refused},
		{"retire with nothing", "POST /me/keys/retire", nothing("/me/keys/retire"), refused},
		{"counter-sign another's", "POST /me/keys", func(_ cell, v *visitor) reply {
			return v.post("/me/keys", "do", "counter-sign", "fingerprint", s.Cto.Fingerprint)
		}, refused},
		{"retire another's", "POST /me/keys", func(_ cell, v *visitor) reply {
			return v.post("/me/keys", "do", "retire", "fingerprint", s.Cto.Fingerprint)
		}, refused},
		{"recover, board", "POST /people", func(_ cell, v *visitor) reply {
			return v.post("/people", "do", "recover", "person", s.Mate.ID, "why", "lost the phone")
		}, [8]int{401, 404, 404, 303, 404, 404, 404, 403}},
		{"erase, board", "POST /people", func(_ cell, v *visitor) reply { // nobody knows here who has access
			return v.post("/people", "do", "erase", "person", s.Mate.ID, "why", "left")
		}, [8]int{401, 404, 404, 422, 404, 404, 404, 403}},
		{"erase a recording, board", "POST /people", func(_ cell, v *visitor) reply { // there is none
			return v.post("/people", "do", "shred", "session", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "shred-why", "asked for")
		}, [8]int{401, 404, 404, 422, 404, 404, 404, 403}},
		{"erase a recording, customer", "POST /customers", func(_ cell, v *visitor) reply {
			return v.post("/customers", "do", "shred", "session", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "shred-why", "asked for")
		}, [8]int{401, 404, 404, 404, 422, 422, 404, 403}},
		{"recover, customer", "POST /customers", func(_ cell, v *visitor) reply { // Ann and Bo are alone with their customers
			return v.post("/customers", "do", "recover", "person", s.Ann.ID, "why", "lost the phone")
		}, [8]int{401, 404, 404, 404, 422, 422, 404, 403}},
		{"link of what has not passed", "POST /m/{code}", func(c cell, v *visitor) reply {
			code := c.motion(c.Cto, policy.Motion{Kind: policy.ToRecover, About: c.Mate.ID, Text: "lost the phone"})
			return v.post("/m/"+code, "do", "link")
		}, [8]int{401, 404, 403, 403, 404, 404, 403, 403}},
	}
}
