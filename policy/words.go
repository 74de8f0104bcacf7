package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// A Kind is what a person (or machine) is to Lockbox. The zero Kind may nothing.
type Kind string

// Kinds of principal.
const (
	Staff     Kind = "staff"
	Executive Kind = "executive"
	Reviewer  Kind = "customer" // speaks for one customer
	Auditor   Kind = "auditor"
	Machine   Kind = "machine"
)

// ErrNobody is the error of who looks somebody up that is not, or not any more, enrolled.
var ErrNobody = errors.New("nobody with this id is enrolled")

// A Principal is one person or machine, known by a proven key.
type Principal struct {
	ID       string   `json:"id"` // unique and for ever: "eng@example.eu"
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	Groups   []string `json:"groups,omitempty"`   // of the policy, into which an identity provider's id put them (sso); never a name that the provider gave
	Customer string   `json:"customer,omitempty"` // whom a Reviewer speaks for
	Vouched  string   `json:"vouched,omitempty"`  // who confirmed this person's first key; "" when founded
	Admitted bool     `json:"admitted,omitempty"` // their passkey is pinned: without it an executive or reviewer is nobody
}

// A ProofKind is a way in which somebody showed who they are.
type ProofKind string

// Kinds of proof.
const (
	Passkey ProofKind = "passkey" // a WebAuthn assertion with user verification
	SSHKey  ProofKind = "ssh-key"
	Cookie  ProofKind = "session" // a signed-in portal session

	Declared ProofKind = "declaration" // a signed declaration of confidentiality; For is its digest
)

// A Proof counts for one person and for the one thing it was given for.
type Proof struct {
	Kind ProofKind `json:"kind"`
	Of   string    `json:"of"`  // Principal.ID
	At   time.Time `json:"at"`  // when it was given
	For  string    `json:"for"` // the Question.Binding it was given for; "" for a sign-in
}

// An Action is something a person asks to do.
type Action string

// Actions on a target need a grant; the others are about requests, sessions and people.
const (
	Shell   Action = "shell"
	Exec    Action = "exec"
	SFTPGet Action = "sftp-get"
	SFTPPut Action = "sftp-put"
	Forward Action = "forward"
	Agent   Action = "agent"      // use the person's SSH agent from the target
	X11     Action = "x11"        // open windows on the person's display from the target
	HTTPGet Action = "http-read"  // safe methods: GET, HEAD, OPTIONS
	HTTPPut Action = "http-write" // all others

	Approve  Action = "approve"
	Reject   Action = "reject"
	See      Action = "see"      // look at a request or a motion
	Say      Action = "say"      // write into the thread of a request
	Withdraw Action = "withdraw" // take one's own request back
	Extend   Action = "extend"   // ask for more time under one's own grant
	Accept   Action = "accept"   // promise what approvers asked for
	GiveBack Action = "give-back"
	Revoke   Action = "revoke"
	Touch    Action = "touch" // start one's own session with a passkey
	Watch    Action = "watch"
	Replay   Action = "replay"   // also: comment on a recording, and mark it as reviewed
	Freeze   Action = "freeze"   // hold an open session back, and let it go on
	Preserve Action = "preserve" // keep a recording beyond its time, and let that go
	Vouch    Action = "vouch"    // confirm the first key of another person
	LogIn    Action = "log-in"   // let an SSH key of a terminal stand for oneself for some hours
	ReadLog  Action = "read-log" // read a log: Customer's, or the main one

	Propose Action = "propose" // make a motion
	Sign    Action = "sign"    // say yes to a motion, with a passkey
	Oppose  Action = "oppose"  // say no to a motion
	End     Action = "end"     // end a motion that holds, or take one back
)

// OnTarget lists the actions that a rule can permit and a grant can hold.
func OnTarget() []Action {
	return []Action{Shell, Exec, SFTPGet, SFTPPut, Forward, Agent, X11, HTTPGet, HTTPPut}
}

// Customer is one whose data some targets hold. Who speaks for it is not here:
// its reviewers are pinned in the ledger and change by its own vote.
type Customer struct {
	ID        string
	Name      string
	FoundedBy []string // fingerprints of the first reviewers' passkeys

	SealTo []string      // age public keys ("age1pq1…") that open the recordings of sessions that reach this customer only
	Keep   time.Duration // recordings that may hold its data are destroyed after so long; 0: as the rule says
}

// A Login is an account on a target and the customers whose data it reaches.
type Login struct {
	Name     string // "support_{{customer}}" stands for one login per customer
	One      bool   // reaches the one customer named in it; else all customers of the target
	ReadOnly bool   // the target itself lets it change nothing
}

// A Target is one machine or application behind a door.
type Target struct {
	Name      string
	Kind      string // "ssh" or "http"
	Address   string // host:port
	HostKey   string // SHA256:… of the pinned host key; "" where HostCA is set, and for http
	HostCA    string // SHA256:… of the key that signs the target's host certificates
	Logins    []Login
	Class     string // "" is production
	Owner     string
	Location  string
	Customers []string // ids of those whose data it holds
	Labels    map[string]string
	Web       Web // of http
}

// A Web is how an application behind the HTTP door is spoken to. The zero Web
// is over TLS, with a certificate for the host in its address that the machine's
// own roots vouch for.
type Web struct {
	Plain  bool   // there is no TLS
	CA     string // SHA256:… of the certificate that vouches for its own, or is it; "": the machine's roots
	Name   string // in its certificate; "": the host in its address
	Client bool   // it asks for a certificate of ours

	Host          string        // what it is told as Host; "": what the browser says
	Authorization bool          // the browser's header Authorization is passed on
	Secrets       []string      // names of headers, parameters and fields of forms whose values are never written down
	Answer        time.Duration // how long it may take to begin an answer; 0: AnswerDefault
	Silent        time.Duration // how long an exchange may move nothing; 0: SilentDefault
	Streams       int           // exchanges with it at once, of everybody; 0: StreamsDefault
}

// What holds for an application that says nothing.
const (
	AnswerDefault  = time.Minute
	SilentDefault  = 10 * time.Minute
	StreamsDefault = 2000
)

// Production says whether an executive must approve access. No class is
// production, and so is one that nobody knows.
func (t *Target) Production() bool {
	switch t.Class {
	case "staging", "test", "development":
		return false
	}
	return true
}

// Machine is the hex SHA-256 of what makes this target that one machine: a
// grant for it is for no other that is given its name later.
func (t *Target) Machine() string {
	b := []byte("lockbox/machine/v1\x00")
	for _, s := range append([]string{t.Name, t.Kind, t.Address, t.HostKey, t.HostCA, t.Class}, slices.Sorted(slices.Values(t.Customers))...) {
		b = append(append(strconv.AppendInt(b, int64(len(s)), 10), ':'), s...)
	}
	if w := t.Web; w.Plain || w.CA+w.Name+w.Host != "" || w.Client {
		b = fmt.Appendf(b, "/web %t %q %q %q %t", w.Plain, w.CA, w.Name, w.Host, w.Client)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A Reason is why somebody needs access.
type Reason string

// Reasons returns the reason codes there are.
func Reasons() []Reason {
	return []Reason{"customer-case", "outage", "planned", "security-review", "legal-order"}
}

// A StageKind is whose yes a stage waits for.
type StageKind string

// Kinds of stage.
const (
	ByExecutive StageKind = "executive"
	ByCustomer  StageKind = "customer"
	ByPeer      StageKind = "peer"  // a member of the group, of the staff, who is not the one who asks
	ByOwner     StageKind = "owner" // the target's owner: that person, or a member of that group
	BySelf      StageKind = "self"  // of motions only: the one who made it

	ByGlass StageKind = "break-glass" // of emergencies: a sealed code, and a member of the group who is not the one who asks
)

// A Rung is one step of an escalation: what happens when a stage has waited so long.
type Rung struct {
	After  time.Duration `json:"after"`            // since the stage opened
	Remind string        `json:"remind,omitempty"` // "all": everybody whom the stage asks is told again
	To     string        `json:"to,omitempty"`     // a group whose members may decide from then on, being of the stage's kind
	Of     int           `json:"of,omitempty"`     // people whom To added when the request was made
}

// A Stage is a part of an approval: so many votes from such people.
type Stage struct {
	Kind     StageKind     `json:"kind"`
	Group    string        `json:"group,omitempty"`    // voters must be members; "" for all of that kind; of ByOwner the owner
	Customer string        `json:"customer,omitempty"` // whose reviewers vote, for ByCustomer
	Count    int           `json:"count"`              // votes to approve; at least 1
	Of       int           `json:"of"`                 // people who could vote when the request was made
	Expires  time.Duration `json:"expires"`            // from when the request was made
	Step     int           `json:"step"`               // stages of one step are open together, once all earlier ones passed
	Escalate []Rung        `json:"escalate,omitempty"` // in the order of After
}

// Limits bound what a rule gives.
type Limits struct {
	Default        time.Duration
	Max            time.Duration
	Idle           time.Duration // 0: none
	ActivateWithin time.Duration
}

// Hours are the days and times of day in which a rule permits.
type Hours struct {
	Days     []time.Weekday
	From, To time.Duration // since midnight; half-open; To > From
	Zone     *time.Location
}

// Recording says what is written down. A session is always recorded.
type Recording struct {
	Input bool          // what is typed, never while the terminal does not echo
	Keep  time.Duration // 0: for ever
	SFTP  string        // "digest" (the default): paths, sizes and hashes; "full": contents too
	HTTP  string        // "metadata" (the default); "full": bodies too

	Strict bool    // nothing is forwarded before it is on disk; else at most 1 s or 64 KiB before
	Bulk   int64   // bytes kept of each stream that is no terminal's, then its size and SHA-256 only; 0: DefaultBulk
	Redact Redact  // what is taken out before it is sealed
	Seal   Readers // to whom the session's key is sealed; 0: to the vault
}

// DefaultBulk is how much is kept of a stream where no rule says.
const DefaultBulk = 16 << 20

// Redact says what is taken out of what a target writes: a sum of bits.
type Redact uint8

// What can be taken out.
const (
	RedactTokens Redact = 1 << iota // access tokens and passwords in the forms that are known
	RedactKeys                      // private keys
	RedactCPR                       // Danish person numbers
	RedactCards                     // payment card numbers
)

// Readers are those to whom recordings are sealed: a sum of bits.
type Readers uint8

// Who can be a reader.
const (
	ToVault    Readers = 1 << iota // this gateway's vault key, or the one kept elsewhere
	ToAuditor                      // Policy.Auditors
	ToCustomer                     // the customer's SealTo, where the session reaches one customer only
)

// Bounds are what a rule allows of an action besides its name. A door that
// does not know how to keep one that is set refuses the action.
type Bounds struct {
	To   []string // host:port that direct-tcpip may reach on the target; of forward
	SQL  *SQL     // of forward: the tunnel carries PostgreSQL, and its statements are recorded
	HTTP *HTTP    // of http-read and http-write
	SFTP *SFTP    // of sftp-get and sftp-put
}

// SQL is how a tunnelled PostgreSQL is read along.
type SQL struct {
	TargetTLS string // "require", "verify" or "off"
}

// HTTP bounds what reaches a web application.
type HTTP struct {
	Methods []string // none: every method of the action
	Paths   []string // "/api/**"; none: every path
	MaxBody int64    // bytes; 0: none is set
	Rate    float64  // requests a second; 0: none is set
}

// SFTP bounds file transfers.
type SFTP struct {
	Paths   []string // "/srv/export/**"; none: every path
	MaxFile int64    // bytes; 0: none is set
}

// A Declaration of confidentiality must be signed before somebody may ask.
type Declaration struct {
	Version string
	Text    string
}

// Digest is hex SHA-256 over version and text: what is signed.
func (d *Declaration) Digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "lockbox/declaration/v1\x00%d:%s%d:%s", len(d.Version), d.Version, len(d.Text), d.Text))
	return hex.EncodeToString(sum[:])
}

// A Rule permits or forbids. The zero Rule matches nothing.
type Rule struct {
	Name     string
	Position string // "policy/rules.yaml:12:5"
	Forbid   bool
	Actions  []Action

	Groups  []string          // who: members of any of these …
	People  []string          // … or any of these
	Targets []string          // on: any of these names (none: all) …
	Kinds   []string          // … that is of any of these kinds (none: all) …
	Labels  map[string]string // … and has all of these

	Reasons []Reason // none: any
	Hours   *Hours
	From    []netip.Prefix // none: anywhere
	Ticket  string         // pattern that a ticket must match; "" when none is needed
	Stages  []Stage
	Limits  Limits
	Fresh   time.Duration // how long one touch counts
	// Witnesses is how many of the configured witnesses must have cosigned the
	// log with all that a session rests on before anything passes in it.
	Witnesses int
	Record    Recording
	Bounds    Bounds
}

// Emergency says whether it is for emergencies alone: whoever asks breaks the
// glass, and those who would decide are told, not asked.
func (r *Rule) Emergency() bool {
	for i := range r.Stages {
		if r.Stages[i].Kind == ByGlass {
			return true
		}
	}
	return false
}

// A Policy is what the files under review say. The zero Policy denies everything.
type Policy struct {
	Digest     string // sha256 of the files
	Groups     map[string][]string
	Customers  map[string]Customer
	Executives []string // fingerprints of the first executives' passkeys
	Targets    map[string]*Target
	Rules      []Rule

	Activation  int          // executives who must sign a change in production; less than 2 is 2
	Auditors    []string     // age public keys of those who audit recordings
	Declaration *Declaration // nil: none is asked for
	DeviceBound []Kind       // of people whose passkeys must stay on one device

	index *index // of Ready; nil: every rule is looked at
}

// Activators is how many executives must sign before a change counts.
func (p *Policy) Activators() int {
	if p == nil {
		return 2
	}
	return max(2, p.Activation)
}

// Copied says whether a passkey that its maker may copy to other devices counts for such a person.
func (p *Policy) Copied(k Kind) bool { return p != nil && !slices.Contains(p.DeviceBound, k) }

// Member says whether who is in the group, by the policy or by the identity provider.
func (p *Policy) Member(who Principal, group string) bool {
	return slices.Contains(p.Groups[group], who.ID) || slices.Contains(who.Groups, group)
}
