package gateway

import (
	"sync"
	"time"
)

// A rush is that visits end, many of them at once where a grant is revoked. First
// all are cut, and then their recordings are sealed: that is much work, and
// nobody waits for it.
type rush struct {
	mu   sync.Mutex // guards the rest
	n    int        // visits that have ended, and are not cut yet
	over chan struct{}
}

// rushMost is how long a recording waits for others' sockets.
const rushMost = time.Second

func (r *rush) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n++; r.n == 1 {
		r.over = make(chan struct{})
	}
}

// end is for each begin. The channel is closed when there is none left.
func (r *rush) end() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n--; r.n == 0 {
		close(r.over)
	}
	return r.over
}

// cut is for when the door has let go of what the visit had open. It returns when
// no other visit waits for that, or has for long.
func (v *Visit) cut() {
	v.mu.Lock()
	ends := v.ends
	v.lives, v.ends = false, false
	v.mu.Unlock()
	if !ends {
		return
	}
	late := time.NewTimer(rushMost)
	defer late.Stop()
	select {
	case <-v.g.rush.end():
	case <-late.C:
	}
}
