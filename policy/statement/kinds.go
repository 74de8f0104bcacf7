package statement

// An Approval is what an approver signs. All values are shown as they are.
type Approval struct {
	Log        string // name of the ledger: "lockbox.example"
	Request    string // short code
	Digest     string // hex SHA-256 of the request as it was made
	Requester  string
	Reason     string
	Need       string
	Ticket     string
	Target     string
	Machine    string // hex SHA-256 of what makes the target that machine
	Login      string
	Customers  string // concerned, comma separated
	May        string // actions, comma separated
	MayNot     string // those asked for that this yes does not give; "none"
	Window     string // as time.Duration prints it
	NotBefore  string // in UTC; "none"
	Start      string // how soon after the last approval it must be used
	Recording  string
	Conditions string // what is enforced besides: "read only", "no file transfer", "nothing passes while none of those who decide watches", with commas; "none"
	Promise    string // what the engineer has to accept first; "none"
	Policy     string // hex SHA-256 of the policy files
	Stage      string // number of the stage, from 1, and whose it is
	Decision   string
	Decider    string
	Behalf     string // for whom: "none", or "name <id>, by delegation ID"
	Nonce      string // 16 random bytes in hex
}

func (a *Approval) lines() []line {
	return []line{
		{"log", &a.Log}, {"request", &a.Request}, {"request-sha256", &a.Digest}, {"requester", &a.Requester},
		{"reason", &a.Reason}, {"need", &a.Need}, {"ticket", &a.Ticket}, {"target", &a.Target}, {"machine-sha256", &a.Machine}, {"login", &a.Login},
		{"concerned", &a.Customers}, {"may", &a.May}, {"may-not", &a.MayNot},
		{"window", &a.Window}, {"start-within", &a.Start}, {"not-before", &a.NotBefore}, {"recording", &a.Recording},
		{"conditions", &a.Conditions}, {"promise", &a.Promise}, {"policy-sha256", &a.Policy}, {"stage", &a.Stage},
		{"decision", &a.Decision}, {"decider", &a.Decider}, {"behalf", &a.Behalf}, {"nonce", &a.Nonce},
	}
}

// Bytes is the statement to show, hash and sign.
func (a Approval) Bytes() ([]byte, error) { return print("lockbox-approval/v1", a.lines()) }

// ParseApproval reads what Bytes wrote.
func ParseApproval(text []byte) (a Approval, err error) {
	err = parse("lockbox-approval/v1", text, a.lines())
	return a, err
}

// A Touch is what an engineer signs to start a session.
type Touch struct {
	Log     string
	Person  string
	Grant   string
	Target  string
	Login   string
	Source  string // address of the terminal
	Key     string // fingerprint of the SSH key it was opened with
	Binding string // what the proof counts for: see policy.Question
	Nonce   string
}

func (t *Touch) lines() []line {
	return []line{
		{"log", &t.Log}, {"person", &t.Person}, {"grant", &t.Grant}, {"target", &t.Target}, {"login", &t.Login},
		{"terminal", &t.Source}, {"ssh-key", &t.Key}, {"binding", &t.Binding}, {"nonce", &t.Nonce},
	}
}

// Bytes is the statement to show, hash and sign.
func (t Touch) Bytes() ([]byte, error) { return print("lockbox-touch/v1", t.lines()) }

// ParseTouch reads what Bytes wrote.
func ParseTouch(text []byte) (t Touch, err error) {
	err = parse("lockbox-touch/v1", text, t.lines())
	return t, err
}

// An Arrive is what an engineer signs to open an application, in the browser that
// came to it: there is no terminal, and no number to compare.
type Arrive struct {
	Log     string
	Person  string
	Grant   string
	Target  string
	Login   string
	Source  string // address of the browser at the application
	Arrival string // 32 hex digits
	Binding string // what the proof counts for: see policy.Question
	Nonce   string
}

func (a *Arrive) lines() []line {
	return []line{
		{"log", &a.Log}, {"person", &a.Person}, {"grant", &a.Grant}, {"application", &a.Target}, {"login", &a.Login},
		{"browser", &a.Source}, {"arrival", &a.Arrival}, {"binding", &a.Binding}, {"nonce", &a.Nonce},
	}
}

// Bytes is the statement to show, hash and sign.
func (a Arrive) Bytes() ([]byte, error) { return print("lockbox-arrive/v1", a.lines()) }

// ParseArrive reads what Bytes wrote.
func ParseArrive(text []byte) (a Arrive, err error) {
	err = parse("lockbox-arrive/v1", text, a.lines())
	return a, err
}

// A SignIn opens a session at the portal. Who signs in is not known before.
type SignIn struct {
	Log   string
	Nonce string
}

func (s *SignIn) lines() []line { return []line{{"log", &s.Log}, {"nonce", &s.Nonce}} }

// Bytes is the statement to hash and sign.
func (s SignIn) Bytes() ([]byte, error) { return print("lockbox-sign-in/v1", s.lines()) }

// ParseSignIn reads what Bytes wrote.
func ParseSignIn(text []byte) (s SignIn, err error) {
	err = parse("lockbox-sign-in/v1", text, s.lines())
	return s, err
}

// An SSHKey ties an SSH key to a person.
type SSHKey struct {
	Log    string
	Person string
	Key    string // fingerprint
	Nonce  string
}

func (s *SSHKey) lines() []line {
	return []line{{"log", &s.Log}, {"person", &s.Person}, {"ssh-key", &s.Key}, {"nonce", &s.Nonce}}
}

// Bytes is the statement to show, hash and sign.
func (s SSHKey) Bytes() ([]byte, error) { return print("lockbox-ssh-key/v1", s.lines()) }

// ParseSSHKey reads what Bytes wrote.
func ParseSSHKey(text []byte) (s SSHKey, err error) {
	err = parse("lockbox-ssh-key/v1", text, s.lines())
	return s, err
}

// A Vouch confirms that a passkey is the person's: its fingerprint was compared.
type Vouch struct {
	Log    string
	By     string
	Person string
	Key    string // fingerprint
	Nonce  string
}

func (v *Vouch) lines() []line {
	return []line{{"log", &v.Log}, {"by", &v.By}, {"person", &v.Person}, {"passkey", &v.Key}, {"nonce", &v.Nonce}}
}

// Bytes is the statement to show, hash and sign.
func (v Vouch) Bytes() ([]byte, error) { return print("lockbox-vouch/v1", v.lines()) }

// ParseVouch reads what Bytes wrote.
func ParseVouch(text []byte) (v Vouch, err error) {
	err = parse("lockbox-vouch/v1", text, v.lines())
	return v, err
}
