package approvals

import (
	"context"
	"crypto/rand"
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
	Body      []byte        `json:"body"` // JSON of policy.Request without votes
	Votes     []policy.Vote `json:"votes,omitempty"`
	Withdrawn time.Time     `json:"withdrawn,omitzero"`
	Trail     []int64       `json:"trail,omitempty"` // events that tell what became of it, but for votes
}

func (r row) request() (*policy.Request, error) {
	q := new(policy.Request)
	if err := json.Unmarshal(r.Body, q); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	q.Votes, q.Withdrawn = r.Votes, r.Withdrawn
	return q, nil
}

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

func load(get getter, code string) (row, *policy.Request, error) {
	var r row
	if ok, err := get(requestKey(code), &r); err != nil {
		return row{}, nil, fmt.Errorf("load request %s: %w", code, err)
	} else if !ok {
		return row{}, nil, ErrUnknown
	}
	q, err := r.request()
	return r, q, err
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
func ValidCode(s string) bool {
	if len(s) < 4 || len(s) > 8 {
		return false
	}
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return true
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newCode finds a short code that no request has had. Codes are not secret.
func newCode(tx *ledger.Tx) (string, error) {
	for try := range 32 {
		b := make([]byte, 4+try/8) // grows when the short ones run out
		_, _ = rand.Read(b)        // never fails (crypto/rand)
		for i := range b {
			b[i] = crockford[b[i]%32]
		}
		if ok, err := tx.Get(requestKey(string(b)), new(json.RawMessage)); err != nil || !ok {
			return string(b), err
		}
	}
	return "", errors.New("find a free request code: too many tries")
}

func nonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A View is a request as it stands, for those who may see it.
type View struct {
	Request *policy.Request
	Digest  string
	Status  policy.Status
	Grant   *policy.Grant // nil until approved
	Thread  []Remark
	Now     time.Time
}

func view(tx *ledger.Tx, get getter, code string) (View, error) {
	r, q, err := load(get, code)
	if err != nil {
		return View{}, err
	}
	g, err := loadGrant(get, code)
	return View{Request: q, Digest: r.digest(), Status: q.Tally(tx.Now()), Grant: g, Now: tx.Now()}, err
}

// See gives the request to those who may see it, and ErrUnknown to everybody else.
func (d *Desk) See(ctx context.Context, who policy.Principal, code string) (v View, err error) {
	if !ValidCode(code) {
		return View{}, ErrUnknown
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		v, err = d.SeeIn(tx, who, code)
		return err
	})
	return v, err
}

// SeeIn is See within a transaction.
func (d *Desk) SeeIn(tx *ledger.Tx, who policy.Principal, code string) (View, error) {
	v, err := d.Whole(tx, who, code)
	return v.For(who), err
}

// Whole is SeeIn with what concerns other customers: to decide on, never to show.
func (d *Desk) Whole(tx *ledger.Tx, who policy.Principal, code string) (View, error) {
	v, err := view(tx, tx.Get, code)
	if err != nil {
		return View{}, err
	}
	if d.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.See, Request: v.Request}).Verdict != policy.Allow {
		return View{}, ErrUnknown
	}
	return v, nil
}

// For is what who may see of a request that they may see: a reviewer gets
// nothing of another customer, not even that there is one. It is for showing.
func (v View) For(who policy.Principal) View {
	if who.Kind != policy.Reviewer || v.Request == nil {
		return v
	}
	q := *v.Request
	q.Stages, q.Votes, q.Customers = nil, nil, []string{who.Customer}
	v.Status.Stages = nil
	for i, st := range v.Request.Tally(v.Now).Stages {
		if st.Kind == policy.ByCustomer && st.Customer != who.Customer {
			continue
		}
		for _, b := range v.Request.Votes {
			if b.Stage == i {
				if b.Stage = len(q.Stages); b.By.ID != who.ID {
					b.Statement, b.Assertion = nil, nil // it says whose data else is concerned
				}
				q.Votes = append(q.Votes, b)
			}
		}
		q.Stages = append(q.Stages, st.Stage)
		v.Status.Stages = append(v.Status.Stages, st)
	}
	v.Request = &q
	if v.Grant != nil {
		g := *v.Grant
		g.Customers = q.Customers
		v.Grant = &g
	}
	return v
}

// Inbox lists the open requests and grants that who may see.
func (d *Desk) Inbox(ctx context.Context, who policy.Principal) (open []View, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		return d.eachLive(tx, "", func(code string) error {
			v, err := view(tx, tx.Get, code)
			if err != nil {
				return err
			}
			if d.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.See, Request: v.Request}).Verdict == policy.Allow {
				open = append(open, v.For(who))
			}
			return nil
		})
	})
	return open, err
}

// Mine lists the open requests and grants of one person.
func (d *Desk) Mine(ctx context.Context, person string) (open []View, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		open, err = d.MineIn(tx, person)
		return err
	})
	return open, err
}

// MineIn is Mine within a transaction.
func (d *Desk) MineIn(tx *ledger.Tx, person string) (open []View, err error) {
	err = d.eachLive(tx, person, func(code string) error {
		v, err := view(tx, tx.Get, code)
		open = append(open, v)
		return err
	})
	return open, err
}

// eachLive calls fn for every code whose request or grant has not ended, of one person or ("") of all.
func (d *Desk) eachLive(tx *ledger.Tx, person string, fn func(code string) error) error {
	prefix := "live/"
	if person != "" {
		prefix = liveKey(person, "")
	}
	var codes []string
	err := tx.Scan(prefix, func(_ string, raw json.RawMessage) (bool, error) {
		var code string
		err := json.Unmarshal(raw, &code)
		codes = append(codes, code)
		return true, err
	})
	if err != nil {
		return fmt.Errorf("list open requests: %w", err)
	}
	for _, code := range codes {
		if err := fn(code); err != nil {
			return err
		}
	}
	return nil
}
