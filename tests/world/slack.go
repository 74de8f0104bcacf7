package world

import (
	"encoding/json"
	"net/netip"
	"testing"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder"
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
func (w *World) Begin(t testing.TB, h *Human) (leave func()) { return w.begin(t, h).Leave }

// Work is Begin, and does something there: a command, two files and 31 statements.
func (w *World) Work(t testing.TB, h *Human) (leave func()) {
	v := w.begin(t, h)
	track, err := v.Track(recorder.Header{Kind: "exec", Command: "psql -c 'select cpr from people'"})
	must(t, err)
	must(t, track.Exit(3))
	must(t, track.Close())
	v.Exited("3")
	v.Filed(gateway.File{Op: "get", Path: "/srv/people.csv", Bytes: 4 << 20, Status: "ok"}, 0)
	v.Filed(gateway.File{Op: "put", Path: "/srv/fix.sql", Bytes: 300 << 10, Status: "ok"}, 0)
	v.Count("statements", 31)
	return v.Leave
}

func (w *World) begin(t testing.TB, h *Human) *gateway.Visit {
	t.Helper()
	v, a, err := w.Visit(t, h, gateway.Knock{
		Who: h.Principal, Key: ssh.FingerprintSHA256(h.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"),
		Do: policy.Shell, On: "db1.prod", Login: "support_nord",
	})
	if err != nil || v == nil {
		t.Fatalf("got %+v, %v", a.Decision, err)
	}
	return v
}
