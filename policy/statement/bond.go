package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// A Bond ties a passkey to the one that counter-signed it, as it was signed. By
// itself it says nothing of whether either counts.
type Bond struct {
	Credential []byte    `json:"credential"`   // the statement of that name
	Statement  []byte    `json:"counter_sign"` // what By signed
	Assertion  Assertion `json:"assertion"`
	By         string    `json:"by"`  // fingerprint of the passkey that signed
	Seq        int64     `json:"seq"` // the event that tells it
}

// Is reads what the bond is about, believing nothing of it.
func (b Bond) Is() (Credential, error) { return ParseCredential(b.Credential) }

// Verify says whether by signed exactly this credential, in this log and at p.
func (b Bond) Verify(log string, p Party, by Key) (Credential, error) {
	c, err := ParseCredential(b.Credential)
	if err != nil {
		return Credential{}, err
	}
	s, err := ParseCounterSign(b.Statement)
	if err != nil {
		return Credential{}, err
	}
	switch {
	case s.Digest != sum(b.Credential):
		return Credential{}, errors.New("the counter-signature is over another credential")
	case c.Log != log || s.Log != log:
		return Credential{}, errors.New("the counter-signature is of another log")
	case s.Person != c.Person || s.Key != c.Key || s.Kept != c.Kept:
		return Credential{}, errors.New("the counter-signature says something else than its credential")
	case b.By == c.Key || by.Fingerprint() != b.By || b.By == "":
		return Credential{}, errors.New("a passkey is counter-signed by another one")
	}
	if _, err := Verify(b.Assertion, by, Challenge(ForCounterSign, b.Statement), p); err != nil {
		return Credential{}, err
	}
	return c, nil
}

// Bonded is the kind of the event that tells a bond.
const Bonded = "credential.counter-signed"

// Leaf is what that event says of it.
func (b Bond) Leaf() (map[string]string, error) {
	is, err := b.Is()
	if err != nil {
		return nil, err
	}
	a, err := json.Marshal(b.Assertion)
	if err != nil {
		return nil, fmt.Errorf("write assertion: %w", err)
	}
	return map[string]string{
		"passkey": is.Key, "by": b.By,
		"credential-sha256": sum(b.Credential), "statement-sha256": sum(b.Statement), "assertion-sha256": sum(a),
	}, nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
