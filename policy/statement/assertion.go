package statement

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// An Assertion is what an authenticator answers (WebAuthn §5.2.2). As JSON its
// parts are base64url without padding.
type Assertion struct {
	CredentialID      []byte
	AuthenticatorData []byte
	ClientDataJSON    []byte
	Signature         []byte
	UserHandle        []byte // who, of a sign-in; empty otherwise
}

const maxPart = 2 << 10 // bytes of one part of an assertion

type wireAssertion struct {
	ID       string `json:"id"`
	RawID    string `json:"rawId"`
	Type     string `json:"type"`
	Response struct {
		AuthenticatorData string `json:"authenticatorData"`
		ClientDataJSON    string `json:"clientDataJSON"`
		Signature         string `json:"signature"`
		UserHandle        string `json:"userHandle,omitempty"`
	} `json:"response"`
}

// ParseAssertion reads the JSON that a browser's PublicKeyCredential.toJSON gives.
func ParseAssertion(data []byte) (Assertion, error) {
	var a Assertion
	if len(data) > 5*maxPart {
		return a, errors.New("parse assertion: too long")
	}
	var w wireAssertion
	if err := json.Unmarshal(data, &w); err != nil {
		return a, fmt.Errorf("parse assertion: %w", err)
	}
	if w.Type != "public-key" || w.ID != w.RawID {
		return a, errors.New("parse assertion: not a public-key credential with one id")
	}
	for _, part := range []struct {
		name, text string
		into       *[]byte
		empty      bool
	}{
		{"rawId", w.RawID, &a.CredentialID, false},
		{"authenticatorData", w.Response.AuthenticatorData, &a.AuthenticatorData, false},
		{"clientDataJSON", w.Response.ClientDataJSON, &a.ClientDataJSON, false},
		{"signature", w.Response.Signature, &a.Signature, false},
		{"userHandle", w.Response.UserHandle, &a.UserHandle, true},
	} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(part.text, "="))
		if err != nil || len(b) > maxPart || len(b) == 0 && !part.empty {
			return Assertion{}, fmt.Errorf("parse assertion: %s is not 1 to %d bytes of base64url", part.name, maxPart)
		}
		*part.into = b
	}
	return a, nil
}

// MarshalJSON gives the form that ParseAssertion reads.
func (a Assertion) MarshalJSON() ([]byte, error) {
	enc := base64.RawURLEncoding.EncodeToString
	w := wireAssertion{ID: enc(a.CredentialID), RawID: enc(a.CredentialID), Type: "public-key"}
	w.Response.AuthenticatorData = enc(a.AuthenticatorData)
	w.Response.ClientDataJSON = enc(a.ClientDataJSON)
	w.Response.Signature = enc(a.Signature)
	w.Response.UserHandle = enc(a.UserHandle)
	return json.Marshal(w)
}

// UnmarshalJSON is ParseAssertion.
func (a *Assertion) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return errors.New("parse assertion: null")
	}
	parsed, err := ParseAssertion(data)
	*a = parsed
	return err
}
