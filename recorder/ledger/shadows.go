package ledger

import (
	"errors"
	"strings"
)

// Shadows are the customers' logs as the main log alone tells of them. They say,
// to whoever has the whole main log, whether every head and heartbeat in it is
// over all that it has of each customer: that nothing was left out of their logs.
type Shadows struct{ p projection }

// NewShadows begins before the first event of the main log of that name.
func NewShadows(origin string) *Shadows {
	return &Shadows{projection{origin: origin, logs: map[string]*shadow{}}}
}

// Add takes the next event of the main log.
func (s *Shadows) Add(f Leaf) error { return plain(s.p.add(f)) }

// End says that the log may end here.
func (s *Shadows) End() error { return plain(s.p.covered()) }

// plain leaves out what to do about one's own ledger: this is somebody else's.
func plain(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimSuffix(err.Error(), ": "+ErrTampered.Error()))
}
