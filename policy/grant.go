package policy

import "time"

// HardMax is how long access lasts at most, whatever a rule or a vote says, its extensions included.
const HardMax = 8 * time.Hour

// A Grant lets one Principal do some Actions on one Target for a while. A nil
// Grant permits nothing.
type Grant struct {
	ID             string        `json:"id"` // of the request it came from
	Who            Principal     `json:"who"`
	Target         string        `json:"target"`
	Login          string        `json:"login"`
	Actions        []Action      `json:"actions"`
	To             []string      `json:"to,omitempty"` // host:port that tunnels may end at
	Customers      []string      `json:"customers,omitempty"`
	Reason         Reason        `json:"reason"`
	Machine        string        `json:"machine"` // Target.Machine when it was asked for
	For            time.Duration `json:"for"`
	Made           time.Time     `json:"made"`
	ActivateBefore time.Time     `json:"activate_before"`
	NotBefore      time.Time     `json:"not_before,omitzero"`
	Watched        bool          `json:"watched,omitempty"`   // nothing passes while none of those who decided watches
	Promises       []string      `json:"promises,omitempty"`  // what the engineer has to accept first
	Accepted       time.Time     `json:"accepted,omitzero"`   // when they did
	Stages         []Stage       `json:"stages,omitempty"`    // that were passed
	Witnesses      int           `json:"witnesses,omitempty"` // of the request
	Emergency      bool          `json:"emergency,omitempty"` // of the request
	Extends        string        `json:"extends,omitempty"`   // the grant that this one goes on from
	Spent          time.Duration `json:"spent,omitempty"`     // time given by those it goes on from
	Activated      time.Time     `json:"activated,omitzero"`  // first use; the clock runs from here
	NotAfter       time.Time     `json:"not_after,omitzero"`  // Activated + For
	Sessions       int           `json:"sessions,omitempty"`  // opened so far
	Revoked        time.Time     `json:"revoked,omitzero"`
	RevokedBy      string        `json:"revoked_by,omitempty"`
	RevokedWhy     string        `json:"revoked_why,omitempty"`
}

// Over says why the grant gives nothing at now; "" while it is in force or
// waits for its first use.
func (g *Grant) Over(now time.Time) string { return g.over(now).String() }

func (g *Grant) over(now time.Time) Sentence {
	switch {
	case g == nil:
		return Says("there is no grant")
	case !g.Revoked.IsZero() && g.RevokedWhy == "":
		return Says("the grant was revoked by %s", g.RevokedBy)
	case !g.Revoked.IsZero():
		return Says("the grant was revoked by %s: %s", g.RevokedBy, g.RevokedWhy)
	case now.Before(g.Made):
		return Says("the clock stands before the grant was made")
	case g.Activated.IsZero() && !now.Before(g.ActivateBefore):
		return Says("the grant was not used in time")
	case !g.Activated.IsZero() && !now.Before(g.NotAfter):
		return Says("the time of the grant is up")
	}
	return Sentence{}
}

// Until is the first instant at which the grant gives nothing any more.
func (g *Grant) Until() time.Time {
	if g.Activated.IsZero() {
		return g.ActivateBefore
	}
	return g.NotAfter
}
