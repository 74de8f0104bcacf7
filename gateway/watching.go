package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// watchMost is how many may watch one session at once.
const watchMost = 64

// A Watcher follows an open session live. Who works in it is told who watches.
type Watcher struct {
	*recorder.Live
	Session recorder.Session
}

// A place is taken by who watches a visit.
type place struct {
	who     policy.Principal
	since   time.Time
	decides bool // they are among those of whom one may have to watch
	end     context.CancelCauseFunc
}

// Watch lets who follow an open session live, if they may, after the purpose
// was written down. The Watcher's place is taken until ctx ends; ctx is ended by
// the gateway, with an *Ending as cause, when the session does or they may no longer.
func (g *Gateway) Watch(ctx context.Context, who policy.Principal, session, purpose string) (*Watcher, context.Context, error) {
	if err := reason(purpose, true); err != nil {
		return nil, nil, err
	}
	var s stay
	err := g.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		s, _, err = g.mayWatch(tx, who, session)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	live, err := g.Shelf.Live(session)
	if err != nil {
		return nil, nil, fmt.Errorf("watch session %s: %w", session, err)
	}
	v := g.visit(session)
	if v == nil {
		return nil, nil, recorder.ErrNotLive
	}
	ctx, err = v.sit(ctx, who, purpose)
	if err != nil {
		return nil, nil, err
	}
	words := s.Session
	if who.Kind == policy.Reviewer {
		words.Customers = []string{who.Customer}
	}
	return &Watcher{live, words}, ctx, nil
}

// mayWatch is may, for watching, and says whether who is one of those who decide.
func (g *Gateway) mayWatch(tx *ledger.Tx, who policy.Principal, session string) (s stay, decides bool, err error) {
	s, d, err := g.may(tx, who, session, policy.Watch)
	switch {
	case err != nil:
		return s, false, err
	case d.Verdict != policy.Allow:
		return s, false, approvals.ErrUnknown
	case !s.Ended.IsZero():
		return s, false, recorder.ErrNotLive
	}
	_, d, err = g.may(tx, who, session, policy.Freeze)
	own := who.ID == s.Who.ID || who.ID == s.Who.Vouched || who.Vouched == s.Who.ID // who confirmed the other's key is no other pair of eyes
	return s, d.Verdict == policy.Allow && !own, err
}

// sit gives a place, with the event that says so, until ctx or the visit ends.
func (v *Visit) sit(ctx context.Context, who policy.Principal, purpose string) (context.Context, error) {
	p := &place{who: who}
	ctx, p.end = context.WithCancelCause(ctx)
	err := v.take(p)
	if err != nil {
		p.end(err)
		return nil, err
	}
	var since time.Time
	var decides bool
	err = v.g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		var s stay
		if s, decides, err = v.g.mayWatch(tx, who, v.Session.ID); err != nil { // now
			return err
		}
		since = tx.Now()
		e := s.event("session.watched", who.ID, map[string]string{"decides": strconv.FormatBool(decides)})
		e.Private = map[string]string{"purpose": strings.TrimSpace(purpose)}
		_, err = tx.Append(e)
		return err
	})
	if err == nil && !v.attend(ctx, p, since, decides) {
		err = recorder.ErrNotLive
	}
	if err != nil {
		p.end(err)
		v.free(p)
		return nil, err
	}
	return ctx, nil
}

// take keeps a place that nobody is told of yet.
func (v *Visit) take(p *place) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.ctx.Err() != nil:
		return recorder.ErrNotLive
	case len(v.watchers) >= watchMost:
		return refuse("as many watch this session as can; try again when one of them has left")
	case v.watchers == nil:
		v.watchers = map[*place]struct{}{}
	}
	v.watchers[p] = struct{}{}
	return nil
}

// attend lets the watcher count, and waits for their end beside the visit.
func (v *Visit) attend(ctx context.Context, p *place, since time.Time, decides bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ctx.Err() != nil {
		return false
	}
	p.since, p.decides = since, decides
	v.spawn(func() {
		select {
		case <-ctx.Done():
		case <-v.ctx.Done():
			p.end(context.Cause(v.ctx))
		}
		v.free(p)
		v.noteLeft(p)
	})
	v.weigh()
	return true
}

func (v *Visit) free(p *place) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.watchers, p)
	v.weigh()
}

func (v *Visit) noteLeft(p *place) {
	err := v.g.Ledger.Update(context.WithoutCancel(v.ctx), func(tx *ledger.Tx) error {
		s := stay{Session: v.Session}
		_, err := tx.Append(s.event("session.unwatched", p.who.ID, map[string]string{"since": p.since.Format(time.RFC3339Nano)}))
		return err
	})
	if err != nil {
		v.g.Report(fmt.Errorf("write down that %s watches session %s no more: %w", p.who.ID, v.Session.ID, err))
	}
}

// company are those whose watching is written down. mu is held.
func (v *Visit) company() (all []*place) {
	for p := range v.watchers {
		if !p.since.IsZero() {
			all = append(all, p)
		}
	}
	return all
}

// sift ends the watching of those who may not any more.
func (v *Visit) sift() {
	v.mu.Lock()
	all := v.company()
	v.mu.Unlock()
	for _, p := range all {
		decides, err := v.stillMay(p.who)
		if err != nil && v.ctx.Err() == nil {
			p.end(&Ending{policy.ByPolicy, "you may not watch this session any more"})
			if !errors.Is(err, approvals.ErrUnknown) {
				v.g.Report(fmt.Errorf("ask again whether %s may watch session %s: %w", p.who.ID, v.Session.ID, err))
			}
		}
		v.mu.Lock()
		if decides = decides && err == nil; decides != p.decides {
			p.decides = decides
			v.weigh()
		}
		v.mu.Unlock()
	}
}

// stillMay asks about a watcher as they are now.
func (v *Visit) stillMay(who policy.Principal) (decides bool, err error) {
	err = v.g.Ledger.View(context.WithoutCancel(v.ctx), func(tx *ledger.Tx) error {
		now := who
		if v.g.Desk.Charter != nil {
			if now, err = v.g.Desk.Charter.People.Current(tx, who.ID); err != nil {
				return err
			}
			now.Groups = who.Groups // the sign-in's
		}
		_, decides, err = v.g.mayWatch(tx, now, v.Session.ID)
		return err
	})
	return decides, err
}

// A glance is that somebody may read what was recorded of an open session until then.
type glance struct {
	who          policy.Principal
	since, until time.Time
}

// Reads lets the people of an open session know, as of those who watch, that who
// may read what was recorded of it, for so long from now. Their look is written
// down already.
func (g *Gateway) Reads(who policy.Principal, session string, long time.Duration) {
	v := g.visit(session)
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	v.glances = slices.DeleteFunc(v.glances, func(l glance) bool { return l.who.ID == who.ID || !now.Before(l.until) })
	v.glances = append(v.glances, glance{who, now, now.Add(long)})
	v.change()
}

// Watchers names those who follow a session now, each once.
func (g *Gateway) Watchers(session string) []policy.Principal {
	if v := g.visit(session); v != nil {
		return v.Watchers()
	}
	return nil
}

// Watchers names those who follow it now, each once, who came first first.
func (v *Visit) Watchers() (who []policy.Principal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	var all []glance
	for _, p := range v.company() {
		all = append(all, glance{p.who, p.since, now})
	}
	for _, l := range v.glances {
		if now.Before(l.until) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b glance) int { return a.since.Compare(b.since) })
	for _, l := range all {
		if !slices.ContainsFunc(who, func(w policy.Principal) bool { return w.ID == l.who.ID }) {
			who = append(who, l.who)
		}
	}
	return who
}
