package world

import (
	"encoding/json"
	"net/netip"
	"testing"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// BindSlack has h sign that they are a user of Slack.
func (w *World) BindSlack(t testing.TB, h *Human, team, user string) {
	t.Helper()
	l, err := w.People.BeginSlack(team, user)
	must(t, err)
	ask, err := w.People.PrepareSlack(t.Context(), h.ID, l.Token, l.Number)
	must(t, err)
	a, err := json.Marshal(w.Sign(t, h, statement.ForSlack, ask.Text))
	must(t, err)
	must(t, w.People.BindSlack(t.Context(), h.ID, ask.ID, a))
}

// Begin opens a session of h under a grant for nord's login, with the touch that it takes.
func (w *World) Begin(t testing.TB, h *Human) (leave func()) {
	t.Helper()
	v, a, err := w.Visit(t, h, gateway.Knock{
		Who: h.Principal, Key: ssh.FingerprintSHA256(h.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"),
		Do: policy.Shell, On: "db1.prod", Login: "support_nord",
	})
	if err != nil || v == nil {
		t.Fatalf("got %+v, %v", a.Decision, err)
	}
	return v.Leave
}
