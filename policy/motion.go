package policy

import (
	"slices"
	"strings"
	"time"
)

// A MotionKind is what a motion makes so.
type MotionKind string

// Kinds of motion.
const (
	ToAdmit    MotionKind = "admit"    // a person's passkey counts as an executive's, or as a reviewer's of Customer
	ToDismiss  MotionKind = "dismiss"  // it does not any more
	ToActivate MotionKind = "activate" // a policy and configuration are in force
	ToSet      MotionKind = "settings" // a customer's consent rule
	ToInstruct MotionKind = "standing" // a customer's budget that stands for its vote
	ToDelegate MotionKind = "delegate" // a deputy votes for who made it
	ToDeclare  MotionKind = "declare"  // who made it promises confidentiality
	ToRecover  MotionKind = "recover"  // a person lost all passkeys: none of theirs counts, and they may enrol one new
	ToErase    MotionKind = "erase"    // what is known of a person, or a recording, is destroyed, for ever
	ToRatify   MotionKind = "ratify"   // what was done by breaking the glass was right, or its locks are lifted
	ToSeal     MotionKind = "seal"     // sealed codes for breaking the glass count
	ToReview   MotionKind = "review"   // who made it has read the digest of a week
)

// A Scope is what a delegation or instruction is for. The zero Scope is
// everything: whatever is empty is not limited.
type Scope struct {
	Targets []string `json:"targets,omitempty"`
	Logins  []string `json:"logins,omitempty"`
	Actions []Action `json:"actions,omitempty"` // every action of the request must be among them
	Reasons []Reason `json:"reasons,omitempty"`
	Hours   *Hours   `json:"hours,omitempty"` // when the request is made
}

// Covers says whether a request lies within the scope.
func (s Scope) Covers(r *Request) bool {
	in := func(list []string, x string) bool { return len(list) == 0 || slices.Contains(list, x) }
	switch {
	case !in(s.Targets, r.Target), !in(s.Logins, r.Login):
		return false
	case len(s.Reasons) > 0 && !slices.Contains(s.Reasons, r.Need.Reason):
		return false
	case len(s.Actions) > 0 && slices.ContainsFunc(r.Actions, func(a Action) bool { return !slices.Contains(s.Actions, a) }):
		return false
	}
	return s.Hours == nil || s.Hours.hold(r.At)
}

// A Motion becomes so when enough of those whom it takes have signed it. It is
// immutable but for its votes and its end.
type Motion struct {
	ID       string        `json:"id"` // a short code, as of requests
	Kind     MotionKind    `json:"kind"`
	At       time.Time     `json:"at"`
	By       Principal     `json:"by"`
	Customer string        `json:"customer,omitempty"` // whose matter it is; "" the executives', or one's own
	Stage    Stage         `json:"stage"`              // whose signatures it takes
	About    string        `json:"about,omitempty"`    // the code of a request, of ToRatify; the batch of codes, of ToSeal; the week, of ToReview; the person admitted, dismissed, made deputy, recovered or erased; "recording SESSION"; the digest of a policy; the version of a declaration
	Name     string        `json:"name,omitempty"`     // of that person
	Key      string        `json:"key,omitempty"`      // fingerprint of that person's passkey
	Config   string        `json:"config,omitempty"`   // digest of the configuration, of ToActivate; of the request, of ToRatify; of the codes, of ToSeal; of the digest, of ToReview
	From     time.Time     `json:"from,omitzero"`      // it holds from then on; zero: once it is signed
	Until    time.Time     `json:"until,omitzero"`     // and not any more; zero: until it is ended
	Scope    Scope         `json:"scope,omitzero"`     // of ToDelegate and ToInstruct
	Uses     int           `json:"uses,omitempty"`     // of ToInstruct: so many requests
	For      time.Duration `json:"for,omitempty"`      // of ToInstruct: at most so long each
	Notice   bool          `json:"notice,omitempty"`   // of ToSet: to be told is enough
	Quorum   int           `json:"quorum,omitempty"`   // of ToSet: reviewers who must say yes; 0 is what the rule says
	Never    bool          `json:"never,omitempty"`    // of ToSet: the glass is never broken where its data is
	Text     string        `json:"text,omitempty"`     // what else it says, for people

	Votes   []Vote    `json:"votes,omitempty"`
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
}

// OnPerson says whether others decide here on what becomes of the person whom the motion is about.
func (m *Motion) OnPerson() bool {
	return m.Kind == ToAdmit || m.Kind == ToDismiss || m.Kind == ToRecover || m.Kind == ToErase && m.Recording() == ""
}

// OfRecording is what a motion to erase the recording of a session is about. No
// person has such an id.
func OfRecording(session string) string { return "recording " + session }

// Recording is the session whose recording the motion is to erase; "" of every other motion.
func (m *Motion) Recording() string {
	id, ok := strings.CutPrefix(m.About, OfRecording(""))
	if m.Kind != ToErase || !ok || len(id) != 26 || strings.Trim(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		return ""
	}
	return id
}

// Tally counts the signatures as they stand at now. It believes them. People
// sign motions themselves: no deputy and no instruction does it for them, and
// where it takes one's own signature nobody else's counts.
func (m *Motion) Tally(now time.Time) Status {
	r := Request{ID: m.ID, At: m.At, Stages: []Stage{m.Stage}, For: HardMax}
	r.Stages[0].Step, r.Stages[0].Escalate = 0, nil
	for _, v := range m.Votes {
		if v.Behalf == "" && v.Standing == "" && (m.Stage.Kind != BySelf || v.By.ID == m.By.ID) {
			r.Votes = append(r.Votes, v)
		}
	}
	if m.OnPerson() {
		r.Who.ID = m.About // nobody votes on themselves
	}
	s := r.Tally(now)
	if (s.Phase == Pending || s.Phase == Approved && s.At.After(m.Ended)) && !m.Ended.IsZero() && !now.Before(m.Ended) {
		s.Phase, s.At = Withdrawn, m.Ended
	}
	return s
}

// Holds says whether it is so at now: an instant of the past is asked about
// where something rests on what was so then. A nil Motion never is.
func (m *Motion) Holds(now time.Time) bool {
	if m == nil {
		return false
	}
	s := m.Tally(now)
	switch {
	case s.Phase != Approved || now.Before(s.At) || now.Before(m.From):
		return false
	case !m.Until.IsZero() && !now.Before(m.Until):
		return false
	}
	return m.Ended.IsZero() || now.Before(m.Ended)
}
