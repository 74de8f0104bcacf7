package notify

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lockbox/recorder/ledger"
)

// An outcome is what came of looking at a notice.
type outcome int

const (
	sent    outcome = iota
	dropped         // it does not matter any more, or was given up
	quiet           // the reader wants quiet
	failed
)

const (
	quickest = time.Second     // between two tries of one notice
	slowest  = 5 * time.Minute // between two tries of one notice
	probing  = time.Minute     // between two tries of a channel that is down

	longestWait = time.Hour // that the other side can ask for
)

// attempt sends a notice if it still matters; or says when to look again.
func (c *carrier) attempt(ctx context.Context, e *entry, later []*entry) (outcome, time.Time) {
	if overtaken(e, later, !c.calm(e, time.Now()).IsZero()) {
		return c.drop(e)
	}
	yes, hold, err := c.matters(ctx, e)
	switch {
	case ctx.Err() != nil:
		return failed, time.Time{}
	case err != nil:
		c.f.Report(fmt.Errorf("whether %v still matters: %w", e.Notice, err))
		return c.failed(e, err)
	case !yes:
		return c.drop(e)
	case hold.IsZero():
		hold = c.calm(e, time.Now())
	}
	if !hold.IsZero() {
		return quiet, hold
	}
	long := c.f.Patience
	if long == 0 {
		long = patience
	}
	try, stop := context.WithTimeout(ctx, long)
	err = guarded(func() error { return c.ch.Send(try, e.Notice) })
	stop()
	if err != nil && ctx.Err() != nil {
		e.maybe = true
		return failed, time.Time{} // it is tried again after the restart
	}
	switch {
	case err == nil:
		c.through()
		c.f.count(c.ch.Name(), func(n *Counts) { n.Sent++ })
		e.heard = true
		c.f.finish(e, true)
		c.tired(e, time.Now())
		return sent, time.Time{}
	case errors.Is(err, ErrMoot):
		return c.drop(e)
	case errors.Is(err, ErrNever):
		return c.giveUp(e, err)
	}
	return c.failed(e, err)
}

// overtaken says whether a later rung for the same stage waits behind a notice, or,
// behind the beginning of a session, an end: nobody is told twice at once. An end
// leads to its recording: it is told, but of so many that it would tire.
func overtaken(e *entry, later []*entry, tired bool) bool {
	if e.tires() {
		return (tired || e.Kind == "session.open") && slices.ContainsFunc(later, (*entry).tires)
	}
	return e.Topic == Waits && slices.ContainsFunc(later, func(l *entry) bool {
		return l.Topic == Waits && l.Stage == e.Stage && l.Rung > e.Rung
	})
}

// matters says whether a notice is to be sent, and when.
func (c *carrier) matters(ctx context.Context, e *entry) (yes bool, hold time.Time, err error) {
	err = c.f.Ledger.View(ctx, func(tx *ledger.Tx) error {
		return guarded(func() error {
			if yes, hold, err = c.f.Planner.Matters(tx, e.Notice); err != nil || !yes || e.Topic != Decided || c.f.Planner.isPlace(e.Notice) {
				return err
			}
			if yes, err = c.f.Planner.voted(tx, e.Notice); err != nil || yes {
				return err
			}
			yes, err = c.f.Outbox.said(e.Notice)
			return err
		})
	})
	return yes, hold, err
}

func (c *carrier) drop(e *entry) (outcome, time.Time) {
	c.f.count(c.ch.Name(), func(n *Counts) { n.Dropped++ })
	c.f.finish(e, e.maybe || e.Tries > 0)
	return dropped, time.Time{}
}

// giveUp puts a notice away. It is an alarm, but not if the notice was one about this.
func (c *carrier) giveUp(e *entry, why error) (outcome, time.Time) {
	c.f.count(c.ch.Name(), func(n *Counts) { n.Dead++ })
	about := strings.ToValidUTF8(why.Error()[:min(len(why.Error()), 300)], "")
	address := ""
	if !errors.Is(why, errFull) {
		address = c.address(e)
	}
	if err := c.f.Outbox.give(e, about, address, e.Kind == deadEvent, time.Now()); err != nil {
		c.f.Report(err)
		return failed, time.Now().Add(slowest)
	}
	for _, c := range []chan struct{}{c.f.dying, c.f.doubt} {
		select {
		case c <- struct{}{}:
		default: // it is known
		}
	}
	return dropped, time.Time{}
}

// failed keeps that a try failed, and says when the next one is.
func (c *carrier) failed(e *entry, err error) (outcome, time.Time) {
	c.f.count(c.ch.Name(), func(n *Counts) { n.Failed++ })
	now, give := time.Now(), c.f.Give
	if give == 0 {
		give = giveUp
	}
	if e.Tries++; now.Sub(e.Since) >= give {
		return c.giveUp(e, fmt.Errorf("%d tries in %s, the last: %w", e.Tries, now.Sub(e.Since).Round(time.Minute), err))
	}
	wait := backOff(e.Tries, slowest)
	if l := (*Later)(nil); errors.As(err, &l) {
		wait = min(max(l.After, quickest), longestWait)
	} else {
		c.notThrough(e, now)
	}
	e.Next, e.Why = now.Add(wait), strings.ToValidUTF8(err.Error()[:min(len(err.Error()), 300)], "")
	if err := c.f.Outbox.later(e); err != nil {
		c.f.Report(err) // it is tried again anyway
	}
	return failed, e.Next
}

// backOff is how long to wait after so many tries: twice as long each time, and
// not all at once.
func backOff(tries int, most time.Duration) time.Duration {
	d := min(most, quickest<<min(tries-1, 20))
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}

// notThrough counts towards the channel's being down: it is when tries for
// several readers fail and none goes through.
func (c *carrier) notThrough(e *entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := e.lane()
	if c.down.fails++; c.down.fails == 1 {
		c.down.lane, c.down.since = key, now
	}
	c.down.on = c.down.on || c.down.fails >= 3 && c.down.lane != key
	c.down.next = now.Add(backOff(c.down.fails, probing))
}

// through ends an outage: whatever failed during it is due at once.
func (c *carrier) through() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down.on {
		for _, l := range c.ready {
			if !l.held {
				l.next = time.Time{}
			}
		}
		heap.Init(&c.ready)
	}
	c.down = outage{}
}
