package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/target"
	"lockbox/policy"

	"golang.org/x/crypto/ssh"
)

// A stay is a visit with the connection to its target. The sessions of one
// client on one login share it; nobody else does.
type stay struct {
	c     *client
	visit *gateway.Visit
	up    *target.Conn
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
		st, e := c.at(c.place(k))
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
		d, err := v.MayTo(ctx, k.Do, k.To)
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
type place struct {
	login, customer string
	work            string // under a grant of its own; "" for the first
}

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
	at := c.place(k)
	done, err := c.await(at, v, ready)
	defer done()
	if err != nil {
		v.End(&gateway.Ending{Why: err.Error()}) // unless it ended meanwhile, for another reason
		v.Leave()
		return nil, a, err
	}
	up, err := c.dial(ctx, v)
	if err != nil {
		return nil, a, c.unreached(ctx, v, err)
	}
	st := &stay{c: c, visit: v, up: up, at: at, began: time.Now(), joined: map[*session]struct{}{}}
	if !c.settle(st) {
		up.HangUp()
		up.Left()
		v.Leave()
		return nil, a, errGone
	}
	st.begin()
	return st, a, nil
}

func (c *client) dial(ctx context.Context, v *gateway.Visit) (*target.Conn, error) {
	d := c.door
	t := d.Desk.Policy().Targets[v.Session.Target]
	if t == nil || t.Machine() != v.Grant().Machine { // the policy changed since the visit was opened
		return nil, fmt.Errorf("target %s is not the machine any more that grant %s is for", v.Session.Target, v.Grant().ID)
	}
	digest, err := v.Digest(ctx)
	if err != nil {
		return nil, err
	}
	// What the target's own log shows: the request, a position in our log that holds all it rests on, and its hash.
	id := fmt.Sprintf("r-%s/%d/%.16s", v.Grant().ID, d.Gateway.Ledger.Last(), digest)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(v.Context(), stop)()
	return d.ways().Dial(ctx, target.Call{
		Target: t, Login: v.Session.Login, KeyID: id, Gate: v.Gate,
		Extensions: extensions(v.Grant().Actions), Offered: func(ch ssh.NewChannel) { c.offered(v, ch) },
	})
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

// begin holds the stay until its visit, its target or its client is gone. Until
// then nobody waits for that: the client ends when end has come to its end.
func (st *stay) begin() {
	c := st.c
	stops := []func(){c.keepAlive(st.up, st.visit.Open, st.up.HangUp), st.idle(), st.turns()}
	c.wg.Add(1)
	ctx, over := context.WithCancel(c.ctx) // the client is not to keep what is over
	var ends atomic.Bool
	end := func() {
		if ends.Swap(true) {
			return
		}
		defer c.wg.Done()
		defer c.contain("visit")
		defer over()
		st.end(stops)
	}
	context.AfterFunc(st.visit.Context(), end)
	context.AfterFunc(ctx, end)
	st.up.Upon(end)
}

// end leaves the visit. What was begun with the stay is stopped.
func (st *stay) end(stops []func()) {
	c := st.c
	if st.visit.Context().Err() != nil { // whatever else it took with it
		st.up.Cut()
		c.depart(ended(st.visit))
	}
	for _, stop := range stops {
		stop()
	}
	c.mu.Lock()
	delete(c.stays, st.at)
	c.mu.Unlock()
	st.mu.Lock()
	st.over = true
	st.mu.Unlock()
	st.up.HangUp()
	st.sessions.Wait()
	if c.ctx.Err() == nil {
		st.visit.End(&gateway.Ending{Code: gateway.Unreachable, Why: fmt.Sprintf(speak("").lost, st.visit.Session.Target)})
	}
	st.visit.Leave()
	st.up.Left()
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
		if end.Code == gateway.Unreachable { // as a code of policy it says that there is no such target
			r.exit, r.retry = exitUnavailable, true
		}
	}
	return r
}
