package world

import (
	"testing"

	"lockbox/policy"
)

// Propose makes a motion of h.
func (w *World) Propose(t testing.TB, h *Human, m policy.Motion) string {
	t.Helper()
	v, err := w.Charter.Propose(t.Context(), h.Principal, m)
	must(t, err)
	return v.Motion.ID
}

// SignMotion lets h sign a motion.
func (w *World) SignMotion(t testing.TB, h *Human, id string) error {
	t.Helper()
	b, err := w.Charter.Prepare(t.Context(), h.Principal, id)
	if err != nil {
		return err
	}
	_, err = w.Charter.Sign(t.Context(), h.Principal, b.Nonce, w.Sign(t, h, b.Domain, b.Statement))
	return err
}

// Pass makes a motion of the first and lets all of them sign it.
func (w *World) Pass(t testing.TB, m policy.Motion, by ...*Human) string {
	t.Helper()
	id := w.Propose(t, by[0], m)
	for _, h := range by {
		must(t, w.SignMotion(t, h, id))
	}
	return id
}

// Admit lets the founders admit Lone, whose passkey counts from then on.
func (w *World) Admit(t testing.TB) {
	t.Helper()
	w.Pass(t, policy.Motion{Kind: policy.ToAdmit, About: w.Lone.ID, Key: w.Lone.Fingerprint}, w.Ceo, w.Cto)
	w.Lone.Admitted = true
}
