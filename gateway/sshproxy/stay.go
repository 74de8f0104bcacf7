package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/gateway"
	"lockbox/policy"

	"golang.org/x/crypto/ssh"
)

// A stay is a visit with the connection to its target. The sessions of one
// client on one login share it; nobody else does.
type stay struct {
	c     *client
	visit *gateway.Visit
	up    *upstream
	at    place
	began time.Time
	last  atomic.Int64 // time.Duration after began, when a byte passed

	mu       sync.Mutex // guards the rest
	over     bool
	joined   map[*session]struct{}
	sessions sync.WaitGroup
}

// enter asks once whether the person may go in, and goes in if so. A nil stay
// without an error means that the answer says what to do first.
// What has to come before the target is reached, ready says.
func (c *client) enter(ctx context.Context, k gateway.Knock, ready func(*gateway.Visit) error) (*stay, gateway.Answer, error) {
	var v *gateway.Visit
	for {
		select {
		case c.gate <- struct{}{}:
		case <-ctx.Done():
			return nil, gateway.Answer{}, context.Cause(ctx)
		}
		st, e := c.at(place{k.Login, k.Customer})
		switch {
		case st != nil:
			defer func() { <-c.gate }()
			v = st.visit
		case e == nil:
			defer func() { <-c.gate }()
			return c.open(ctx, k, ready)
		default:
			<-c.gate
			v = e.visit
		}
		d, err := v.May(ctx, k.Do)
		if err != nil || d.Verdict != policy.Allow {
			g := v.Grant()
			return nil, gateway.Answer{Decision: d, Grant: &g}, err
		}
		if st != nil {
			return st, gateway.Answer{Decision: d}, nil
		}
		select {
		case <-e.over:
		case <-ctx.Done():
			return nil, gateway.Answer{}, context.Cause(ctx)
		}
	}
}

// A place is what a person asks for on the target of a connection: a login,
// and the customer where it reaches one.
type place struct{ login, customer string }

// An early visit is not a stay yet: something has to come before.
type early struct {
	visit *gateway.Visit
	over  chan struct{} // closed when it is a stay, or nothing
}

// at is the stay under way at a place, or what may become one; nil for none.
func (c *client) at(at place) (*stay, *early) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stays[at], c.early[at]
}

// await lets others in while ready waits: who wants to the same place hears why
// they cannot go in. gate is held before and after; done is for when it is settled.
func (c *client) await(at place, v *gateway.Visit, ready func(*gateway.Visit) error) (done func(), err error) {
	e := &early{v, make(chan struct{})}
	c.mu.Lock()
	c.early[at] = e
	c.mu.Unlock()
	err = func() error {
		<-c.gate
		defer func() { c.gate <- struct{}{} }() // nobody holds it for long
		return ready(v)
	}()
	return func() {
		c.mu.Lock()
		delete(c.early, at)
		c.mu.Unlock()
		close(e.over)
	}, err
}

// open begins a visit, if the person may: recording, then target. gate is held,
// but not while ready waits.
func (c *client) open(ctx context.Context, k gateway.Knock, ready func(*gateway.Visit) error) (*stay, gateway.Answer, error) {
	v, a, err := c.door.Gateway.Visit(ctx, k)
	if err != nil || v == nil {
		return nil, a, err
	}
	done, err := c.await(place{k.Login, k.Customer}, v, ready)
	defer done()
	if err != nil {
		v.End(&gateway.Ending{Why: err.Error()}) // unless it ended meanwhile, for another reason
		v.Leave()
		return nil, a, err
	}
	up, err := c.dial(ctx, v)
	if err != nil {
		end := &gateway.Ending{Code: gateway.Unreachable, Why: fmt.Sprintf(speak("").unreachable, k.On)}
		if errors.Is(err, errHostKey) {
			end.Why = fmt.Sprintf(speak("").otherHost, k.On)
		}
		v.End(end) // unless it ended meanwhile, for another reason
		v.Leave()
		if errors.Is(context.Cause(v.Context()), end) && ctx.Err() == nil {
			c.door.Report(fmt.Errorf("session %s: %w", v.Session.ID, err))
		}
		return nil, a, context.Cause(v.Context())
	}
	st := &stay{c: c, visit: v, up: up, at: place{k.Login, k.Customer}, began: time.Now(), joined: map[*session]struct{}{}}
	if !c.settle(st) {
		up.hangUp()
		up.wait()
		v.Leave()
		return nil, a, errGone
	}
	c.spawn("visit", st.mind)
	return st, a, nil
}

func (c *client) dial(ctx context.Context, v *gateway.Visit) (*upstream, error) {
	d := c.door
	t := d.Desk.Policy().Targets[v.Session.Target]
	if t == nil || t.Machine() != v.Grant().Machine { // the policy changed since the visit was opened
		return nil, fmt.Errorf("target %s is not the machine any more that grant %s is for", v.Session.Target, v.Grant().ID)
	}
	seen, err := d.Desk.See(ctx, v.Session.Who, v.Grant().ID)
	if err != nil {
		return nil, fmt.Errorf("read request %s: %w", v.Grant().ID, err)
	}
	// What the target's own log shows: the request, a position in our log that holds all it rests on, and its hash.
	id := fmt.Sprintf("r-%s/%d/%.16s", v.Grant().ID, d.Gateway.Ledger.Last(), seen.Digest)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(v.Context(), stop)()
	return call{
		target: t, login: v.Session.Login, keyID: id, sign: d.Keys.TargetCert, now: d.now, gate: v.Gate,
		extensions: extensions(v.Grant().Actions), offered: func(ch ssh.NewChannel) { c.offered(v, ch) },
	}.dial(ctx)
}

func (c *client) settle(st *stay) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.departing || c.ctx.Err() != nil {
		return false
	}
	c.stays[st.at] = st
	return true
}

// mind holds the stay until its visit, its target or its client is gone.
func (st *stay) mind() {
	c := st.c
	ctx, stop := context.WithCancel(c.ctx)
	c.spawn("keep-alive", func() { keepAlive(ctx, st.up, c.limits.KeepAlive, st.visit.Open, st.up.hangUp) })
	c.spawn("turns", func() { st.turns(ctx.Done()) })
	c.spawn("idle", func() { st.idle(ctx.Done()) })
	select {
	case <-st.visit.Context().Done():
	case <-st.up.gone:
	case <-c.ctx.Done():
	}
	if st.visit.Context().Err() != nil { // whatever else it took with it
		c.depart(ended(st.visit))
	}
	stop()
	c.mu.Lock()
	delete(c.stays, st.at)
	c.mu.Unlock()
	st.mu.Lock()
	st.over = true
	st.mu.Unlock()
	st.up.hangUp()
	st.sessions.Wait()
	if c.ctx.Err() == nil {
		st.visit.End(&gateway.Ending{Code: gateway.Unreachable, Why: fmt.Sprintf(speak("").lost, st.visit.Session.Target)})
	}
	st.visit.Leave()
	st.up.wait()
}

// join counts a session in, unless the stay is over.
func (st *stay) join(s *session) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.over {
		st.sessions.Add(1)
		st.joined[s] = struct{}{}
	}
	return !st.over
}

// part counts it out.
func (st *stay) part(s *session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.joined, s)
	st.sessions.Done()
}

// ended is what a person is told about the end of a visit.
func ended(v *gateway.Visit) refusal {
	r := refusal{code: policy.ByPolicy, exit: exitDenied, why: context.Cause(v.Context()).Error(), target: v.Session.Target, request: v.Grant().ID}
	var end *gateway.Ending
	if errors.As(context.Cause(v.Context()), &end) {
		r.code = end.Code
		r.exit = status(end.Code)
	}
	return r
}
