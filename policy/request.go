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
	Actions        []Action      `json:"actions"`
	Customers      []string      `json:"customers,omitempty"` // every customer that the login reaches
	Need           Need          `json:"need"`
	For            time.Duration `json:"for"`
	ActivateWithin time.Duration `json:"activate_within"`
	Stages         []Stage       `json:"stages"` // copied when made
	Rule           string        `json:"rule"`
	Policy         string        `json:"policy"`  // digest
	Machine        string        `json:"machine"` // Target.Machine when made

	Votes     []Vote    `json:"votes,omitempty"`
	Withdrawn time.Time `json:"withdrawn,omitzero"`
}

// A Verdict of a vote; the zero is neither.
const (
	Yes = "approve"
	No  = "reject"
)

// A Vote is one person's answer to one stage of a request.
type Vote struct {
	By        Principal     `json:"by"`
	At        time.Time     `json:"at"`
	Stage     int           `json:"stage"`
	Verdict   string        `json:"verdict"` // Yes or No; anything else counts as No
	For       time.Duration `json:"for"`     // at most this long; of a Yes
	Comment   string        `json:"comment,omitempty"`
	Statement []byte        `json:"statement,omitempty"` // the bytes signed; of a Yes
	Assertion []byte        `json:"assertion,omitempty"` // JSON of statement.Assertion; of a Yes
	Key       string        `json:"key,omitempty"`       // fingerprint of the passkey
	Seq       int64         `json:"seq"`                 // the event that carries it
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
}

// A Status is what the votes of a request come to.
type Status struct {
	Phase  Phase
	At     time.Time // when the phase was reached; zero while pending
	For    time.Duration
	Stages []StageStatus
}

// Tally counts the votes as they stand at now. It believes them: whoever rests
// access on it verifies each vote's signature first.
func (r *Request) Tally(now time.Time) Status {
	s := Status{Phase: Pending, For: r.For}
	for i, g := range r.Stages {
		s.Stages = append(s.Stages, r.count(i, g, now))
	}
	s.open()
	s.settle(r, now)
	return s
}

// count puts the votes of stage i together. One person counts once.
func (r *Request) count(i int, g Stage, now time.Time) StageStatus {
	st := StageStatus{Stage: g, Phase: Pending, Answer: r.At.Add(g.Expires)}
	seen := map[string]bool{r.Who.ID: true} // nobody votes on their own request
	for _, v := range r.Votes {
		if v.Stage != i || seen[v.By.ID] || !v.At.Before(st.Answer) {
			continue
		}
		seen[v.By.ID] = true
		if v.Verdict == Yes {
			st.Yes = append(st.Yes, v)
		} else {
			st.No = append(st.No, v)
		}
	}
	switch {
	case g.Count < 1: // a stage that nobody wrote down right
		st.Phase = Rejected
	case len(st.No) > 0 && g.Of-len(st.No) < g.Count:
		st.Phase = Rejected
	case len(st.Yes) >= g.Count:
		st.Phase = Approved
	case !now.Before(st.Answer):
		st.Phase = Expired
	}
	return st
}

// open marks the stages of the first step that has not passed.
func (s *Status) open() {
	step, found := 0, false
	for _, st := range s.Stages {
		if st.Phase != Approved && (!found || st.Step < step) {
			step, found = st.Step, true
		}
	}
	for i := range s.Stages {
		s.Stages[i].Open = s.Stages[i].Phase == Pending && s.Stages[i].Step == step
	}
}

// settle finds the phase of the whole: any no beats any yes.
func (s *Status) settle(r *Request, now time.Time) {
	var last time.Time
	phases := map[Phase]bool{}
	for _, st := range s.Stages {
		phases[st.Phase] = true
		for _, v := range st.Yes {
			s.For = min(s.For, v.For)
		}
		for _, v := range slices.Concat(st.Yes, st.No) {
			if v.At.After(last) {
				last = v.At
			}
		}
	}
	switch {
	case !r.Withdrawn.IsZero() && !now.Before(r.Withdrawn):
		s.Phase, s.At = Withdrawn, r.Withdrawn
	case len(s.Stages) == 0: // access always rests on somebody's yes
		s.Phase, s.At = Rejected, r.At
	case phases[Rejected]:
		s.Phase, s.At = Rejected, last
	case phases[Expired]:
		s.Phase, s.At = Expired, s.firstExpiry()
	case !phases[Pending]:
		s.Phase, s.At = Approved, last
	}
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
