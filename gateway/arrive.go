package gateway

import (
	"time"

	"lockbox/policy"
)

// An Arrival is a browser that came to an application without a session there,
// and was sent to the portal. It waits at the HTTP door until somebody who may
// goes on with it, or for a day.
type Arrival struct {
	ID     string    // 32 hex digits; no secret: who goes on has to come back with the browser that arrived
	Target string    // the application
	Path   string    // the page that was asked for, as people are shown it
	From   string    // IP address of the browser
	At     time.Time // when it came
}

// Key stands for the browser where a terminal has its SSH key: a touch for one
// browser counts in no other.
func (a Arrival) Key() string { return "browser:" + a.ID }

// Knock is how the arrival asks, for somebody who is signed in at the portal
// with that session.
func (a Arrival) Knock(who policy.Principal, web string, do policy.Action) Knock {
	return Knock{Who: who, Web: web, Key: a.Key(), Do: do, On: a.Target}
}
