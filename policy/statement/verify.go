package statement

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A Domain keeps one kind of statement from being taken for another.
type Domain string

// Domains of what is signed.
const (
	ForApproval Domain = "lockbox/approval/v1"
	ForTouch    Domain = "lockbox/touch/v1"
	ForArrive   Domain = "lockbox/arrive/v1"
	ForSignIn   Domain = "lockbox/sign-in/v1"
	ForSSHKey   Domain = "lockbox/ssh-key/v1"
	ForLogin    Domain = "lockbox/login/v1"
	ForVouch    Domain = "lockbox/vouch/v1"
	ForSlack    Domain = "lockbox/slack/v1"

	ForAdmit    Domain = "lockbox/admit/v1"
	ForDismiss  Domain = "lockbox/dismiss/v1"
	ForActivate Domain = "lockbox/activate/v1"
	ForSettings Domain = "lockbox/settings/v1"
	ForStanding Domain = "lockbox/standing/v1"
	ForDelegate Domain = "lockbox/delegate/v1"
	ForDeclare  Domain = "lockbox/declare/v1"
	ForRecover  Domain = "lockbox/recover/v1"
	ForErase    Domain = "lockbox/erase/v1"
	ForRatify   Domain = "lockbox/ratify/v1"
	ForSeal     Domain = "lockbox/seal/v1"
	ForReview   Domain = "lockbox/review/v1"

	ForEmergency Domain = "lockbox/emergency/v1"

	ForCounterSign Domain = "lockbox/counter-sign/v1"
	ForRetire      Domain = "lockbox/retire/v1"
)

// Challenge is what the authenticator signs for a text: SHA-256(d ‖ 0x00 ‖ text), 32 bytes.
func Challenge(d Domain, text []byte) []byte {
	h := sha256.New()
	h.Write([]byte(d))
	h.Write([]byte{0})
	h.Write(text)
	return h.Sum(nil)
}

// A Party is the relying party that an assertion must name (WebAuthn §4).
type Party struct {
	ID      string   `json:"rp_id"`   // "lock.example.eu"
	Origins []string `json:"origins"` // "https://lock.example.eu"
}

// Flags is what the authenticator says of itself (WebAuthn §6.1).
type Flags struct {
	Eligible bool   // the passkey may be synced to other devices
	BackedUp bool   // it is
	Counter  uint32 // signatures so far; 0 where the authenticator does not count
}

// A StepError names the step of an offline verification that does not hold.
type StepError struct {
	Step int // as in the documentation of `lockbox verify`
	Name string
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("step %d, %s: %v", e.Step, e.Name, e.Err) }

// Unwrap gives what was wrong.
func (e *StepError) Unwrap() error { return e.Err }

// Steps of Verify.
const (
	StepChallenge     = 1
	StepClientData    = 2
	StepAuthenticator = 3
	StepSignature     = 4
)

// Verify says whether k signed challenge at p with the user verified. The
// error is a *StepError.
func Verify(a Assertion, k Key, challenge []byte, p Party) (Flags, error) {
	if err := checkClientData(a.ClientDataJSON, challenge, p); err != nil {
		return Flags{}, err
	}
	flags, err := checkAuthenticator(a.AuthenticatorData, p)
	if err != nil {
		return Flags{}, &StepError{StepAuthenticator, "authenticator data", err}
	}
	client := sha256.Sum256(a.ClientDataJSON)
	if err := k.verify(slices.Concat(a.AuthenticatorData, client[:]), a.Signature); err != nil {
		return Flags{}, &StepError{StepSignature, "signature", err}
	}
	return flags, nil
}

// checkClientData follows WebAuthn §7.2 steps 10-14. Names are matched exactly:
// encoding/json alone would take "Type" for "type".
func checkClientData(data, challenge []byte, p Party) error {
	fail := func(step int, name, format string, args ...any) error {
		return &StepError{step, name, fmt.Errorf(format, args...)}
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return fail(StepClientData, "client data", "not JSON: %w", err)
	}
	text := func(name string) string {
		var s string
		_ = json.Unmarshal(m[name], &s) // "" is refused below
		return s
	}
	got, err := base64.RawURLEncoding.DecodeString(text("challenge"))
	if err != nil || len(challenge) == 0 || subtle.ConstantTimeCompare(got, challenge) != 1 {
		return fail(StepChallenge, "challenge", "it is not the hash of this statement")
	}
	switch origin := text("origin"); {
	case text("type") != "webauthn.get":
		return fail(StepClientData, "client data", "type is %q, not webauthn.get", text("type"))
	case !slices.Contains(p.Origins, origin):
		return fail(StepClientData, "client data", "origin %q is not one of %q", origin, p.Origins)
	case len(m["crossOrigin"]) > 0 && !bytes.Equal(m["crossOrigin"], []byte("false")):
		return fail(StepClientData, "client data", "it was signed inside a page of another origin")
	case len(m["topOrigin"]) > 0:
		return fail(StepClientData, "client data", "it was signed inside a page of another origin")
	}
	return nil
}

const (
	userPresent  = 0x01
	userVerified = 0x04
	eligible     = 0x08
	backedUp     = 0x10
	attested     = 0x40
	extensions   = 0x80

	plainLength = 37 // hash of the relying party, flags, counter
)

func checkAuthenticator(data []byte, p Party) (Flags, error) {
	want := sha256.Sum256([]byte(p.ID))
	switch {
	case len(data) < plainLength || len(data) > maxPart:
		return Flags{}, fmt.Errorf("%d bytes, want %d", len(data), plainLength)
	case subtle.ConstantTimeCompare(data[:32], want[:]) != 1:
		return Flags{}, fmt.Errorf("the relying party is not %q", p.ID)
	}
	f := data[32]
	switch {
	case f&userPresent == 0:
		return Flags{}, errors.New("nobody was present")
	case f&userVerified == 0:
		return Flags{}, errors.New("the user was not verified")
	case f&attested != 0:
		return Flags{}, errors.New("it holds a new credential")
	case f&backedUp != 0 && f&eligible == 0:
		return Flags{}, errors.New("it is backed up but may not be")
	case f&extensions == 0 && len(data) != plainLength:
		return Flags{}, fmt.Errorf("%d bytes, want %d", len(data), plainLength)
	}
	return flagsIn(data), nil
}

// Flags is what the authenticator says of itself, verified or not; zero where it says nothing.
func (a Assertion) Flags() Flags {
	if len(a.AuthenticatorData) < plainLength {
		return Flags{}
	}
	return flagsIn(a.AuthenticatorData)
}

func flagsIn(data []byte) Flags {
	return Flags{Eligible: data[32]&eligible != 0, BackedUp: data[32]&backedUp != 0, Counter: binary.BigEndian.Uint32(data[33:])}
}

// A Key is the public half of a passkey. The zero Key verifies nothing.
type Key struct {
	der []byte
	pub crypto.PublicKey
}

// ParseKey reads a PKIX (SubjectPublicKeyInfo) DER key of a kind that passkeys
// have: P-256, Ed25519, or RSA of 2048 to 4096 bits.
func ParseKey(der []byte) (Key, error) {
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return Key{}, fmt.Errorf("parse passkey: %w", err)
	}
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return Key{}, fmt.Errorf("parse passkey: curve %s, want P-256", k.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 || n > 4096 {
			return Key{}, fmt.Errorf("parse passkey: RSA of %d bits, want 2048 to 4096", n)
		}
	default:
		return Key{}, fmt.Errorf("parse passkey: %T is not a kind that passkeys have", pub)
	}
	return Key{bytes.Clone(der), pub}, nil
}

// PKIX is the key as it was parsed.
func (k Key) PKIX() []byte { return bytes.Clone(k.der) }

// Fingerprint is "SHA256:" and the unpadded base64 of the SHA-256 of the PKIX form; "" of the zero Key.
func (k Key) Fingerprint() string {
	if k.pub == nil {
		return ""
	}
	sum := sha256.Sum256(k.der)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func (k Key) verify(message, sig []byte) error {
	sum := sha256.Sum256(message)
	ok := false
	switch pub := k.pub.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(pub, sum[:], sig)
	case ed25519.PublicKey:
		ok = ed25519.Verify(pub, message, sig)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig) == nil
	}
	if !ok {
		return errors.New("it was not made by this key")
	}
	return nil
}
