package api

import (
	"time"

	"lockbox/policy"
)

// A MotionList is some motions.
type MotionList struct {
	Motions []Motion `json:"motions"`
}

// A Proposal is a motion to make. Its page is where it is signed.
type Proposal struct {
	Kind     policy.MotionKind `json:"kind"`
	Customer string            `json:"customer,omitempty" doc:"whose matter it is; absent: the executives', or one's own"`
	About    string            `json:"about,omitempty" doc:"the person admitted, dismissed, made deputy, recovered or erased; the version of a declaration"`
	Name     string            `json:"name,omitempty" doc:"of that person"`
	Key      string            `json:"key,omitempty" doc:"fingerprint of that person's passkey"`
	From     *time.Time        `json:"from,omitempty" doc:"it holds from then on; absent: once it is signed"`
	Until    *time.Time        `json:"until,omitempty" doc:"and not any more; absent: until it is ended"`
	Scope    *Scope            `json:"scope,omitempty" doc:"of delegate and standing; absent: everything"`
	Uses     int               `json:"uses,omitempty" doc:"of standing: so many requests"`
	For      Span              `json:"for,omitempty" doc:"of standing: at most so long each"`
	Notice   bool              `json:"notice,omitempty" doc:"of settings: to be told is enough"`
	Never    bool              `json:"never,omitempty" doc:"of settings: the glass is never broken where the customer's data is"`
	Quorum   int               `json:"quorum,omitempty" doc:"of settings: reviewers who must say yes; absent: as the rule says"`
	Text     string            `json:"text,omitempty"`
}

// A Scope is what a delegation or instruction is for. What is absent is not limited.
type Scope struct {
	Targets []string        `json:"targets,omitempty"`
	Logins  []string        `json:"logins,omitempty"`
	Actions []policy.Action `json:"actions,omitempty"`
	Reasons []policy.Reason `json:"reasons,omitempty"`
	Hours   *Hours          `json:"hours,omitempty" doc:"when the request is made"`
}

// Hours are days and times of day.
type Hours struct {
	Days []string `json:"days" doc:"Mon, Tue, Wed, Thu, Fri, Sat, Sun"`
	From string   `json:"from" doc:"07:30"`
	To   string   `json:"to" doc:"the first minute that is out; 24:00 at the latest"`
	Zone string   `json:"zone" doc:"Europe/Copenhagen"`
}

// A Motion is one as it stands.
type Motion struct {
	Motion string `json:"motion" doc:"its code"`
	URL    string `json:"url" doc:"its page: where it is signed"`
	Proposal
	By      Person       `json:"by"`
	At      time.Time    `json:"at"`
	Config  string       `json:"config,omitempty" doc:"digest of the configuration, of activate"`
	Phase   policy.Phase `json:"phase"`
	Stage   Stage        `json:"stage"`
	Holds   bool         `json:"holds" doc:"it is so now"`
	Used    int          `json:"used" doc:"requests that an instruction stood for so far"`
	Ended   *time.Time   `json:"ended,omitempty"`
	EndedBy string       `json:"ended_by,omitempty"`
	Digest  string       `json:"digest" doc:"hex SHA-256 of the motion as it was made"`
}
