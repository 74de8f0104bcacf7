package statement

// A Matter is what every signature on a motion says. All values are shown as they are.
type Matter struct {
	Log      string // name of the ledger
	Motion   string // short code
	Digest   string // hex SHA-256 of the motion as it was made
	Proposer string
	Whose    string // "executives", "customer nord", or a person's own
	Text     string // what else it says; "none"
	Takes    string // "2 signatures of executives"
	Decision string
	Decider  string
	Nonce    string // 16 random bytes in hex
}

// lines puts what one kind of motion says between what all say.
func (m *Matter) lines(own ...line) []line {
	out := []line{
		{"log", &m.Log}, {"motion", &m.Motion}, {"motion-sha256", &m.Digest}, {"proposer", &m.Proposer}, {"whose-matter", &m.Whose},
	}
	out = append(out, own...)
	return append(out,
		line{"text", &m.Text}, line{"takes", &m.Takes}, line{"decision", &m.Decision}, line{"decider", &m.Decider}, line{"nonce", &m.Nonce})
}

// An Admit lets a person's passkey count.
type Admit struct {
	Matter
	Person string
	Key    string // fingerprint
}

func (a *Admit) lines() []line {
	return a.Matter.lines(line{"admit", &a.Person}, line{"passkey", &a.Key})
}

// Bytes is the statement to show, hash and sign.
func (a Admit) Bytes() ([]byte, error) { return print("lockbox-admit/v1", a.lines()) }

// ParseAdmit reads what Bytes wrote.
func ParseAdmit(text []byte) (a Admit, err error) {
	err = parse("lockbox-admit/v1", text, a.lines())
	return a, err
}

// A Dismiss ends that.
type Dismiss struct {
	Matter
	Person string
	Key    string // fingerprint
}

func (d *Dismiss) lines() []line {
	return d.Matter.lines(line{"dismiss", &d.Person}, line{"passkey", &d.Key})
}

// Bytes is the statement to show, hash and sign.
func (d Dismiss) Bytes() ([]byte, error) { return print("lockbox-dismiss/v1", d.lines()) }

// ParseDismiss reads what Bytes wrote.
func ParseDismiss(text []byte) (d Dismiss, err error) {
	err = parse("lockbox-dismiss/v1", text, d.lines())
	return d, err
}

// An Activate puts a policy and a configuration in force.
type Activate struct {
	Matter
	Policy string // hex SHA-256 of the policy files
	Config string // hex SHA-256 of the configuration
}

func (a *Activate) lines() []line {
	return a.Matter.lines(line{"policy-sha256", &a.Policy}, line{"config-sha256", &a.Config})
}

// Bytes is the statement to show, hash and sign.
func (a Activate) Bytes() ([]byte, error) { return print("lockbox-activate/v1", a.lines()) }

// ParseActivate reads what Bytes wrote.
func ParseActivate(text []byte) (a Activate, err error) {
	err = parse("lockbox-activate/v1", text, a.lines())
	return a, err
}

// Settings are a customer's consent rule.
type Settings struct {
	Matter
	Notice string // "to be told is enough" or "consent is asked for"
	Quorum string // "2 of its reviewers" or "as the rule says"
}

func (s *Settings) lines() []line {
	return s.Matter.lines(line{"consent", &s.Notice}, line{"quorum", &s.Quorum})
}

// Bytes is the statement to show, hash and sign.
func (s Settings) Bytes() ([]byte, error) { return print("lockbox-settings/v1", s.lines()) }

// ParseSettings reads what Bytes wrote.
func ParseSettings(text []byte) (s Settings, err error) {
	err = parse("lockbox-settings/v1", text, s.lines())
	return s, err
}

// A Span is for what and how long an instruction or a delegation counts.
type Span struct {
	Targets string // comma separated; "any"
	Logins  string // comma separated; "any"
	Actions string // comma separated; "any"
	Reasons string // comma separated; "any"
	Hours   string // "Mon, Tue 07:00-19:00 Europe/Copenhagen"; "any"
	From    string // in UTC; "once it is signed"
	Until   string // in UTC
}

func (s *Span) lines() []line {
	return []line{
		{"targets", &s.Targets}, {"logins", &s.Logins}, {"actions", &s.Actions}, {"reasons", &s.Reasons},
		{"hours", &s.Hours}, {"from", &s.From}, {"until", &s.Until},
	}
}

// A Standing stands for a customer's vote within its span and budget.
type Standing struct {
	Matter
	Span
	Uses string // requests
	Each string // the longest window of one, as time.Duration prints it
}

func (s *Standing) lines() []line {
	return s.Matter.lines(append(s.Span.lines(), line{"uses", &s.Uses}, line{"each-at-most", &s.Each})...)
}

// Bytes is the statement to show, hash and sign.
func (s Standing) Bytes() ([]byte, error) { return print("lockbox-standing/v1", s.lines()) }

// ParseStanding reads what Bytes wrote.
func ParseStanding(text []byte) (s Standing, err error) {
	err = parse("lockbox-standing/v1", text, s.lines())
	return s, err
}

// A Delegate makes a person the deputy of who signs it.
type Delegate struct {
	Matter
	Person string
	Key    string // fingerprint
	Span
}

func (d *Delegate) lines() []line {
	return d.Matter.lines(append([]line{{"deputy", &d.Person}, {"passkey", &d.Key}}, d.Span.lines()...)...)
}

// Bytes is the statement to show, hash and sign.
func (d Delegate) Bytes() ([]byte, error) { return print("lockbox-delegate/v1", d.lines()) }

// ParseDelegate reads what Bytes wrote.
func ParseDelegate(text []byte) (d Delegate, err error) {
	err = parse("lockbox-delegate/v1", text, d.lines())
	return d, err
}

// A Declare promises confidentiality; the text is the Matter's.
type Declare struct {
	Matter
	Version     string
	Declaration string // hex SHA-256 of version and text: policy.Declaration.Digest
}

func (d *Declare) lines() []line {
	return d.Matter.lines(line{"version", &d.Version}, line{"declaration-sha256", &d.Declaration})
}

// Bytes is the statement to show, hash and sign.
func (d Declare) Bytes() ([]byte, error) { return print("lockbox-declare/v1", d.lines()) }

// ParseDeclare reads what Bytes wrote.
func ParseDeclare(text []byte) (d Declare, err error) {
	err = parse("lockbox-declare/v1", text, d.lines())
	return d, err
}

// A Recover lets a person who lost all passkeys enrol one new.
type Recover struct {
	Matter
	Person string
	Ends   string // what counts no more: "every passkey, SSH key and session of this person"
	Then   string // what the link is worth
}

func (r *Recover) lines() []line {
	return r.Matter.lines(line{"recover", &r.Person}, line{"ends", &r.Ends}, line{"then", &r.Then})
}

// Bytes is the statement to show, hash and sign.
func (r Recover) Bytes() ([]byte, error) { return print("lockbox-recover/v1", r.lines()) }

// ParseRecover reads what Bytes wrote.
func ParseRecover(text []byte) (r Recover, err error) {
	err = parse("lockbox-recover/v1", text, r.lines())
	return r, err
}

// An Erase destroys what is known of a person, or a recording.
type Erase struct {
	Matter
	Person string // "Name <id>", or "the recording of session ID"
	Erases string // what is destroyed
	Keeps  string // what stays
	Undone string // "never: nobody can bring it back"
}

func (e *Erase) lines() []line {
	return e.Matter.lines(line{"erase", &e.Person}, line{"erases", &e.Erases}, line{"keeps", &e.Keeps}, line{"can-be-undone", &e.Undone})
}

// Bytes is the statement to show, hash and sign.
func (e Erase) Bytes() ([]byte, error) { return print("lockbox-erase/v1", e.lines()) }

// ParseErase reads what Bytes wrote.
func ParseErase(text []byte) (e Erase, err error) {
	err = parse("lockbox-erase/v1", text, e.lines())
	return e, err
}
