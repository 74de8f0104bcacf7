package portal

import (
	"lockbox/policy/statement"
)

// beginPasskey starts the registration of one more passkey of the reader's.
func (p *Portal) beginPasskey(x *exchange) error {
	var body struct{}
	if err := x.json(&body); err != nil {
		return err
	}
	ask, err := p.People.BeginPasskey(x.r.Context(), x.who)
	if err != nil {
		return err
	}
	return x.answer(ok, map[string]any{"id": ask.ID, "options": ask.Options})
}

// addPasskey takes the passkey that the browser made.
func (p *Portal) addPasskey(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	if _, err := p.People.AddPasskey(x.r.Context(), x.who.ID, body.ID, body.Credential, x.meta()); err != nil {
		return err
	}
	return x.next("/me/keys")
}

// beginCounterSign shows the sheet by which another passkey signs for a new one.
func (p *Portal) beginCounterSign(x *exchange) error {
	ask, err := p.People.BeginCounterSign(x.r.Context(), x.who.ID, x.value("fingerprint"))
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head:      x.say.text("Sign for your new passkey"),
		Lead:      x.say.text("Sign with a passkey of yours that counts already, not with the new one. From then on the new one counts as far as the one that signed."),
		Statement: ask.Text, domain: statement.ForCounterSign, Options: string(ask.Options), ID: ask.ID,
		To: "/me/keys/counter-sign", Back: "/me/keys",
	})
}

func (p *Portal) counterSign(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	if err := p.People.CounterSign(x.r.Context(), x.who.ID, body.ID, body.Credential); err != nil {
		return err
	}
	return x.next("/me/keys")
}

// beginRetire shows the sheet by which another passkey ends one.
func (p *Portal) beginRetire(x *exchange) error {
	ask, err := p.People.BeginRetire(x.r.Context(), x.who.ID, x.value("fingerprint"))
	if err != nil {
		return err
	}
	return x.sign(sheet{
		Head: x.say.text("Remove a passkey"),
		Lead: x.say.text("Sign with another passkey of yours. The one named below ends at once and for ever."),
		Effect: []string{
			x.say.text("SSH keys that it signed for end with it; add them again with another passkey."),
			x.say.text("Passkeys that it signed for decide nothing any more, unless others have admitted them."),
		},
		Statement: ask.Text, domain: statement.ForRetire, Options: string(ask.Options), ID: ask.ID,
		To: "/me/keys/retire", Back: "/me/keys",
	})
}

func (p *Portal) retire(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	if err := p.People.Retire(x.r.Context(), x.who.ID, body.ID, body.Credential); err != nil {
		return err
	}
	return x.next("/me/keys")
}
