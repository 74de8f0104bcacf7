package portal

import (
	"errors"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/policy/statement"
)

// A keysPage is what the reader holds.
type keysPage struct {
	Passkeys []passkeyFacts
	SSHKeys  []identity.SSHKey
	Logins   []identity.SSHLogin
	Member   bool // the session was opened with a passkey that is confirmed
	Adds     bool // … or may bring in another
	Few      bool // fewer than two of the passkeys count, or would
	Seat     bool // the reader's kind decides, by passkeys that are pinned
	Typed    string
	Wrong    string
	Told     bool // there is a page on how the reader is told
}

type passkeyFacts struct {
	identity.Held
	Key  keyFacts
	This bool // the session was opened with it
	Ends bool // another one counts: this one can be given up
}

// keys shows /me/keys.
func (p *Portal) keys(x *exchange) error { return p.showKeys(x, "", "") }

func (p *Portal) showKeys(x *exchange, typed, wrong string) error {
	held, err := p.People.Held(x.r.Context(), x.who.ID)
	if err != nil {
		return err
	}
	page := keysPage{
		Told:  p.Settings != nil && x.who.Confirmed,
		Typed: typed, Wrong: wrong, Member: x.who.Confirmed, Adds: x.who.Confirmed || !x.who.Later, Few: few(held),
		Seat: x.who.Kind == policy.Executive || x.who.Kind == policy.Reviewer,
	}
	good := counting(held)
	for _, c := range held {
		others := good
		if c.Why == "" {
			others--
		}
		page.Passkeys = append(page.Passkeys, passkeyFacts{c, fingerprint(c.Fingerprint), c.Fingerprint == x.who.Fingerprint, page.Member && others > 0})
	}
	if page.SSHKeys, err = p.People.SSHKeys(x.r.Context(), x.who.ID); err != nil {
		return err
	}
	if page.Logins, err = p.People.SSHLogins(x.r.Context(), x.who.ID); err != nil {
		return err
	}
	return x.show(status(wrong), "keys", "My keys", page)
}

func counting(held []identity.Held) (n int) {
	for _, c := range held {
		if c.Why == "" {
			n++
		}
	}
	return n
}

// few says whether somebody would be locked out by losing one passkey.
func few(held []identity.Held) bool {
	n := 0
	for _, c := range held {
		if c.Locked.IsZero() && !c.Signs {
			n++
		}
	}
	return n < 2
}

// changeKeys begins to add an SSH key, removes one, or begins what another passkey signs.
func (p *Portal) changeKeys(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	do := x.value("do")
	if do == "counter-sign" {
		return p.beginCounterSign(x)
	}
	if !x.who.Confirmed {
		return x.askPatience()
	}
	switch do {
	case "remove":
		if err := p.People.RemoveSSHKey(x.r.Context(), x.who.ID, x.value("fingerprint")); err != nil {
			return err
		}
		return x.see("/me/keys")
	case "log-out":
		if err := p.People.EndLogin(x.r.Context(), x.who.ID, x.value("fingerprint")); err != nil {
			return err
		}
		return x.see("/me/keys")
	case "add":
		return p.beginKey(x)
	case "retire":
		return p.beginRetire(x)
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
		return p.showKeys(x, line, x.say.refused(r.Why))
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
