package portal

import (
	"errors"

	"lockbox/gateway/identity"
	"lockbox/policy/statement"
)

// A keysPage is what the reader holds.
type keysPage struct {
	Passkeys []passkeyFacts
	SSHKeys  []identity.SSHKey
	Typed    string
	Wrong    string
}

type passkeyFacts struct {
	identity.Credential
	Key  keyFacts
	This bool // the session was opened with it
}

// keys shows /me/keys.
func (p *Portal) keys(x *exchange) error { return p.showKeys(x, "", "") }

func (p *Portal) showKeys(x *exchange, typed, wrong string) error {
	held, err := p.People.Passkeys(x.r.Context(), x.who.ID)
	if err != nil {
		return err
	}
	page := keysPage{Typed: typed, Wrong: wrong}
	for _, c := range held {
		page.Passkeys = append(page.Passkeys, passkeyFacts{c, fingerprint(c.Fingerprint), c.Fingerprint == x.who.Fingerprint})
	}
	if page.SSHKeys, err = p.People.SSHKeys(x.r.Context(), x.who.ID); err != nil {
		return err
	}
	return x.show(status(wrong), "keys", "My keys", page)
}

// changeKeys begins to add an SSH key, or removes one.
func (p *Portal) changeKeys(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	switch x.value("do") {
	case "remove":
		if err := p.People.RemoveSSHKey(x.r.Context(), x.who.ID, x.value("fingerprint")); err != nil {
			return err
		}
		return x.see("/me/keys")
	case "add":
		return p.beginKey(x)
	}
	return errBody
}

func (p *Portal) beginKey(x *exchange) error {
	line := x.value("line")
	if line == "" {
		return p.showKeys(x, "", x.say.text("Paste one line, as in ~/.ssh/id_ed25519.pub."))
	}
	ask, err := p.People.BeginSSHKey(x.r.Context(), x.who.ID, line)
	if r := new(identity.Refusal); errors.As(err, &r) {
		return p.showKeys(x, line, sentence(r.Why))
	}
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head:      x.say.text("Add an SSH key"),
		Lead:      x.say.text("This SSH key becomes yours: it opens the gateway as you. Compare its fingerprint with `ssh-keygen -l`."),
		Statement: ask.Text, domain: statement.ForSSHKey, Options: string(ask.Options), ID: ask.ID,
		To: "/me/keys/sign", Back: "/me/keys",
	})
}

func (p *Portal) addKey(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	if _, err := p.People.AddSSHKey(x.r.Context(), body.ID, body.Credential); err != nil {
		return err
	}
	return x.next("/me/keys")
}
