package portal

import (
	"encoding/json"
	"errors"
	"net/http"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// An invitePage is whom an enrolment link is for.
type invitePage struct {
	identity.Invite
	Role string
	Path string
}

// invitation shows /enroll/{token}. Opening it, as mail scanners do, uses nothing up.
func (p *Portal) invitation(x *exchange) error {
	v, err := p.People.Invited(x.r.Context(), x.r.PathValue("token"), x.meta())
	if err != nil {
		return badLink(err)
	}
	role := x.role(policy.Principal{Kind: v.Kind, Customer: v.Customer})
	return x.show(ok, "enroll", "Make your passkey", invitePage{v, role, x.r.URL.Path})
}

// badLink says what identity says of a link, as a page that is not there.
func badLink(err error) error {
	if r := new(identity.Refusal); errors.As(err, &r) {
		return &problem{http.StatusNotFound, "This link cannot be used", sentence(r.Why)}
	}
	return err
}

func (p *Portal) beginEnroll(x *exchange) error {
	var body struct{}
	if err := x.json(&body); err != nil {
		return err
	}
	_, options, err := p.People.BeginEnroll(x.r.Context(), x.r.PathValue("token"), x.meta())
	if err != nil {
		return err
	}
	return x.answer(ok, map[string]any{"options": options})
}

// An enrolled answer is what the page fills itself with.
type enrolledAnswer struct {
	State       string     `json:"state"` // "founded", "confirmed" or "waiting"
	Fingerprint string     `json:"fingerprint"`
	Words       string     `json:"words"`
	SSHKey      *keyToSign `json:"ssh_key,omitempty"`
}

type keyToSign struct {
	ID      string          `json:"id"`
	Text    string          `json:"text"`
	Words   string          `json:"words"`
	Options json.RawMessage `json:"options"`
}

func (p *Portal) enroll(x *exchange) error {
	var body struct {
		Credential json.RawMessage `json:"credential"`
	}
	if err := x.json(&body); err != nil {
		return err
	}
	e, err := p.People.FinishEnroll(x.r.Context(), x.r.PathValue("token"), body.Credential, x.meta())
	if err != nil {
		return err
	}
	a := enrolledAnswer{State: "waiting", Fingerprint: e.Fingerprint, Words: fingerprintWords(e.Fingerprint)}
	switch {
	case e.Founded:
		a.State = "founded"
	case e.Confirmed:
		a.State = "confirmed"
	}
	if k := e.SSHKey; k != nil {
		a.SSHKey = &keyToSign{k.ID, string(k.Text), inWords(statement.Challenge(statement.ForSSHKey, k.Text)), k.Options}
	}
	return x.answer(ok, a)
}

// enrollSSHKey ties the SSH key of the invitation to the passkey just made.
func (p *Portal) enrollSSHKey(x *exchange) error { return p.addKey(x) }
