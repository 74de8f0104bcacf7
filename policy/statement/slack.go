package statement

// A Slack is what a person signs to be known by one user of a Slack workspace:
// there they may be told what they may see, decline, ask, and take back what is
// theirs. Nothing can be approved there.
type Slack struct {
	Log    string
	Person string // id
	Team   string // id of the workspace: "T024BE7LD"
	User   string // id of the user in it: "U023BECGF"
	Nonce  string // 16 random bytes in hex
}

func (s *Slack) lines() []line {
	return []line{
		{"log", &s.Log}, {"person", &s.Person}, {"slack-workspace", &s.Team}, {"slack-user", &s.User}, {"nonce", &s.Nonce},
	}
}

// Bytes is the statement to show, hash and sign.
func (s Slack) Bytes() ([]byte, error) { return print("lockbox-slack/v1", s.lines()) }

// ParseSlack reads what Bytes wrote.
func ParseSlack(text []byte) (s Slack, err error) {
	err = parse("lockbox-slack/v1", text, s.lines())
	return s, err
}
