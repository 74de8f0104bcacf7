package httpproxy

import (
	"time"
)

// Idle has every session look for its person as if nothing had moved for so long,
// and nobody had noted for two minutes that they are here.
func (d *Door) Idle(long time.Duration) {
	d.seats.mu.Lock()
	defer d.seats.mu.Unlock()
	for _, s := range d.seats.all {
		s.used.Store(time.Now().Add(-long).UnixNano())
		s.tend(time.Now().Add(-2 * time.Minute))
	}
}

// Drop has a browser wait no more.
func (d *Door) Drop(id string) {
	d.waits.mu.Lock()
	defer d.waits.mu.Unlock()
	d.waits.drop(d.waits.all[id])
}
