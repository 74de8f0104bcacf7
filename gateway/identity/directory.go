package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A Directory knows the people. Its fields are set once, before it is used.
type Directory struct {
	Ledger *ledger.Ledger
	Log    string                // name of the ledger, as statements carry it
	Party  statement.Party       // where passkeys are made and used
	Policy func() *policy.Policy // the one in force; it says who may confirm keys
	Now    func() time.Time

	// Charter proves the motions by which later people were admitted; nil: the founders alone count.
	Charter interface {
		Proven(tx *ledger.Tx, id string) (*policy.Motion, error)
	}

	// PeopleCA signs the certificates of logins; nil: there are no logins. Targets do not trust it.
	PeopleCA ssh.Signer

	limits     limits
	signIns    asks // by anybody
	asks       asks // by people who are known
	terminals  terminals
	slackLinks slackLinks
	copies     copies
	signed     statement.Memory // of logins
}

// A Person is one row of the directory.
type Person struct {
	policy.Principal
	Handle    []byte    `json:"handle"` // WebAuthn user handle: random, says nothing
	InvitedBy string    `json:"invited_by"`
	Since     time.Time `json:"since"`             // enrolled, with this kind and customer
	Passkeys  []string  `json:"passkeys"`          // fingerprints
	SSHKeys   []string  `json:"ssh_keys"`          // fingerprints
	Offered   string    `json:"offered,omitempty"` // authorized_keys line of the invitation, until a passkey signed it

	Recovering string    `json:"recovering,omitempty"` // the motion by which they may enrol anew; "" once they have
	Link       string    `json:"link,omitempty"`       // hash of the one link that does it
	Erased     time.Time `json:"erased,omitzero"`
}

// A Credential is the public half of one passkey.
type Credential struct {
	ID          []byte          `json:"id"`
	Of          string          `json:"of"`          // Principal.ID
	PKIX        []byte          `json:"pkix"`        // DER
	Fingerprint string          `json:"fingerprint"` // of PKIX: statement.Key.Fingerprint
	Eligible    bool            `json:"eligible"`    // may be synced; never changes
	BackedUp    bool            `json:"backed_up"`   // is synced
	Counter     uint32          `json:"counter"`     // of the last assertion
	Added       time.Time       `json:"added"`
	Model       string          `json:"model,omitempty"`     // AAGUID of the authenticator, as it says itself
	Raw         json.RawMessage `json:"raw"`                 // as go-webauthn gave it, with its attestation
	Statement   []byte          `json:"statement,omitempty"` // statement.Credential: what is counter-signed
	Later       bool            `json:"later,omitempty"`     // added by who had one: another of theirs counter-signs it

	Confirmed   time.Time `json:"confirmed,omitzero"` // zero: it may do nothing yet
	ConfirmedBy string    `json:"confirmed_by,omitempty"`
	How         string    `json:"how,omitempty"` // Pinned, Founded, Vouched or Admitted
	Vouch       *Signed   `json:"vouch,omitempty"`
	Locked      time.Time `json:"locked,omitzero"` // a copy of it was seen

	Bond     *statement.Bond `json:"bond,omitempty"`      // the counter-signature of another passkey of its person
	Ended    time.Time       `json:"ended,omitzero"`      // it counts for nothing that comes later
	EndedSeq int64           `json:"ended_seq,omitempty"` // the event that tells it
	Retired  *Signed         `json:"retired,omitempty"`   // by another passkey of its person; nil where a motion ended it
}

// How a passkey came to be confirmed.
const (
	Pinned   = "pinned"   // its fingerprint is in founded_by
	Founded  = "founded"  // the first of its set, by an invitation that founds
	Vouched  = "vouched"  // a second person compared the fingerprint
	Admitted = "admitted" // a motion that others signed names it
	Bonded   = "counter-signed"
)

// Signed is a statement and the assertion over it, as they were.
type Signed struct {
	Text      []byte              `json:"text"`
	Assertion statement.Assertion `json:"assertion"`
}

// owner says whose a key is, for ever: one key, one person. It stays when the key is removed.
type owner struct {
	Of         string `json:"of"`
	Kind       string `json:"kind"`                 // "passkey" or "ssh"
	Credential []byte `json:"credential,omitempty"` // of a passkey
}

// Rows of the directory.
func personKey(id string) string          { return "person/" + id }
func credentialKey(id []byte) string      { return "credential/" + base64.RawURLEncoding.EncodeToString(id) }
func ownerKey(fingerprint string) string  { return "key/" + fingerprint } // of the PKIX form, passkeys and SSH keys alike
func sshKeyKey(fingerprint string) string { return "sshkey/" + fingerprint }
func linkKey(token string) string         { return "link/" + hash(token) }
func webKey(cookie string) string         { return webAt(WebID(cookie)) }
func webAt(id string) string              { return "web/" + id }
func nonceKey(challenge []byte) string    { return "nonce/" + hash(string(challenge)) }

const pinsKey = "pins/founders"

// hash is how secrets are stored.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// secret is 256 bits of chance, in base64url.
func secret() (string, error) {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// A Refusal says no, in words for the person. Any other error is internal.
type Refusal struct {
	Why string
	Err error // more, for the log; may be nil
}

func (r *Refusal) Error() string { return r.Why }

// Unwrap gives what lies behind it.
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(format string, args ...any) error { return &Refusal{Why: fmt.Sprintf(format, args...)} }

// Person reads one person. Whoever is not there gives a *Refusal.
func (d *Directory) Person(ctx context.Context, id string) (p Person, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		p, err = person(tx, id)
		return err
	})
	return p, err
}

// People lists everybody, by id, to be shown. Nothing may rest on it: its rows are not proven.
func (d *Directory) People(ctx context.Context) (all []Person, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		return tx.Scan("person/", func(_ string, raw json.RawMessage) (bool, error) {
			var p Person
			if err := json.Unmarshal(raw, &p); err != nil {
				return false, fmt.Errorf("read people: %w", err)
			}
			all = append(all, p)
			return true, nil
		})
	})
	return all, err
}

// Passkeys reads those of one person, oldest first.
func (d *Directory) Passkeys(ctx context.Context, who string) (all []Credential, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		p, err := person(tx, who)
		if err != nil {
			return err
		}
		for _, f := range p.Passkeys {
			c, err := passkey(tx, f)
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	return all, err
}

// person reads a row that has been proven.
func person(tx *ledger.Tx, id string) (p Person, err error) {
	if !goodID(id) {
		return Person{}, nobody()
	}
	ok, err := tx.Verified(personKey(id), &p)
	switch {
	case err != nil:
		return Person{}, fmt.Errorf("read person: %w", err)
	case !ok || p.ID != id:
		return Person{}, nobody()
	}
	return p, nil
}

func nobody() error { return &Refusal{Why: "nobody with this id is enrolled", Err: policy.ErrNobody} }

// credential reads a row that has been proven.
func credential(tx *ledger.Tx, id []byte) (c Credential, err error) {
	ok, err := tx.Verified(credentialKey(id), &c)
	switch {
	case err != nil:
		return Credential{}, fmt.Errorf("read passkey: %w", err)
	case !ok || string(c.ID) != string(id):
		return Credential{}, refuse("this passkey is not enrolled here")
	}
	return c, nil
}

// passkey reads a credential by the fingerprint of its key.
func passkey(tx *ledger.Tx, fingerprint string) (Credential, error) {
	if !isFingerprint(fingerprint) {
		return Credential{}, refuse("this is not the fingerprint of a passkey: it has the form SHA256:… with 43 characters")
	}
	var o owner
	ok, err := tx.Verified(ownerKey(fingerprint), &o)
	if err != nil {
		return Credential{}, fmt.Errorf("read passkey: %w", err)
	}
	if !ok || o.Kind != "passkey" {
		return Credential{}, refuse("no passkey with the fingerprint %s is enrolled", fingerprint)
	}
	return credential(tx, o.Credential)
}
