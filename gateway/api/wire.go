package api

import (
	"time"

	"lockbox/policy"
)

// The types below are a promise to programs: a field may be added, never
// changed. Their doc tags are the manual; see openapi.go.

// A Person is who did or does something.
type Person struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Kind     policy.Kind `json:"kind"`
	Customer string      `json:"customer,omitempty" doc:"whom a customer's reviewer speaks for"`
}

// Me is whose token it is, and what it may do.
type Me struct {
	Person
	Groups   []string  `json:"groups"`
	Token    string    `json:"token" doc:"the token's name; not secret"`
	Scopes   []string  `json:"scopes"`
	Until    time.Time `json:"until" doc:"when the token is over"`
	Declared bool      `json:"declared" doc:"false: sign the confidentiality declaration on the page before you ask"`
}

// A TargetList is what the person may ask for.
type TargetList struct {
	Targets []Target `json:"targets"`
}

// A Target is something that the person may ask for.
type Target struct {
	Name      string          `json:"name"`
	Kind      string          `json:"kind" doc:"ssh or http"`
	URL       string          `json:"url,omitempty" doc:"of an application, which browsers open"`
	Class     string          `json:"class"`
	Location  string          `json:"location"`
	Logins    []Login         `json:"logins"`
	Customers []string        `json:"customers" doc:"to choose from, where a login reaches one"`
	Reasons   []policy.Reason `json:"reasons" doc:"codes that the rule takes"`
	Ticket    string          `json:"ticket,omitempty" doc:"pattern that a ticket must match"`
	Default   Span            `json:"default"`
	Max       Span            `json:"max"`
}

// A Login is an account on a target.
type Login struct {
	Name     string `json:"name"`
	One      bool   `json:"one" doc:"reaches one customer; else all of the target"`
	ReadOnly bool   `json:"read_only"`
}

// A RequestList is some requests.
type RequestList struct {
	Requests []Request `json:"requests"`
	Before   string    `json:"before,omitempty" doc:"of the history: give it as before= to go on; absent at the end"`
}

// A Request is one as it stands, with its grant once it has one.
type Request struct {
	Request   string          `json:"request" doc:"its code"`
	URL       string          `json:"url" doc:"its page"`
	Who       Person          `json:"who"`
	At        time.Time       `json:"at"`
	Target    string          `json:"target"`
	Login     string          `json:"login"`
	ReadOnly  bool            `json:"read_only"`
	Customers []string        `json:"customers"`
	Actions   []policy.Action `json:"actions" doc:"what the votes so far leave of what was asked for"`
	To        []string        `json:"to" doc:"where tunnels may end, of forward: host:port"`
	Reason    policy.Reason   `json:"reason"`
	Need      string          `json:"need"`
	Ticket    string          `json:"ticket"`
	For       Span            `json:"for" doc:"what the votes so far leave of the time asked for"`
	Phase     policy.Phase    `json:"phase"`
	Decided   *time.Time      `json:"decided,omitempty"`
	Extends   string          `json:"extends,omitempty" doc:"the grant that it asks more time for"`
	Stages    []Stage         `json:"stages"`
	Thread    []Remark        `json:"thread"`
	Digest    string          `json:"digest" doc:"hex SHA-256 of the request as it was made"`

	NotBefore *time.Time `json:"not_before,omitempty" doc:"the grant starts then at the earliest"`
	Watched   bool       `json:"watched,omitempty" doc:"nothing passes while none of those who decide watches"`
	Promises  []string   `json:"promises" doc:"what approvers ask the engineer to promise"`
	Accepted  bool       `json:"accepted" doc:"they were promised"`
	Until     *time.Time `json:"until,omitempty" doc:"when the grant is over, or must have been used"`
	Started   bool       `json:"started" doc:"the grant was used"`
	Over      string     `json:"over,omitempty" doc:"why the grant gives nothing any more"`
}

// Live says whether there is a grant that is not over.
func (r Request) Live() bool { return r.Until != nil && r.Over == "" }

// A Stage is a part of an approval.
type Stage struct {
	Kind     policy.StageKind `json:"kind"`
	Group    string           `json:"group,omitempty"`
	Customer string           `json:"customer,omitempty"`
	Count    int              `json:"count" doc:"votes that it takes"`
	Yes      int              `json:"yes"`
	No       int              `json:"no"`
	Open     bool             `json:"open" doc:"it may be voted on now"`
	Phase    policy.Phase     `json:"phase"`
	AnswerBy time.Time        `json:"answer_by"`
	Votes    []Vote           `json:"votes"`
}

// A Vote is one answer.
type Vote struct {
	By        Person          `json:"by"`
	At        time.Time       `json:"at"`
	Verdict   string          `json:"verdict" doc:"approve or reject"`
	For       Span            `json:"for,omitempty"`
	NotBefore *time.Time      `json:"not_before,omitempty"`
	Actions   []policy.Action `json:"actions,omitempty"`
	ReadOnly  bool            `json:"read_only,omitempty"`
	NoFiles   bool            `json:"no_files,omitempty"`
	Watched   bool            `json:"watched,omitempty" doc:"nothing passes while none of those who decide watches"`
	Promise   string          `json:"promise,omitempty"`
	Comment   string          `json:"comment,omitempty"`
	Behalf    string          `json:"behalf,omitempty" doc:"for whom a deputy voted"`
	Standing  string          `json:"standing,omitempty" doc:"the customer's own motion that stands for its vote"`
}

// A Remark is one line of a thread.
type Remark struct {
	By     string    `json:"by"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Thread string    `json:"thread,omitempty" doc:"the customer whose thread it is; absent: the board's"`
	Text   string    `json:"text"`
}

// A Wish is what somebody asks for.
type Wish struct {
	Target   string        `json:"target"`
	Login    string        `json:"login,omitempty" doc:"absent: the target's first"`
	Customer string        `json:"customer,omitempty" doc:"where the login reaches one"`
	Do       policy.Action `json:"do,omitempty" doc:"an action that is wanted; absent: the first that may be asked for. The rule's others come with it"`
	To       string        `json:"to,omitempty" doc:"of do=forward: host:port where the tunnel ends; absent: the first rule's"`
	Reason   policy.Reason `json:"reason,omitempty" doc:"a code; absent: the only one that the rule takes"`
	Need     string        `json:"need" doc:"why, in words: at least 10 characters on one line"`
	Ticket   string        `json:"ticket,omitempty"`
	For      Span          `json:"for,omitempty" doc:"absent: the rule's default"`
}

// More is how much longer somebody asks for.
type More struct {
	For Span   `json:"for"`
	Why string `json:"why"`
}

// A Word is a remark to write.
type Word struct {
	Thread string `json:"thread,omitempty" doc:"a customer; absent: the board's thread"`
	Text   string `json:"text"`
}

// A Comment goes with a no, or with an end.
type Comment struct {
	Comment string `json:"comment,omitempty"`
}

// Nothing is the body of what needs no words: {}.
type Nothing struct{}

// A SessionList is the sessions under a request.
type SessionList struct {
	Sessions []Session `json:"sessions"`
}

// A Session is one visit to a target.
type Session struct {
	ID        string     `json:"id"`
	URL       string     `json:"url"`
	Request   string     `json:"request"`
	Target    string     `json:"target"`
	Login     string     `json:"login"`
	Remote    string     `json:"remote"`
	Who       Person     `json:"who"`
	Customers []string   `json:"customers"`
	Began     time.Time  `json:"began"`
	Ended     *time.Time `json:"ended,omitempty" doc:"absent while it lasts"`
	Cause     string     `json:"cause,omitempty"`
	Root      string     `json:"root,omitempty" doc:"of the sealed recording"`
}

// A Policy is what is in force.
type Policy struct {
	Digest      string       `json:"digest" doc:"SHA-256 of the files"`
	Declaration *Declaration `json:"declaration,omitempty" doc:"what everybody signs before they ask; absent: nothing"`
}

// A Declaration of confidentiality.
type Declaration struct {
	Version string `json:"version"`
	Text    string `json:"text"`
	Digest  string `json:"digest" doc:"hex SHA-256 over version and text: what is signed"`
}

// A TokenList is the person's tokens that are not over.
type TokenList struct {
	Tokens []TokenFacts `json:"tokens"`
}

// TokenFacts is a token without its secret.
type TokenFacts struct {
	Token  string    `json:"token"`
	Scopes []string  `json:"scopes"`
	Made   time.Time `json:"made"`
	Until  time.Time `json:"until"`
	Key    string    `json:"key" doc:"fingerprint of the key that made it"`
}
