package approvals

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// People knows who holds which passkey.
type People interface {
	// Assert turns an assertion by who over text into a proof, within tx. It burns the challenge.
	Assert(tx *ledger.Tx, who string, d statement.Domain, text []byte, a statement.Assertion) (policy.Proof, statement.Key, error)
	// Passkey finds a person's passkey by its fingerprint, from a verified row.
	Passkey(tx *ledger.Tx, fingerprint string) (k statement.Key, of string, err error)
	// Pinned says whether the passkey is one of the founders of whom the stage asks: executives, or its customer's reviewers.
	Pinned(tx *ledger.Tx, s policy.Stage, fingerprint string) (bool, error)
	// Voters lists those whose pinned passkeys could fill the stage.
	Voters(tx *ledger.Tx, s policy.Stage) ([]policy.Principal, error)
	// HoldsKey says whether the SSH key is still the person's, and counts.
	HoldsKey(tx *ledger.Tx, person, fingerprint string) (bool, error)
	// HoldsWeb says whether the session at the portal is still the person's, and counts.
	HoldsWeb(tx *ledger.Tx, person, id string) (bool, error)
	// Logins gives what a person signed at `lockbox login` for the SSH key, proven from the signed bytes and
	// not ended, whether or not its time is up; where the key is an sk- key that they enrolled (hardware), for every key.
	Logins(tx *ledger.Tx, person, fingerprint string) (all []statement.Login, hardware bool, err error)
}

// A Desk takes requests and votes.
type Desk struct {
	Ledger  *ledger.Ledger
	People  People
	Charter *charter.Charter // nil: nobody is a deputy, and nothing stands for a vote
	Policy  func() *policy.Policy
	Log     string          // name of the ledger, in every statement
	Party   statement.Party // where people sign
	Daily   int             // requests of one person a day; 0: 20
	Broken  int             // emergencies of one person a day; 0: 3

	// Signed says that sealed codes count only once executives have signed their batch.
	Signed bool

	// Forget takes a person, whom event by erases, out of what others keep of a
	// request, or ("") of the person. Nil: nobody keeps anything.
	Forget func(tx *ledger.Tx, request, person string, by int64) error
	// Over is as of charter.Charter: it is asked again before a recording is erased.
	Over func(tx *ledger.Tx, session string) (customers []string, err error)

	seen statement.Memory
}

// A Refusal is a no that the person may read; it is not a failure.
type Refusal struct {
	Code policy.Code
	Why  string
}

func (r *Refusal) Error() string { return r.Why }

func refuse(format string, args ...any) error {
	return &Refusal{policy.ByPolicy, fmt.Sprintf(format, args...)}
}

func refused(d policy.Decision) error { return &Refusal{d.Code, d.Why.String()} }

// ErrUnknown is the answer to a code that does not exist or is not the asker's to see.
var ErrUnknown = errors.New("there is no such request")

// A row holds a request as it was made, byte for byte, and what came after.
type row struct {
	Body      []byte             `json:"body"`           // see bodyV2; without votes
	Open      map[string]Opening `json:"open,omitempty"` // what its commitments are to
	Gone      map[string]int64   `json:"gone,omitempty"` // what was erased, see Case.Gone
	Votes     []policy.Vote      `json:"votes,omitempty"`
	Withdrawn time.Time          `json:"withdrawn,omitzero"`
	Trail     []int64            `json:"trail,omitempty"` // events that tell what became of it, but for votes
	Thread    []Remark           `json:"thread,omitempty"`
	Told      []int              `json:"told,omitempty"`    // rungs of each stage's escalation that were written down
	From      string             `json:"from,omitempty"`    // address of who asked
	Accepted  acceptance         `json:"accepted,omitzero"` // of what the grant's approvers asked to be promised
	Ender     string             `json:"ender,omitempty"`   // the customer whose reviewer ended the grant
}

// An acceptance is the requester's word, kept apart from the grant that says so.
type acceptance struct {
	At       time.Time `json:"at"`
	Promises string    `json:"promises"` // hex SHA-256, see promised
}

func (r row) request() (*policy.Request, error) {
	b, err := openBody(r.Body, r.Open, r.Gone)
	if err != nil {
		return nil, err
	}
	b.request.Votes, b.request.Withdrawn = r.Votes, r.Withdrawn
	return b.request, nil
}

func (r row) kase() Case { return Case{Body: r.Body, Open: r.Open, Gone: r.Gone, Votes: r.Votes} }

func (r row) digest() string {
	sum := sha256.Sum256(r.Body)
	return hex.EncodeToString(sum[:])
}

func requestKey(code string) string      { return "request/" + code }
func grantKey(code string) string        { return "grant/" + code }
func ballotKey(nonce string) string      { return "ballot/" + nonce }
func liveKey(person, code string) string { return "live/" + person + "/" + code }

// A getter reads a row: Tx.Get, or Tx.Verified where access rests on it.
type getter func(key string, v any) (bool, error)

// A filed is a row with the request that its Body holds, without votes: the ledger
// reads the same bytes once, and hands out copies.
type filed struct {
	Row     row
	Request *policy.Request
}

// UnmarshalJSON reads the JSON of a row.
func (f *filed) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &f.Row); err != nil {
		return err
	}
	in, err := openBody(f.Row.Body, f.Row.Open, f.Row.Gone)
	f.Request = in.request
	return err
}

func load(get getter, code string) (row, *policy.Request, error) {
	var f filed
	if ok, err := get(requestKey(code), &f); err != nil {
		return row{}, nil, fmt.Errorf("load request %s: %w", code, err)
	} else if !ok {
		return row{}, nil, ErrUnknown
	}
	f.Request.Votes, f.Request.Withdrawn = f.Row.Votes, f.Row.Withdrawn
	return f.Row, f.Request, nil
}

func loadGrant(get getter, code string) (*policy.Grant, error) {
	g := new(policy.Grant)
	ok, err := get(grantKey(code), g)
	if err != nil {
		return nil, fmt.Errorf("load grant %s: %w", code, err)
	}
	if !ok {
		return nil, nil
	}
	return g, nil
}

// ValidCode says whether s is written as a short code is, so that no other text reaches a key.
func ValidCode(s string) bool { return charter.ValidCode(s) }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
