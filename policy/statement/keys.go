package statement

// A Credential says what a person's passkey is. Nobody signs it by itself: a
// CounterSign names it by its digest.
type Credential struct {
	Log      string
	Person   string // id
	Kind     string // of the person
	Customer string // whom they speak for; "none"
	Key      string // fingerprint
	Kept     string // "on one device" or "copied between devices"
	Model    string // AAGUID of the authenticator, as it says itself
	Nonce    string // 16 random bytes in hex
}

func (c *Credential) lines() []line {
	return []line{
		{"log", &c.Log}, {"person", &c.Person}, {"kind", &c.Kind}, {"customer", &c.Customer},
		{"passkey", &c.Key}, {"kept", &c.Kept}, {"authenticator", &c.Model}, {"nonce", &c.Nonce},
	}
}

// Bytes is the credential as it is counter-signed.
func (c Credential) Bytes() ([]byte, error) { return print("lockbox-credential/v1", c.lines()) }

// ParseCredential reads what Bytes wrote.
func ParseCredential(text []byte) (c Credential, err error) {
	err = parse("lockbox-credential/v1", text, c.lines())
	return c, err
}

// A CounterSign is what a passkey signs for another one of the same person.
type CounterSign struct {
	Log    string
	Person string // id
	Key    string // fingerprint of the new passkey
	Kept   string // as its Credential says
	Digest string // hex SHA-256 of its Credential
	Nonce  string
}

func (c *CounterSign) lines() []line {
	return []line{
		{"log", &c.Log}, {"person", &c.Person}, {"passkey", &c.Key}, {"kept", &c.Kept}, {"credential-sha256", &c.Digest}, {"nonce", &c.Nonce},
	}
}

// Bytes is the statement to show, hash and sign.
func (c CounterSign) Bytes() ([]byte, error) { return print("lockbox-counter-sign/v1", c.lines()) }

// ParseCounterSign reads what Bytes wrote.
func ParseCounterSign(text []byte) (c CounterSign, err error) {
	err = parse("lockbox-counter-sign/v1", text, c.lines())
	return c, err
}

// A Retire ends a passkey of one's own, signed by another.
type Retire struct {
	Log    string
	Person string // id
	Key    string // fingerprint of the passkey that ends
	Nonce  string
}

func (r *Retire) lines() []line {
	return []line{{"log", &r.Log}, {"person", &r.Person}, {"retire-passkey", &r.Key}, {"nonce", &r.Nonce}}
}

// Bytes is the statement to show, hash and sign.
func (r Retire) Bytes() ([]byte, error) { return print("lockbox-retire/v1", r.lines()) }

// ParseRetire reads what Bytes wrote.
func ParseRetire(text []byte) (r Retire, err error) {
	err = parse("lockbox-retire/v1", text, r.lines())
	return r, err
}
