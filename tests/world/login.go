package world

import (
	"encoding/json"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/identity"
	"lockbox/policy/statement"
)

// LogIn has h log a terminal in, which has this key and is at source.
func (w *World) LogIn(t testing.TB, h *Human, key ssh.PublicKey, source string, life time.Duration) *ssh.Certificate {
	t.Helper()
	b, err := w.People.BeginLogin(t.Context(), identity.Meta{Source: source}, string(ssh.MarshalAuthorizedKey(key)), life)
	must(t, err)
	ask, err := w.People.PrepareLogin(t.Context(), h.ID, b.Code, b.Number)
	must(t, err)
	a, err := json.Marshal(w.Sign(t, h, statement.ForLogin, ask.Text))
	must(t, err)
	must(t, w.People.LogIn(t.Context(), h.ID, ask.ID, a))
	out, err := w.People.AwaitLogin(t.Context(), b.Secret)
	must(t, err)
	k, _, _, _, err := ssh.ParseAuthorizedKey(out.Certificate)
	must(t, err)
	return k.(*ssh.Certificate)
}
