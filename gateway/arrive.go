package gateway

import (
	"net/netip"
	"time"

	"lockbox/approvals"
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
func (a Arrival) Key() string { return approvals.Browser + a.ID }

// Knock is how the arrival asks, for somebody who is signed in at the portal
// with that session. They are where their browser came from to the application:
// what it gets goes there.
func (a Arrival) Knock(who policy.Principal, web string, do policy.Action) Knock {
	from, _ := netip.ParseAddr(a.From) // none is nowhere: no rule that says from where permits it
	return Knock{Who: who, Web: web, Key: a.Key(), From: from, Do: do, On: a.Target}
}
