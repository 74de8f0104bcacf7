package portal

import (
	"context"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A sheet is what somebody reads and signs: the exact bytes, alone on a page. The
// script signs only if the text it shows has the hash that the passkey is given.
type sheet struct {
	Head      string
	Lead      string
	Terms     termFacts      // what an approval is limited to
	Behalf    *policy.Motion // the delegation by which it is signed
	Effect    []string       // what a motion makes so
	Statement []byte
	Words     string
	Domain    string
	Options   string // JSON for navigator.credentials.get
	ID        string // names what is signed, when the answer comes
	To        string // where the answer goes
	Back      string
	Done      string // shown when it is signed and there is no page to go on to
	Until     time.Time

	domain statement.Domain
}

// Text is the statement as the page shows it.
func (s sheet) Text() string { return string(s.Statement) }

func (x *exchange) sign(s sheet) error {
	s.Domain, s.Words = string(s.domain), inWords(statement.Challenge(s.domain, s.Statement))
	return x.page(ok, "sign", s.Head, s)
}

func (p *Portal) view(ctx context.Context, fn func(*ledger.Tx) error) error {
	return p.Ledger.View(ctx, fn)
}

// A keyFacts is a fingerprint, in full and in words that can be read out.
type keyFacts struct {
	Fingerprint string
	Words       string
}

func fingerprint(f string) keyFacts { return keyFacts{f, fingerprintWords(f)} }
