package portal

import (
	"crypto/ed25519"
	"crypto/rand"
	"net/netip"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/identity"
)

// matrixOfLogins is the part of the table about terminals that log in: whoever is
// a member may, having the link and the number.
func (s *stage) matrixOfLogins() []matrixRow {
	members := func(status int) [8]int {
		return [8]int{401, status, status, status, status, status, status, 403}
	}
	n := byte(0)
	waits := func(cell) identity.Begun {
		pub, _, err := ed25519.GenerateKey(rand.Reader)
		must(s.t, err)
		key, err := ssh.NewPublicKey(pub)
		must(s.t, err)
		n++ // a source may do so much
		at := identity.Meta{Source: netip.AddrFrom4([4]byte{198, 18, 0, n}).String()}
		b, err := s.World.People.BeginLogin(s.t.Context(), at, string(ssh.MarshalAuthorizedKey(key)), 0)
		must(s.t, err)
		return b
	}
	return []matrixRow{
		{"a terminal that logs in", "GET /l/{code}", func(c cell, v *visitor) reply { return v.get("/l/" + waits(c).Code) }, members(200)},
		{"no terminal", "GET /l/{code}", func(_ cell, v *visitor) reply { return v.get("/l/ABCDEFGH") }, members(404)},
		{"type its number", "POST /l/{code}", func(c cell, v *visitor) reply {
			b := waits(c)
			return v.post("/l/"+b.Code, "number", b.Number, "mine", "yes")
		}, members(200)},
		{"type its number elsewhere", "POST /l/{code}", func(c cell, v *visitor) reply {
			b := waits(c)
			return v.post("/l/"+b.Code, "number", b.Number)
		}, members(422)},
		{"type another", "POST /l/{code}", func(c cell, v *visitor) reply { return v.post("/l/"+waits(c).Code, "number", "00", "mine", "yes") }, members(422)},
		{"log in with nothing", "POST /l/{code}/sign", func(c cell, v *visitor) reply {
			return v.json("/l/"+waits(c).Code+"/sign", `{"id":"x","credential":{}}`)
		}, members(403)},
		{"end another's login", "POST /me/keys", func(_ cell, v *visitor) reply {
			return v.post("/me/keys", "do", "log-out", "fingerprint", "SHA256:x")
		}, members(403)},
	}
}
