package charter

import (
	"context"
	"errors"
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

// A Charter takes motions and the signatures on them.
type Charter struct {
	Ledger *ledger.Ledger
	People People
	Policy func() *policy.Policy
	Log    string          // name of the ledger, in every statement
	Party  statement.Party // where people sign
	// Effect is called in the transaction in which a motion becomes so, and in which it is ended. Nil: nothing.
	Effect func(tx *ledger.Tx, m *policy.Motion) error
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

var errNotYet = errors.New("not built yet")

// Propose makes a motion, or returns the open one that says exactly the same.
// Its ID, At, By and Stage are filled in here. The error is a *Refusal where
// the person can mend it.
func (c *Charter) Propose(ctx context.Context, who policy.Principal, m policy.Motion) (View, error) {
	return View{}, errNotYet
}

// Prepare writes the statement that who would sign for the motion. Its hash is in the log before it is shown.
func (c *Charter) Prepare(ctx context.Context, who policy.Principal, id string) (Ballot, error) {
	return Ballot{}, errNotYet
}

// Sign counts a yes: the ballot that was shown to who, signed. It is used up whatever comes of it.
func (c *Charter) Sign(ctx context.Context, who policy.Principal, ballot string, a statement.Assertion) (View, error) {
	return View{}, errNotYet
}

// Oppose counts a no. It needs no touch.
func (c *Charter) Oppose(ctx context.Context, who policy.Principal, id, comment string) (View, error) {
	return View{}, errNotYet
}

// End takes a motion back, or ends what it made so where one person may.
func (c *Charter) End(ctx context.Context, who policy.Principal, id, why string) (View, error) {
	return View{}, errNotYet
}

// See gives the motion to those who may see it, and ErrUnknown to everybody else.
func (c *Charter) See(ctx context.Context, who policy.Principal, id string) (View, error) {
	return View{}, errNotYet
}

// List gives the motions that who may see, of these kinds (none: all), newest first.
func (c *Charter) List(ctx context.Context, who policy.Principal, kinds ...policy.MotionKind) ([]View, error) {
	return nil, errNotYet
}

// Proven gives a motion whose every counted signature was verified again just
// now, from the bytes that were signed, by keys that were pinned. The error
// says why it is not in force.
func (c *Charter) Proven(tx *ledger.Tx, id string) (*policy.Motion, error) { return nil, errNotYet }

// Delegations gives those that make the person a deputy now, proven; By is the delegator as they are now.
func (c *Charter) Delegations(tx *ledger.Tx, deputy string) ([]*policy.Motion, error) {
	return nil, nil
}

// Instruction finds what stands for a customer's vote on the request: that
// customer's settings by which notice is enough, or an instruction whose scope,
// time and budget cover it, proven. Nil: nothing does.
func (c *Charter) Instruction(tx *ledger.Tx, customer string, q *policy.Request) (*policy.Motion, error) {
	return nil, nil
}

// Use counts one use of an instruction by a request; its error is a *Refusal when the budget is spent.
func (c *Charter) Use(tx *ledger.Tx, id, request string) error { return errNotYet }

// Used says whether the request used the instruction.
func (c *Charter) Used(tx *ledger.Tx, id, request string) (bool, error) { return false, errNotYet }

// Quorum is how many of its reviewers a customer wants to say yes; 0: as the rule says.
func (c *Charter) Quorum(tx *ledger.Tx, customer string) (int, error) { return 0, nil }

// Declared gives the proof that the person signed the declaration with this digest; none when they did not.
func (c *Charter) Declared(tx *ledger.Tx, person, digest string) ([]policy.Proof, error) {
	return nil, nil
}

// ErrUnknown is the answer to a code that does not exist or is not the asker's to see.
var ErrUnknown = errors.New("there is no such motion")

// A Refusal is a no that the person may read; it is not a failure.
type Refusal struct {
	Code policy.Code
	Why  string
}

func (r *Refusal) Error() string { return r.Why }
