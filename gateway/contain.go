package gateway

import (
	"fmt"
	"runtime/debug"

	"lockbox/policy"
)

// spawn runs fn beside the visit, whose Leave waits for it. A panic ends the
// visit, and nothing else.
func (v *Visit) spawn(fn func()) {
	v.wg.Go(func() {
		defer v.contain()
		fn()
	})
}

// contain, deferred, ends the visit after a panic.
func (v *Visit) contain() {
	if p := recover(); p != nil {
		v.g.Report(fmt.Errorf("session %s: panic: %v\n%s", v.Session.ID, p, debug.Stack()))
		v.End(&Ending{policy.ByPolicy, "internal error, so the session ends"})
	}
}
