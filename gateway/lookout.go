package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A lookout does for all visits of a gateway what each would do alike: one
// goroutine reads the ledger and hands every event to those whom it concerns,
// two look after their recordings. It begins before the first of them is in
// the log, so that none misses an event that comes after its own, and ends with
// the last. It waits for no visit: what it has to say to one is a word, and any
// number of words are one.
type lookout struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
	dead bool // guarded by Gateway.mu: it reads no more, and has ended those who were there
}

// guarded begins a lookout, if there is none that works. mu is held.
func (g *Gateway) guarded() {
	was := g.lookout
	if was != nil && !was.dead {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &lookout{stop: stop}
	g.lookout = l
	after := g.Ledger.Last()
	l.wg.Go(func() { g.listen(ctx, l, after) })
	l.wg.Go(func() { g.mind(ctx, (*Visit).looked) })
	l.wg.Go(func() { g.mind(ctx, (*Visit).placed) }) // asks the disk, which may not answer
	if was != nil {
		l.wg.Go(was.wg.Wait)
	}
}

// listen hands events to visits, until ctx ends. When the ledger cannot be read,
// or not be trusted, every visit ends.
func (g *Gateway) listen(ctx context.Context, l *lookout, after int64) {
	err := errors.New("it stopped")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		if ctx.Err() == nil {
			g.blind(l, err)
		}
	}()
	var e ledger.Event
	for e, err = range g.Ledger.Watch(ctx, after) {
		if err != nil || ctx.Err() != nil {
			return
		}
		for _, v := range g.whom(e) {
			v.told(e)
		}
	}
}

// blind ends the visits that a lookout can tell nothing any more.
func (g *Gateway) blind(l *lookout, why error) {
	g.mu.Lock()
	l.dead = true
	all := g.all()
	g.mu.Unlock()
	l.stop()
	g.Report(fmt.Errorf("watch the ledger for %d sessions: %w", len(all), why))
	for _, v := range all {
		v.End(&Ending{policy.ByPolicy, "the ledger cannot be read, so the session ends"})
	}
}

// all are the visits under way. mu is held.
func (g *Gateway) all() []*Visit {
	all := make([]*Visit, 0, len(g.visits))
	for _, v := range g.visits {
		all = append(all, v)
	}
	return all
}

// whom are the visits that an event may be about.
func (g *Gateway) whom(e ledger.Event) (all []*Visit) {
	r := reaches(e.Kind)
	if r == nobody {
		return nil
	}
	g.mu.Lock()
	if r == itself {
		defer g.mu.Unlock()
		for _, s := range e.Subjects {
			if v := g.visits[s]; v != nil {
				all = append(all, v)
			}
		}
		return all
	}
	all = g.all()
	g.mu.Unlock()
	if r == everybody {
		return all
	}
	return slices.DeleteFunc(all, func(v *Visit) bool { return !v.concerns(e) })
}

// told takes in an event that concerns the visit: it obeys at once, and is asked
// about soon.
func (v *Visit) told(e ledger.Event) {
	defer v.contain()
	if v.ctx.Err() != nil {
		return
	}
	v.obey(e)
	if reaches(e.Kind) == everybody {
		v.stirred.Store(e.Seq)
	}
	v.wake()
}

// wake has watch ask again. That it is to do so is remembered once.
func (v *Visit) wake() {
	select {
	case v.poke <- struct{}{}:
	default:
	}
}

// concerns says whether an event is about the visit: its session, its grant, or the extension that it waits for.
func (v *Visit) concerns(e ledger.Event) bool {
	if v.knock.Web != "" && e.Kind == "session.signed-out" { // whoever did it: whose it was may not be told apart
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range e.Subjects {
		if s == v.Session.ID || s == v.Session.Request || s == v.grant.ID ||
			!v.frozen.Until.IsZero() && (s == v.frozen.Extension || s == v.Session.Target) {
			return true
		}
	}
	return false
}

// look is how often it is made sure that recordings still have their place.
const look = 500 * time.Millisecond

// mind ends visits whose recordings fail, or which something holds back for too
// long. It never waits for the log, whose disk may be as sick, as a visit that is
// just being written about does.
func (g *Gateway) mind(ctx context.Context, each func(*Visit)) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.mu.Lock()
		all := g.all()
		g.mu.Unlock()
		for _, v := range all {
			if v.ctx.Err() == nil {
				each(v)
			}
		}
	}
}

// looked is one look after the visit.
func (v *Visit) looked() {
	defer v.contain()
	select {
	case <-v.Recording.Failed():
		v.unrecorded(v.Recording.Err())
		return
	default:
	}
	v.trouble()
	v.overdue()
}

// placed looks whether its recording still has its place.
func (v *Visit) placed() {
	defer v.contain()
	if err := v.g.Shelf.Holds(v.Session.ID); err != nil {
		v.unrecorded(err)
	}
}

// unrecorded ends the visit because what happens in it could not be written down.
func (v *Visit) unrecorded(err error) {
	if v.ctx.Err() != nil {
		return
	}
	v.g.Report(fmt.Errorf("recording %s: %w", v.Session.ID, err))
	v.End(&Ending{NoRecorder, "the recorder cannot write any more, so the session ends"})
}
