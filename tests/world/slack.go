package world

import (
	"encoding/json"
	"testing"

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
