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
	Customers      []string      `json:"customers,omitempty"` // every customer that the login reaches
	Need           Need          `json:"need"`
	For            time.Duration `json:"for"`
	ActivateWithin time.Duration `json:"activate_within"`
	Stages         []Stage       `json:"stages"` // copied when made
	Rule           string        `json:"rule"`
	Policy         string        `json:"policy"`            // digest
	Machine        string        `json:"machine"`           // Target.Machine when made
	Extends        string        `json:"extends,omitempty"` // the grant that it asks more time for

	Votes     []Vote    `json:"votes,omitempty"`
	Withdrawn time.Time `json:"withdrawn,omitzero"`
}

// A Verdict of a vote; the zero is neither.
const (
	Yes = "approve"
	No  = "reject"
)

// Terms are what a yes is limited to. Whatever is zero is as it was asked.
type Terms struct {
	For       time.Duration `json:"for"`                 // at most this long
	NotBefore time.Time     `json:"not_before,omitzero"` // enforced: it does not start earlier
	Actions   []Action      `json:"actions,omitempty"`   // enforced: these alone, of those asked for
	ReadOnly  bool          `json:"read_only,omitempty"` // enforced: only what can change nothing
	NoFiles   bool          `json:"no_files,omitempty"`  // enforced: no file transfer
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

// A StageStatus is how far one stage has come.
type StageStatus struct {
	Stage
	Phase  Phase // Pending, Approved, Rejected or Expired
	Open   bool  // may be voted on now
	Yes    []Vote
	No     []Vote
	Answer time.Time // when it expires
	Opened time.Time // since when it may be voted on; zero: not yet
	Passed time.Time // when its quorum was reached
}

// A Status is what the votes of a request come to.
type Status struct {
	Phase     Phase
	At        time.Time // when the phase was reached; zero while pending
	For       time.Duration
	NotBefore time.Time
	Actions   []Action // what every yes so far leaves
	Promises  []string // what the engineer has to accept
	Stages    []StageStatus
}

// HardMax is how long access lasts at most, whatever a rule or a vote says, its extensions included.
const HardMax = 8 * time.Hour

// Tally counts the votes as they stand at now. It believes them: whoever rests
// access on it verifies each vote's signature first.
func (r *Request) Tally(now time.Time) Status {
	s := Status{Phase: Pending, For: min(r.For, HardMax), Actions: r.Actions, Stages: make([]StageStatus, len(r.Stages))}
	opened := r.At
	for _, step := range r.steps() {
		var passed time.Time
		done := true
		for i, g := range r.Stages {
			if g.Step != step {
				continue
			}
			s.Stages[i] = r.count(i, g, opened, now)
			done = done && s.Stages[i].Phase == Approved
			passed = later(passed, s.Stages[i].Passed)
		}
		if opened = later(opened, passed); !done {
			opened = time.Time{} // what comes after is not open
		}
	}
	s.settle(r, now)
	return s
}

// steps lists the steps of the stages, in order.
func (r *Request) steps() []int {
	var out []int
	for _, g := range r.Stages {
		out = append(out, g.Step)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func later(a, b time.Time) time.Time {
	if b.After(a) && !a.IsZero() || a.IsZero() {
		return b
	}
	return a
}

// count puts the votes of stage i together. One person counts once, and so do
// a person and their deputy.
func (r *Request) count(i int, g Stage, opened, now time.Time) StageStatus {
	st := StageStatus{Stage: g, Phase: Pending, Answer: r.At.Add(g.Expires), Opened: opened}
	seen := map[string]bool{r.Who.ID: true, "": true} // nobody votes on their own request
	yes := 0
	for _, v := range r.Votes {
		switch {
		case v.Stage != i || !v.At.Before(st.Answer):
			continue
		case v.Standing != "" && v.Verdict == Yes && g.Kind == ByCustomer: // the customer's own instruction is its whole vote
			yes = max(yes, g.Count)
		case v.Standing != "" || seen[v.By.ID] || v.Behalf != "" && seen[v.Behalf]:
			continue
		case opened.IsZero() || v.At.Before(opened):
			continue
		default:
			seen[v.By.ID] = true
			seen[v.Behalf] = true
		}
		if v.Verdict != Yes {
			st.No = append(st.No, v)
			if st.asked(v.At)-len(st.No) < g.Count {
				st.Phase = Rejected
			}
			continue
		}
		if v.Standing == "" {
			yes++
		}
		if st.Yes = append(st.Yes, v); yes >= g.Count && st.Passed.IsZero() {
			st.Passed = later(v.At, opened)
		}
	}
	switch {
	case g.Count < 1: // a stage that nobody wrote down right
		st.Phase = Rejected
	case st.Phase == Rejected: // a no beats any yes
	case !st.Passed.IsZero():
		st.Phase = Approved
	case !now.Before(st.Answer):
		st.Phase = Expired
	}
	st.Open = st.Phase == Pending && !opened.IsZero()
	return st
}

// asked is how many people the stage asked at an instant: more after each rung.
func (st *StageStatus) asked(at time.Time) int {
	n := st.Of
	for _, r := range st.Escalate {
		if st.risen(r, at) {
			n += r.Of
		}
	}
	return n
}

// risen says whether the stage has waited so long.
func (st *StageStatus) risen(r Rung, at time.Time) bool {
	return !st.Opened.IsZero() && !at.Before(st.Opened.Add(r.After))
}

// settle finds the phase of the whole: any no beats any yes.
func (s *Status) settle(r *Request, now time.Time) {
	var last time.Time
	phases := map[Phase]bool{}
	for _, st := range s.Stages {
		phases[st.Phase] = true
		for _, v := range st.Yes {
			s.narrow(v.Terms, r)
		}
		for _, v := range slices.Concat(st.Yes, st.No) {
			last = later(last, v.At)
		}
	}
	switch {
	case !r.Withdrawn.IsZero() && !now.Before(r.Withdrawn):
		s.Phase, s.At = Withdrawn, r.Withdrawn
	case len(s.Stages) == 0: // access always rests on somebody's yes
		s.Phase, s.At = Rejected, r.At
	case phases[Rejected], len(s.Actions) == 0 && len(r.Actions) > 0: // or the votes have nothing in common
		s.Phase, s.At = Rejected, last
	case phases[Expired]:
		s.Phase, s.At = Expired, s.firstExpiry()
	case !phases[Pending]:
		s.Phase, s.At = Approved, last
	}
}

// narrow takes away what one yes does not give.
func (s *Status) narrow(t Terms, r *Request) {
	if s.For = min(s.For, t.For); t.For <= 0 {
		s.For = 0
	}
	s.NotBefore = later(s.NotBefore, t.NotBefore)
	s.Actions = t.Leave(s.Actions, r.ReadOnly)
	if t.Promise != "" && !slices.Contains(s.Promises, t.Promise) {
		s.Promises = append(s.Promises, t.Promise)
	}
}

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

func (s *Status) firstExpiry() time.Time {
	var at time.Time
	for _, st := range s.Stages {
		if st.Phase == Expired && (at.IsZero() || st.Answer.Before(at)) {
			at = st.Answer
		}
	}
	return at
}

// A Grant lets one Principal do some Actions on one Target for a while. A nil
// Grant permits nothing.
type Grant struct {
	ID             string        `json:"id"` // of the request it came from
	Who            Principal     `json:"who"`
	Target         string        `json:"target"`
	Login          string        `json:"login"`
	Actions        []Action      `json:"actions"`
	Customers      []string      `json:"customers,omitempty"`
	Reason         Reason        `json:"reason"`
	Machine        string        `json:"machine"` // Target.Machine when it was asked for
	For            time.Duration `json:"for"`
	Made           time.Time     `json:"made"`
	ActivateBefore time.Time     `json:"activate_before"`
	NotBefore      time.Time     `json:"not_before,omitzero"`
	Promises       []string      `json:"promises,omitempty"` // what the engineer has to accept first
	Accepted       time.Time     `json:"accepted,omitzero"`  // when they did
	Stages         []Stage       `json:"stages,omitempty"`   // that were passed
	Extends        string        `json:"extends,omitempty"`  // the grant that this one goes on from
	Spent          time.Duration `json:"spent,omitempty"`    // time given by those it goes on from
	Activated      time.Time     `json:"activated,omitzero"` // first use; the clock runs from here
	NotAfter       time.Time     `json:"not_after,omitzero"` // Activated + For
	Sessions       int           `json:"sessions,omitempty"` // opened so far
	Revoked        time.Time     `json:"revoked,omitzero"`
	RevokedBy      string        `json:"revoked_by,omitempty"`
	RevokedWhy     string        `json:"revoked_why,omitempty"`
}

// Over says why the grant gives nothing at now; "" while it is in force or
// waits for its first use.
func (g *Grant) Over(now time.Time) string {
	switch {
	case g == nil:
		return "there is no grant"
	case !g.Revoked.IsZero():
		return "the grant was revoked by " + g.RevokedBy + suffix(g.RevokedWhy)
	case now.Before(g.Made):
		return "the clock stands before the grant was made"
	case g.Activated.IsZero() && !now.Before(g.ActivateBefore):
		return "the grant was not used in time"
	case !g.Activated.IsZero() && !now.Before(g.NotAfter):
		return "the time of the grant is up"
	}
	return ""
}

func suffix(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// Until is the first instant at which the grant gives nothing any more.
func (g *Grant) Until() time.Time {
	if g.Activated.IsZero() {
		return g.ActivateBefore
	}
	return g.NotAfter
}
