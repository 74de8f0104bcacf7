package notify

import (
	"context"
	"errors"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A Topic is what a notice is about.
type Topic string

// Topics. Those that say that nothing can be undone by being late are sent
// after an outage too; the others only while they still matter.
const (
	Asked   Topic = "asked"   // one's own request is on its way
	Waits   Topic = "waits"   // the person is asked to decide, or reminded of it
	Decided Topic = "decided" // what was waited for is over: approved, declined, expired, withdrawn
	Gone    Topic = "gone"    // the person was asked, and is not any more: they left the group, or were dismissed
	Said    Topic = "said"    // somebody wrote into the thread
	Session Topic = "session" // a session began, ended, was frozen; its recording can be watched
	Ending  Topic = "ending"  // one's own access is soon over
	Ended   Topic = "ended"   // the access is over: its time, given back, revoked
	Motion  Topic = "motion"  // a motion waits for the person's signature, or was decided
	Account Topic = "account" // one's own keys, sign-ins and channels changed
	Glass   Topic = "glass"   // the glass was broken, or waits to be ratified
	Alarm   Topic = "alarm"   // something is wrong with the gateway, or nobody could be reached
	Digest  Topic = "digest"  // the weekly digest, the monthly statement
	Ping    Topic = "ping"    // the monthly test
	Deed    Topic = "deed"    // an event as it is, for programs
)

// A Notice is one thing to tell one person, or one place, over one channel. It
// holds no text of anybody: what is said is made when it is sent, out of how
// things stand then, so that nothing outlives an erasure and nothing stale is said.
type Notice struct {
	ID      string    `json:"id"`              // the same at every attempt, for who wants to know whether it came before
	Channel string    `json:"channel"`         // Channel.Name
	To      string    `json:"to"`              // id of a person; or a place, as the channel names it ("#prod-access")
	Topic   Topic     `json:"topic"`           //
	About   string    `json:"about"`           // code of the request or motion, id of the session or person: what comes in order
	Seq     int64     `json:"seq"`             // of the event it is sent because of; -1: of none (Ping, Digest)
	Kind    string    `json:"kind"`            // of that event
	At      time.Time `json:"at"`              // of that event
	Stage   int       `json:"stage,omitempty"` // of Waits: for which stage the person is asked
	Rung    int       `json:"rung,omitempty"`  // of Waits: 0 for the first time, else which step of the escalation
}

// A Channel carries notices: Slack, mail, one receiver of webhooks.
type Channel interface {
	// Name is the same for ever: "slack", "mail", "webhook:siem". It is a key of what is kept.
	Name() string
	// Address is where the channel reaches the person, for people to read; "" where it does not.
	Address(tx *ledger.Tx, p policy.Principal) (string, error)
	// Send carries the notice, or says why not: nil only once the other side has taken it. It is called again
	// with the same notice until then, never twice at a time for one To and About. A *Later says when to come
	// back; ErrNever that there is no use in coming back; any other error that there may be.
	Send(ctx context.Context, n Notice) error
}

// A Later asks to come back.
type Later struct {
	After time.Duration // as the other side wants it
	Err   error
}

func (l *Later) Error() string { return l.Err.Error() }

func (l *Later) Unwrap() error { return l.Err }

// ErrNever says that the other side will not take a notice, whenever it comes: the
// person's address does not exist. It is an alarm, and the other channels go on.
var ErrNever = errors.New("it cannot be delivered")

// ErrMoot says that there is nothing to tell the reader, or no more: a Story that
// they may not see. A channel hands it on, and the notice is dropped.
var ErrMoot = errors.New("there is nothing to tell")

// A Place is where a channel tells something that is not for one person.
type Place struct {
	Channel  string
	To       string
	Topics   []Topic  // what is told there
	Kinds    []string // of Deed: kinds of events, "request.*" for all of a sort; none: all
	Customer string   // of Deed: only what concerns that customer; "" all
}

// A Setting is how a person wants to be told. The zero Setting is: in English, over every channel, at any hour.
type Setting struct {
	Lang  string   `json:"lang,omitempty"`  // "en" or "da"
	Mail  string   `json:"mail,omitempty"`  // address; "": the person's id, where that is one
	Off   []string `json:"off,omitempty"`   // channels not to use; the last that reaches the person cannot be taken away
	Quiet Quiet    `json:"quiet,omitzero"`  // when only what cannot wait is sent: Glass, Alarm, and the last rung of an escalation
	Since int64    `json:"since,omitempty"` // event that set it

	Was []Former `json:"was,omitempty"` // addresses before the last changes
}

// A Former is an address that is told for a while what becomes of the account.
type Former struct {
	Mail  string    `json:"mail"`
	Until time.Time `json:"until"`
}

// Quiet are hours of each day.
type Quiet struct {
	From time.Duration `json:"from"` // since midnight
	To   time.Duration `json:"to"`   // From > To: over midnight; the same: never
	Zone string        `json:"zone"` // "Europe/Copenhagen"
}

// A Story is what one reader may be told of a notice, as things stand now: the
// same words for every channel, which lays them out. All texts are plain, on one
// line, in the reader's language, and hold nothing that the linter refuses.
type Story struct {
	Lang     string
	Code     string   // "7KQM"
	Title    string   // "Access request 7KQM: answer by 15:02"
	Lead     string   // one sentence: who asks for how long on what; what happened
	Facts    []Fact   // in the order of reading: customer, why, may, normal?, answer by
	Next     string   // what happens if one does nothing; "" where nothing waits
	Page     string   // the one harmless link: an absolute address of the portal; "" for none
	Open     bool     // the reader can still decide on it
	Outcome  string   // "Approved by Max (executive) at 14:31 for 30 min"; "" while it is open
	Entries  []string // of a thread: what came since, oldest first
	Tree     string   // checkpoint of the log, of so much as the reader may see: for the foot of mails
	View     approvals.View
	Question string // of Said: who wrote what
	Thread   string // of Said: the customer whose thread it stands in; "" the board's
	Did      string // of a session that ended: what was done in it, in numbers, for anybody to read
}

// A Fact is a line of a story.
type Fact struct {
	Key   string // "why": never translated, for layouts that pick
	Label string // "Why"
	Text  string
}
