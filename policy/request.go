package policy

import (
	"slices"
	"time"
)

// Need is why a person asks.
type Need struct {
	Reason Reason `json:"reason"`
	Text   string `json:"text"`
	Ticket string `json:"ticket,omitempty"`
}

// A Request is immutable but for its votes and its withdrawal: any other
// change is a new request.
type Request struct {
	ID             string        `json:"id"` // the short code, "7KQM"
	At             time.Time     `json:"at"`
	Who            Principal     `json:"who"`
	Target         string        `json:"target"`
	Login          string        `json:"login"`
	ReadOnly       bool          `json:"read_only,omitempty"` // the login is declared to change nothing
	Actions        []Action      `json:"actions"`
	To             []string      `json:"to,omitempty"`        // of forward: Rule.Bounds.To when made
	Customers      []string      `json:"customers,omitempty"` // every customer that the login reaches
	Need           Need          `json:"need"`
	For            time.Duration `json:"for"`
	ActivateWithin time.Duration `json:"activate_within"`
	Stages         []Stage       `json:"stages"` // copied when made
	Rule           string        `json:"rule"`
	Policy         string        `json:"policy"`              // digest
	Machine        string        `json:"machine"`             // Target.Machine when made
	Extends        string        `json:"extends,omitempty"`   // the grant that it asks more time for
	Witnesses      int           `json:"witnesses,omitempty"` // Rule.Witnesses when made
	Emergency      bool          `json:"emergency,omitempty"` // by breaking the glass
	Glass          string        `json:"glass,omitempty"`     // the number of the sealed code that was shown for it

	Votes     []Vote    `json:"votes,omitempty"`
	Withdrawn time.Time `json:"withdrawn,omitzero"`
}

// A Verdict of a vote; the zero is neither.
const (
	Yes = "approve"
	No  = "reject"
)

// Terms are what a yes is limited to. What is zero is as it was asked, but for
// the time: a yes says how long, or it gives nothing.
type Terms struct {
	For       time.Duration `json:"for"`                 // at most this long
	NotBefore time.Time     `json:"not_before,omitzero"` // enforced: it does not start earlier
	Actions   []Action      `json:"actions,omitempty"`   // enforced: these alone, of those asked for
	ReadOnly  bool          `json:"read_only,omitempty"` // enforced: only what can change nothing
	NoFiles   bool          `json:"no_files,omitempty"`  // enforced: no file transfer
	Watched   bool          `json:"watched,omitempty"`   // enforced: nothing passes while none of those who decide watches
	Promise   string        `json:"promise,omitempty"`   // not enforced: the engineer promises it
}

// A Vote is one person's answer to one stage of a request, or to a motion.
type Vote struct {
	By         Principal `json:"by"`
	At         time.Time `json:"at"`
	Stage      int       `json:"stage"`
	Verdict    string    `json:"verdict"` // Yes or No; anything else counts as No
	Terms                // of a Yes
	Comment    string    `json:"comment,omitempty"`
	Behalf     string    `json:"behalf,omitempty"`     // for whom By voted as a deputy; both count as one person
	Delegation string    `json:"delegation,omitempty"` // the motion that made By a deputy
	Standing   string    `json:"standing,omitempty"`   // the customer's own signed motion that stands for its vote; By is nobody then
	Statement  []byte    `json:"statement,omitempty"`  // the bytes signed; of a Yes
	Assertion  []byte    `json:"assertion,omitempty"`  // JSON of statement.Assertion; of a Yes
	Key        string    `json:"key,omitempty"`        // fingerprint of the passkey
	Seq        int64     `json:"seq"`                  // the event that carries it
}

// A Phase is where a request stands. The zero Phase gives nothing.
type Phase string

// Phases of a request.
const (
	Pending   Phase = "pending"
	Approved  Phase = "approved"
	Rejected  Phase = "rejected"
	Expired   Phase = "expired"
	Withdrawn Phase = "withdrawn"
)

// Leave is what the terms leave of some actions. A shell can be kept from
// changing anything only by a login that is declared so.
func (t Terms) Leave(all []Action, readOnlyLogin bool) []Action {
	return slices.DeleteFunc(slices.Clone(all), func(a Action) bool {
		switch {
		case len(t.Actions) > 0 && !slices.Contains(t.Actions, a):
			return true
		case t.NoFiles && (a == SFTPGet || a == SFTPPut):
			return true
		}
		return t.ReadOnly && !readOnly(a, readOnlyLogin)
	})
}

// readOnly says whether an action can be kept from changing anything.
func readOnly(a Action, login bool) bool {
	switch a {
	case SFTPGet, HTTPGet:
		return true
	case Shell, Exec:
		return login
	}
	return false
}
