package statement

// An Emergency is what a second person signs so that somebody may come in by
// breaking the glass. It is a form of its own, so that it is never taken for an
// approval, nor the other way round.
type Emergency struct {
	Broken string // what is done, in capitals
	Code   string // the number of the sealed code that was opened
	Skips  string // who is told, and not asked
	Ratify string // what executives have to do, and what is locked without
	Approval
}

func (e *Emergency) lines() []line {
	return append([]line{{"emergency", &e.Broken}, {"sealed-code", &e.Code}, {"not-asked", &e.Skips}, {"to-ratify", &e.Ratify}}, e.Approval.lines()...)
}

// Bytes is the statement to show, hash and sign.
func (e Emergency) Bytes() ([]byte, error) { return print("lockbox-emergency/v1", e.lines()) }

// ParseEmergency reads what Bytes wrote.
func ParseEmergency(text []byte) (e Emergency, err error) {
	err = parse("lockbox-emergency/v1", text, e.lines())
	return e, err
}

// A Ratify approves afterwards what was done by breaking the glass, or lifts the
// locks of what nobody approved in time.
type Ratify struct {
	Matter
	Request string // short code of what was done
	Asked   string // hex SHA-256 of the request as it was made
	Then    string // what the signature does
}

func (r *Ratify) lines() []line {
	return r.Matter.lines(line{"ratify", &r.Request}, line{"request-sha256", &r.Asked}, line{"then", &r.Then})
}

// Bytes is the statement to show, hash and sign.
func (r Ratify) Bytes() ([]byte, error) { return print("lockbox-ratify/v1", r.lines()) }

// ParseRatify reads what Bytes wrote.
func ParseRatify(text []byte) (r Ratify, err error) {
	err = parse("lockbox-ratify/v1", text, r.lines())
	return r, err
}

// A Seal lets sealed codes for breaking the glass count.
type Seal struct {
	Matter
	Batch string // its number
	Codes string // hex SHA-256 over the codes' rows
	Worth string // what one of them is good for
}

func (s *Seal) lines() []line {
	return s.Matter.lines(line{"seal", &s.Batch}, line{"codes-sha256", &s.Codes}, line{"worth", &s.Worth})
}

// Bytes is the statement to show, hash and sign.
func (s Seal) Bytes() ([]byte, error) { return print("lockbox-seal/v1", s.lines()) }

// ParseSeal reads what Bytes wrote.
func ParseSeal(text []byte) (s Seal, err error) {
	err = parse("lockbox-seal/v1", text, s.lines())
	return s, err
}
