package ledger

import (
	"errors"
	"fmt"
	"time"
)

// ErrClock says that the clock is not fit to be written down.
var ErrClock = errors.New("the clock is not trusted")

// jitter is how far a clock may be off without being refused.
const jitter = 5 * time.Second

// A clock gives the one now of a transaction.
type clock struct {
	now     func() time.Time
	elapsed func() time.Duration // monotonic; nil: as the times from now have it
	start   time.Time
	zero    time.Duration // elapsed at start
}

func newClock(o Options) clock {
	c := clock{now: o.Now, elapsed: o.Elapsed}
	if c.now == nil {
		c.now = time.Now
	}
	c.start = c.now()
	if c.elapsed != nil {
		c.zero = c.elapsed()
	}
	return c
}

// after gives a time that is not before last.
func (c clock) after(last time.Time) (time.Time, error) {
	t := c.now()
	gone := t.Sub(c.start) // monotonic where both times are
	if c.elapsed != nil {
		gone = c.elapsed() - c.zero
	}
	t = t.UTC().Round(0) // wall time alone from here on
	ahead := t.Sub(c.start.Round(0)) - gone
	back := max(last.Sub(t), -ahead)
	switch {
	case ahead > jitter:
		return t, fmt.Errorf("the clock jumped ahead by %s while Lockbox ran, to %s: set it right; if that is the right time, restart Lockbox: %w", ahead.Round(time.Millisecond), stamp(t), ErrClock)
	case back > jitter:
		return t, fmt.Errorf("the clock went back by %s, to %s (last event %s): set it right, or wait until it has caught up: %w", back.Round(time.Millisecond), stamp(t), stamp(last), ErrClock)
	case last.After(t):
		return last, nil
	}
	return t.Truncate(time.Microsecond), nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339)
}
