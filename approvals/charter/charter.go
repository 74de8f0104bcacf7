package charter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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
	// Pinned says whether the passkey is one of those that fill the stage: founded, or admitted by a motion that is proven.
	Pinned(tx *ledger.Tx, s policy.Stage, fingerprint string) (bool, error)
	// Voters lists those whose pinned passkeys could fill the stage.
	Voters(tx *ledger.Tx, s policy.Stage) ([]policy.Principal, error)
	// Current gives a person as they are now, from a verified row; Admitted when one of their passkeys is pinned.
	Current(tx *ledger.Tx, id string) (policy.Principal, error)
}

// A Memory is a People that knows the past. With People that have none, only
// what those pinned now have signed counts.
type Memory interface {
	// Holder finds a passkey and whose it is, whatever became of it since.
	Holder(tx *ledger.Tx, fingerprint string) (k statement.Key, of string, err error)
	// Sat is Pinned as it was when event seq was written.
	Sat(tx *ledger.Tx, s policy.Stage, fingerprint string, seq int64) (bool, error)
	// Seats lists the passkeys by which a person is pinned for the stage now, locked ones too.
	Seats(tx *ledger.Tx, s policy.Stage, person string) ([]string, error)
	// Admission is the motion by which the passkey was pinned when event seq was written; "" of a founder.
	Admission(tx *ledger.Tx, s policy.Stage, fingerprint string, seq int64) (string, error)
}

// A Binder is a Memory that knows which passkeys were counter-signed by another one of their person.
type Binder interface {
	// Bond is the counter-signature by which alone the passkey filled the stage when event seq was written; false where there is none.
	Bond(tx *ledger.Tx, s policy.Stage, fingerprint string, seq int64) (statement.Bond, bool, error)
}

// A Charter takes motions and the signatures on them. It is not copied.
type Charter struct {
	Ledger *ledger.Ledger
	People People
	Policy func() *policy.Policy
	Log    string          // name of the ledger, in every statement
	Party  statement.Party // where people sign
	// Effect is called in the transaction in which a motion becomes so, and in which it is ended. Nil: nothing.
	Effect func(tx *ledger.Tx, m *policy.Motion) error
	// Idle refuses to erase a person while something of theirs is in force. Nil: nobody is erased.
	Idle func(tx *ledger.Tx, person string) error
	// Over gives the customers whom a session reached, and refuses to erase its
	// recording where that is not over, held, or erased. Nil: none is erased.
	Over func(tx *ledger.Tx, session string) (customers []string, err error)

	// Glass finds what was done by breaking the glass for a request. Nil: nothing was.
	Glass func(tx *ledger.Tx, request string) (Broken, error)
	// Opposed is called in the transaction in which somebody says no to a motion
	// to ratify. Nil: nothing.
	Opposed func(tx *ledger.Tx, m *policy.Motion, by policy.Principal) error

	// Digest is the hex SHA-256 of the digest of a week. Nil: there is none.
	Digest func(tx *ledger.Tx, week string) (string, error)

	mu     sync.Mutex             // guards proofs
	proofs map[*ledger.Tx]*proofs // of transactions in which something is being proven
	seen   statement.Memory
}

// A View is a motion as it stands, for those who may see it.
type View struct {
	Motion *policy.Motion
	Digest string // hex SHA-256 of the motion as it was made
	Status policy.Status
	Holds  bool
	Used   int // requests that an instruction stood for so far
	Now    time.Time
}

// A Ballot is a statement that one person was shown and may sign once.
type Ballot struct {
	Nonce     string           `json:"nonce"`
	Motion    string           `json:"motion"`
	By        string           `json:"by"`
	Domain    statement.Domain `json:"domain"`
	Statement []byte           `json:"statement"`
	Until     time.Time        `json:"until"`
}

// Challenge is what the passkey signs.
func (b Ballot) Challenge() []byte { return statement.Challenge(b.Domain, b.Statement) }

// ErrUnknown is the answer to a code that does not exist or is not the asker's to see.
var ErrUnknown = errors.New("there is no such motion")

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

// See gives the motion to those who may see it, and ErrUnknown to everybody else.
func (c *Charter) See(ctx context.Context, who policy.Principal, id string) (v View, err error) {
	if !ValidCode(id) {
		return View{}, ErrUnknown
	}
	err = c.Ledger.View(ctx, func(tx *ledger.Tx) error {
		v, err = c.see(tx, who, id)
		return err
	})
	return v, err
}

func (c *Charter) see(tx *ledger.Tx, who policy.Principal, id string) (View, error) {
	v, err := c.view(tx, id)
	if err != nil {
		return View{}, err
	}
	if !c.maySee(tx, who, v.Motion) {
		return View{}, ErrUnknown
	}
	return v, nil
}

func (c *Charter) maySee(tx *ledger.Tx, who policy.Principal, m *policy.Motion) bool {
	return c.Policy().Decide(policy.Question{Now: tx.Now(), Who: who, Do: policy.See, Motion: m}).Verdict == policy.Allow
}

// view is the motion with the votes that count.
func (c *Charter) view(tx *ledger.Tx, id string) (View, error) {
	r, err := load(tx.Get, id)
	if err != nil {
		return View{}, err
	}
	m, status, err := c.stand(tx, r)
	if err != nil {
		return View{}, err
	}
	var u uses
	if _, err := tx.Get(usesKey(id), &u); err != nil {
		return View{}, err
	}
	holds := r.Phase == policy.Approved && m.Holds(tx.Now())
	return View{Motion: m, Digest: r.digest(), Status: status, Holds: holds, Used: len(u.Requests), Now: tx.Now()}, nil
}

// List gives the motions that who may see, of these kinds (none: all), newest first.
func (c *Charter) List(ctx context.Context, who policy.Principal, kinds ...policy.MotionKind) (all []View, err error) {
	err = c.Ledger.View(ctx, func(tx *ledger.Tx) error {
		all = nil
		ids, err := c.seenBy(tx, who, kinds)
		if err != nil {
			return err
		}
		for _, id := range ids {
			v, err := c.view(tx, id)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	return all, err
}
