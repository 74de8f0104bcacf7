package world

import (
	"crypto/x509"
	"testing"

	"github.com/descope/virtualwebauthn"
	"golang.org/x/crypto/ssh"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// Add makes one more passkey of h, on another device; nobody has signed for it.
func (w *World) Add(t testing.TB, h *Human) (*Human, error) {
	t.Helper()
	return w.AddKey(t, h, newCredential(), false)
}

// AddKey is Add with this key. A synced one may be copied.
func (w *World) AddKey(t testing.TB, h *Human, key virtualwebauthn.Credential, synced bool) (*Human, error) {
	t.Helper()
	a, err := w.People.BeginPasskey(t.Context(), identity.Login{Principal: h.Principal, Fingerprint: h.Fingerprint})
	if err != nil {
		return nil, err
	}
	o, err := virtualwebauthn.ParseAttestationOptions(string(a.Options))
	must(t, err)
	made := &Human{Principal: h.Principal, SSH: h.SSH, auth: virtualwebauthn.NewAuthenticator(), cred: key}
	made.auth.Options.BackupEligible, made.auth.Options.BackupState = synced, synced
	c, err := w.People.AddPasskey(t.Context(), h.ID, a.ID, []byte(virtualwebauthn.CreateAttestationResponse(relyingParty(), made.auth, made.cred, *o)), identity.Meta{})
	made.auth.AddCredential(made.cred)
	made.Fingerprint = c.Fingerprint
	return made, err
}

// CounterSign lets a passkey sign for a new one.
func (w *World) CounterSign(t testing.TB, by, made *Human) error {
	t.Helper()
	a, err := w.People.BeginCounterSign(t.Context(), made.ID, made.Fingerprint)
	if err != nil {
		return err
	}
	return w.People.CounterSign(t.Context(), made.ID, a.ID, by.Answer(t, a.Options))
}

// Second makes one more passkey of h that counts.
func (w *World) Second(t testing.TB, h *Human) *Human {
	t.Helper()
	made, err := w.Add(t, h)
	must(t, err)
	must(t, w.CounterSign(t, h, made))
	return made
}

// Recover carries a motion to recover h, and gives the link that the first of by gets.
func (w *World) Recover(t testing.TB, h *Human, by ...*Human) string {
	t.Helper()
	id := w.Pass(t, policy.Motion{Kind: policy.ToRecover, Customer: h.Customer, About: h.ID, Text: "lost the phone"}, by...)
	token, err := w.People.RecoveryLink(t.Context(), by[0].ID, id)
	must(t, err)
	return token
}

// Anew uses the link of a recovery.
func (w *World) Anew(t testing.TB, token string) (*Human, error) {
	t.Helper()
	_, options, err := w.People.BeginEnroll(t.Context(), token, identity.Meta{})
	if err != nil {
		return nil, err
	}
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	must(t, err)
	h := &Human{auth: virtualwebauthn.NewAuthenticator(), cred: newCredential()}
	done, err := w.People.FinishEnroll(t.Context(), token, []byte(virtualwebauthn.CreateAttestationResponse(relyingParty(), h.auth, h.cred, *o)), identity.Meta{})
	h.auth.AddCredential(h.cred)
	h.Fingerprint, h.Principal = done.Fingerprint, done.Principal
	return h, err
}

// Twins are one key as a passkey and as an SSH key.
func Twins(t testing.TB) (virtualwebauthn.Credential, ssh.PublicKey) {
	t.Helper()
	c := newCredential()
	k, err := x509.ParsePKCS8PrivateKey(c.Key.Data)
	must(t, err)
	s, err := ssh.NewSignerFromKey(k)
	must(t, err)
	return c, s.PublicKey()
}

// Touch signs a statement, asked for or not: also with a passkey that does not count.
func (h *Human) Touch(t testing.TB, d statement.Domain, text []byte) statement.Assertion {
	t.Helper()
	a, err := statement.ParseAssertion([]byte(virtualwebauthn.CreateAssertionResponse(relyingParty(), h.auth, h.cred,
		virtualwebauthn.AssertionOptions{Challenge: statement.Challenge(d, text), RelyingPartyID: Party().ID})))
	must(t, err)
	return a
}
