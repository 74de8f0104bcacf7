package world

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// A Human holds a passkey and an SSH key in software.
type Human struct {
	policy.Principal
	SSH         ssh.Signer // nil without an SSH key
	Fingerprint string     // of the passkey

	auth virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential
}

func relyingParty() virtualwebauthn.RelyingParty {
	return virtualwebauthn.RelyingParty{ID: Party().ID, Name: "Lockbox", Origin: Party().Origins[0]}
}

// newCredential makes a key whose coordinates have no leading zero: the
// library drops such bytes, which no authenticator does (1 key in 128).
func newCredential() virtualwebauthn.Credential {
	const whole = 77 // bytes of a COSE P-256 key
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == whole {
			return c
		}
	}
}

// populate enrols everybody, founds the executives and reviewers, and confirms Mate.
func (w *World) populate(t testing.TB) {
	t.Helper()
	w.Eng = w.Enrol(t, identity.Invite{ID: "eng@x.eu", Name: "Eng", Kind: policy.Staff, Founds: true}, true)
	w.Ceo = w.Enrol(t, identity.Invite{ID: "ceo@x.eu", Name: "Ceo", Kind: policy.Executive}, false)
	w.Cto = w.Enrol(t, identity.Invite{ID: "cto@x.eu", Name: "Cto", Kind: policy.Executive}, false)
	w.Ann = w.Enrol(t, identity.Invite{ID: "ann@nord.x", Name: "Ann", Kind: policy.Reviewer, Customer: "nord"}, false)
	w.Bo = w.Enrol(t, identity.Invite{ID: "bo@syd.x", Name: "Bo", Kind: policy.Reviewer, Customer: "syd"}, false)
	must(t, w.People.Found(t.Context(), []string{w.Ceo.Fingerprint, w.Cto.Fingerprint},
		map[string][]string{"nord": {w.Ann.Fingerprint}, "syd": {w.Bo.Fingerprint}}))
	for _, h := range []*Human{w.Ceo, w.Cto, w.Ann, w.Bo} {
		h.Admitted = true // as a session of theirs says
	}
	w.Mate = w.Enrol(t, identity.Invite{ID: "mate@x.eu", Name: "Mate", Kind: policy.Staff}, true)
	w.Confirm(t, w.Cto, w.Mate)
	w.Lone = w.Enrol(t, identity.Invite{ID: "lone@x.eu", Name: "Lone", Kind: policy.Executive}, false)
	w.Confirm(t, w.Cto, w.Lone)
}

// Enrol gives a person a passkey, and an SSH key if asked, through an enrolment link.
func (w *World) Enrol(t testing.TB, v identity.Invite, withSSH bool) *Human {
	t.Helper()
	h := &Human{Principal: policy.Principal{ID: v.ID, Name: v.Name, Kind: v.Kind, Customer: v.Customer}}
	if withSSH {
		_, priv, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		h.SSH, err = ssh.NewSignerFromKey(priv)
		must(t, err)
		v.SSHKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(h.SSH.PublicKey())))
	}
	token, err := w.People.NewLink(t.Context(), "operator@localhost", v)
	must(t, err)
	_, options, err := w.People.BeginEnroll(t.Context(), token, identity.Meta{})
	must(t, err)
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	must(t, err)
	h.auth = virtualwebauthn.NewAuthenticator()
	h.auth.Options.UserHandle = []byte(o.UserID) // by which they sign in without saying who they are
	h.cred = newCredential()
	made := virtualwebauthn.CreateAttestationResponse(relyingParty(), h.auth, h.cred, *o)
	done, err := w.People.FinishEnroll(t.Context(), token, []byte(made), identity.Meta{})
	must(t, err)
	h.auth.AddCredential(h.cred)
	h.Fingerprint, h.Principal = done.Fingerprint, done.Principal
	if done.SSHKey != nil {
		_, err := w.People.AddSSHKey(t.Context(), done.SSHKey.ID, h.Answer(t, done.SSHKey.Options))
		must(t, err)
	}
	return h
}

// Confirm lets by compare the fingerprint of h and sign that it is theirs.
func (w *World) Confirm(t testing.TB, by, h *Human) {
	t.Helper()
	a, err := w.People.BeginVouch(t.Context(), by.ID, h.ID, h.Fingerprint)
	must(t, err)
	must(t, w.People.Vouch(t.Context(), a.ID, by.Answer(t, a.Options)))
	p, err := w.People.Person(t.Context(), h.ID)
	must(t, err)
	h.Principal = p.Principal
}

// Answer is what the browser sends for navigator.credentials.get with these options.
func (h *Human) Answer(t testing.TB, options json.RawMessage) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	must(t, err)
	return []byte(virtualwebauthn.CreateAssertionResponse(relyingParty(), h.auth, h.cred, *o))
}

// Sign signs a statement with the passkey.
func (w *World) Sign(t testing.TB, h *Human, d statement.Domain, text []byte) statement.Assertion {
	t.Helper()
	o, err := w.People.Options(t.Context(), h.ID, d, text)
	must(t, err)
	a, err := statement.ParseAssertion(h.Answer(t, o))
	must(t, err)
	return a
}

// Ask submits a request of h for deploy (all customers) or, with a customer, for its support login.
func (w *World) Ask(t testing.TB, h *Human, customer string, long time.Duration) string {
	t.Helper()
	login := "deploy"
	if customer != "" {
		login = "support_" + customer
	}
	v, err := w.Desk.Submit(t.Context(), h.Principal, approvals.Application{
		Target: "db1.prod", Login: login, Do: policy.Shell, For: long, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"},
	})
	must(t, err)
	return v.Request.ID
}

// Approve lets h sign and cast a vote.
func (w *World) Approve(t testing.TB, h *Human, code string) error {
	t.Helper()
	b, err := w.Desk.Prepare(t.Context(), h.Principal, code, policy.Terms{})
	if err != nil {
		return err
	}
	_, err = w.Desk.Approve(t.Context(), h.Principal, b.Nonce, w.Sign(t, h, b.Domain(), b.Statement))
	return err
}

// Grant gets h a grant for one customer's login.
func (w *World) Grant(t testing.TB, h *Human, long time.Duration) string {
	t.Helper()
	code := w.Ask(t, h, "nord", long)
	must(t, w.Approve(t, w.Ceo, code))
	must(t, w.Approve(t, w.Ann, code))
	return code
}

// Touch lets h type the number of the terminal and touch.
func (w *World) Touch(t testing.TB, h *Human, at approvals.Terminal) {
	t.Helper()
	asked, err := w.Desk.AskTouch(t.Context(), at)
	must(t, err)
	w.TouchNumber(t, h, asked.ID, asked.Number)
}

// TouchNumber types a number and touches.
func (w *World) TouchNumber(t testing.TB, h *Human, id, number string) {
	t.Helper()
	shown, err := w.Desk.PrepareTouch(t.Context(), h.Principal, id, number)
	must(t, err)
	must(t, w.Desk.Touched(t.Context(), h.Principal, id, w.Sign(t, h, statement.ForTouch, shown.Statement)))
}

// Visit opens a session for a knock, with the touch it takes.
func (w *World) Visit(t testing.TB, h *Human, k gateway.Knock) (*gateway.Visit, gateway.Answer, error) {
	t.Helper()
	a, err := w.Gateway.Enter(t.Context(), k)
	if err == nil && a.Verdict == policy.Prove {
		w.Touch(t, h, a.Terminal)
	}
	return w.Gateway.Visit(t.Context(), k)
}
