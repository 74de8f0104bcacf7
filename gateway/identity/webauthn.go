package identity

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"lockbox/policy/statement"
)

// maxCredential is more than any attestation with its certificates takes.
const maxCredential = 64 << 10

// A ceremony is a registration that a browser is asked for.
type ceremony struct {
	Session webauthn.SessionData `json:"session"`
	Until   time.Time            `json:"until"`
}

// A candidate is a webauthn.User: somebody who makes a passkey.
type candidate struct {
	handle []byte
	Invite
	has [][]byte // ids of the passkeys that they have: one more is made on another authenticator
}

func (c candidate) WebAuthnID() []byte                         { return c.handle }
func (c candidate) WebAuthnName() string                       { return c.ID }
func (c candidate) WebAuthnDisplayName() string                { return c.Name }
func (c candidate) WebAuthnCredentials() []webauthn.Credential { return nil }

// others lists what the candidate has, to be excluded (WebAuthn §5.4, excludeCredentials).
func (c candidate) others() (all []protocol.CredentialDescriptor) {
	for _, id := range c.has {
		all = append(all, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id})
	}
	return all
}

// Check says what is wrong with the relying party, before anybody enrols.
func (d *Directory) Check() error {
	if err := protocol.ValidateRPID(d.Party.ID); err != nil {
		return fmt.Errorf("relying party %q is no host name (an address cannot be one): %w", d.Party.ID, err)
	}
	if len(d.Party.Origins) == 0 || d.Log == "" {
		return errors.New("a directory needs the origins that people sign at, and the name of its log")
	}
	_, err := d.relying()
	return err
}

// relying is the relying party for registrations. Assertions are verified by
// package statement alone.
func (d *Directory) relying() (*webauthn.WebAuthn, error) {
	need := true
	w, err := webauthn.New(&webauthn.Config{
		RPID: d.Party.ID, RPDisplayName: "Lockbox", RPOrigins: d.Party.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &need, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("relying party %q: %w", d.Party.ID, err)
	}
	return w, nil
}

// begin makes the options for navigator.credentials.create. Expiry is kept by the
// ledger's clock, not by the library's.
func (d *Directory) begin(c candidate) (json.RawMessage, webauthn.SessionData, error) {
	w, err := d.relying()
	if err != nil {
		return nil, webauthn.SessionData{}, err
	}
	creation, session, err := w.BeginRegistration(c,
		webauthn.WithCredentialParameters([]protocol.CredentialParameter{
			{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
			{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
			{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
		}),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Timeout, o.CredentialExcludeList = int(ceremonyLife.Milliseconds()), c.others()
			return nil
		})
	if err != nil {
		return nil, webauthn.SessionData{}, fmt.Errorf("begin registration: %w", err)
	}
	options, err := json.Marshal(creation)
	return options, *session, err
}

// finish verifies what the browser made (WebAuthn §7.1) and gives the credential, unconfirmed.
func (d *Directory) finish(c candidate, s webauthn.SessionData, credentialJSON []byte) (Credential, error) {
	if len(credentialJSON) > maxCredential {
		return Credential{}, &Refusal{"the passkey could not be registered", errors.New("too long")}
	}
	w, err := d.relying()
	if err != nil {
		return Credential{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credentialJSON)
	if err != nil {
		return Credential{}, registration(err)
	}
	made, err := w.CreateCredential(c, s, parsed)
	if err != nil {
		return Credential{}, registration(err)
	}
	key, err := pkix(made.PublicKey)
	if err != nil {
		return Credential{}, &Refusal{"this kind of passkey is not taken: use one with ES256, EdDSA or RS256", err}
	}
	raw, err := json.Marshal(made)
	if err != nil {
		return Credential{}, fmt.Errorf("keep credential: %w", err)
	}
	return Credential{
		ID: made.ID, Of: c.ID, PKIX: key.PKIX(), Fingerprint: key.Fingerprint(), Raw: raw,
		Model: model(made.Authenticator.AAGUID), Eligible: made.Flags.BackupEligible, BackedUp: made.Flags.BackupState, Counter: made.Authenticator.SignCount,
	}, nil
}

// model writes an AAGUID as others do (RFC 9562 §4); "unknown" where it is none.
func model(aaguid []byte) string {
	if len(aaguid) != 16 {
		return "unknown"
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", aaguid[:4], aaguid[4:6], aaguid[6:8], aaguid[8:10], aaguid[10:])
}

// registration keeps the library's details for the log.
func registration(err error) error {
	var p *protocol.Error
	if errors.As(err, &p) {
		err = fmt.Errorf("%w: %s", err, p.DevInfo)
	}
	return &Refusal{"the passkey could not be registered: load the page again and use one that asks for a finger, a face or a PIN", err}
}

// pkix turns a COSE key (RFC 9052) of a kind we verify into the form that is kept.
func pkix(cose []byte) (statement.Key, error) {
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return statement.Key{}, err
	}
	pub, err := standard(parsed)
	if err != nil {
		return statement.Key{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return statement.Key{}, err
	}
	return statement.ParseKey(der)
}

func standard(parsed any) (any, error) {
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgES256) {
			return k.ToECDSA()
		}
	case webauthncose.OKPPublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgEdDSA) && len(k.XCoord) == ed25519.PublicKeySize {
			return ed25519.PublicKey(k.XCoord), nil
		}
	case webauthncose.RSAPublicKeyData:
		e, err := webauthncose.ParseRSAPublicKeyDataExponent(&k)
		if k.Algorithm == int64(webauthncose.AlgRS256) && err == nil {
			return &rsa.PublicKey{N: new(big.Int).SetBytes(k.Modulus), E: e}, nil
		}
	}
	return nil, errors.New("a key of another algorithm")
}
