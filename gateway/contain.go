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

// apart runs fn, and waits. What goes deep is done apart from who waits for
// hours, whose stack would stay as large.
func (v *Visit) apart(fn func()) {
	done := make(chan struct{})
	v.spawn(func() {
		defer close(done)
		fn()
	})
	<-done
}

// contain, deferred, ends the visit after a panic.
func (v *Visit) contain() {
	if p := recover(); p != nil {
		v.g.Report(fmt.Errorf("session %s: panic: %v\n%s", v.Session.ID, p, debug.Stack()))
		v.End(&Ending{policy.ByPolicy, "internal error, so the session ends"})
	}
}
