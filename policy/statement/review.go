package statement

// A Review says that an executive has read the digest of a week. It permits nothing.
type Review struct {
	Matter
	Week   string // "2026-W47"
	Digest string // hex SHA-256 of the digest as it was made
	Says   string // what the signature says, and what it does not
}

func (r *Review) lines() []line {
	return r.Matter.lines(line{"week", &r.Week}, line{"digest-sha256", &r.Digest}, line{"says", &r.Says})
}

// Bytes is the statement to show, hash and sign.
func (r Review) Bytes() ([]byte, error) { return print("lockbox-review/v1", r.lines()) }

// ParseReview reads what Bytes wrote.
func ParseReview(text []byte) (r Review, err error) {
	err = parse("lockbox-review/v1", text, r.lines())
	return r, err
}
