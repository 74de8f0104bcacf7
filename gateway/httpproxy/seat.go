package httpproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/recorder"
)

// A seat is a session of a browser in one application: a visit, and the cookie
// that stands for it.
type seat struct {
	door   *Door
	target string
	web    string // the person's session at the portal
	visit  *gateway.Visit
	reel   *reel
	taken  chan struct{} // closed when the browser came

	used  atomic.Int64 // when something last moved, in ns since 1970
	under sync.WaitGroup

	mu    sync.Mutex             // guards the rest
	open  map[*exchange]struct{} // under way
	left  bool                   // no more may begin
	cut   bool                   // the visit has ended, and all that was open is cut
	pace  *rate.Limiter
	paced float64
	token token
}

// A token says who is there, for the requests of a second.
type token struct {
	text  string
	at    time.Time
	grant string
}

// What one session may have open at once, and how long it may do nothing where no rule says.
const (
	exchangesMost = 256
	idleDefault   = 15 * time.Minute
)

// seats are the sessions there are, by the SHA-256 of their cookies. What is
// over is remembered for a while, so that a program hears why.
type seats struct {
	mu   sync.Mutex
	all  map[[32]byte]*seat
	gone map[[32]byte]gone
	old  [][32]byte // of gone, the oldest first
}

func (s *seats) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// gone is what is known of a session that is over.
type gone struct {
	target, grant string
	why           gateway.Ending
}

const goneMost = 10_000

func (s *seats) prepare() { s.all, s.gone = map[[32]byte]*seat{}, map[[32]byte]gone{} }

// of finds the session of a cookie in an application, or why it is over.
func (s *seats) of(cookie, target string) (*seat, *gone) {
	if cookie == "" {
		return nil, nil
	}
	sum := digest(cookie)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.all[sum]; t != nil && t.target == target {
		if t.visit.Context().Err() == nil {
			return t, nil
		}
		g := t.gone()
		return nil, &g
	}
	if g, ok := s.gone[sum]; ok && g.target == target {
		return nil, &g
	}
	return nil, nil
}

func (s *seats) add(sum [32]byte, t *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[sum] = t
}

func (s *seats) remove(sum [32]byte, g gone) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sum)
	if len(s.old) >= goneMost {
		delete(s.gone, s.old[0])
		s.old = s.old[1:]
	}
	s.gone[sum] = g
	s.old = append(s.old, sum)
}

// Admit opens the session of an arrival, for somebody whom Gateway.Enter allows
// it, and gives the address at which the browser that arrived gets in, once and
// within a minute. Where the answer is no Allow there is no address. web is
// their session at the portal, see identity.WebID.
func (d *Door) Admit(ctx context.Context, id string, who policy.Principal, web string) (address string, a gateway.Answer, err error) {
	d.prepare()
	at, ok := d.Arrival(id)
	if !ok {
		return "", over(), nil
	}
	v, a, err := d.Gateway.Visit(ctx, at.Knock(who, web, policy.HTTPGet))
	if err != nil || v == nil {
		return "", a, err
	}
	s := &seat{door: d, target: at.Target, web: web, visit: v, taken: make(chan struct{}), open: map[*exchange]struct{}{}}
	context.AfterFunc(v.Context(), s.sever)
	if s.reel, err = newReel(v, d.now, d.Desk.Policy().Targets[v.Session.Target]); err != nil {
		v.End(&gateway.Ending{Code: gateway.NoRecorder, Why: "the recorder cannot write, so the session ends"})
		v.Leave()
		return "", gateway.Answer{}, fmt.Errorf("record session %s: %w", v.Session.ID, err)
	}
	s.touch()
	cookie, sum := secret()
	d.seats.add(sum, s)
	d.joined.Go(func() { s.hold(sum) })
	code, ok := d.waits.admit(id, s, cookie, d.now())
	if !ok {
		v.End(&gateway.Ending{Code: policy.ByPolicy, Why: "the browser was let in already"})
		return "", over(), nil
	}
	return d.site.origin(at.Target) + ownPath + "enter?code=" + code, a, nil
}

func over() gateway.Answer {
	return gateway.Answer{Decision: policy.Decision{Code: policy.ByPolicy, Why: policy.Says("that browser does not wait any more; open the application again")}}
}

func (s *seat) touch() { s.used.Store(time.Now().UnixNano()) }

// end ends the session, unless it was taken up.
func (s *seat) end() {
	s.visit.End(&gateway.Ending{Code: policy.ByPolicy, Why: "the browser never came"})
}

// hold keeps the session until its visit ends, and ends the visit when nobody
// is there any more. Then it waits for what is under way, which is cut, and
// writes down the end.
func (s *seat) hold(sum [32]byte) {
	defer s.visit.Leave()
	late := time.NewTimer(codeLife + time.Second)
	defer late.Stop()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	taken, here := s.taken, time.Now()
	for done := s.visit.Context().Done(); done != nil; {
		select {
		case <-done:
			done = nil
		case <-taken:
			taken = nil
			late.Stop()
		case <-late.C:
			s.end()
		case <-tick.C:
			here = s.tend(here)
		}
	}
	s.door.seats.remove(sum, s.gone())
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	s.under.Wait()
	if err := s.reel.close(); err != nil {
		s.door.Report(fmt.Errorf("close the recording of session %s: %w", s.visit.Session.ID, err))
	}
}

// beat is how often a session looks whether somebody is still there.
const beat = 15 * time.Second

// tend ends a session in which nothing moved for too long; else the person
// counts as being at the portal. here is until when that is written down.
func (s *seat) tend(here time.Time) time.Time {
	used, now := time.Unix(0, s.used.Load()), time.Now()
	idle := s.visit.Decision().Limits.Idle
	if idle <= 0 {
		idle = idleDefault
	}
	if now.Sub(used) >= idle {
		s.visit.End(&gateway.Ending{Code: policy.HasExpired, Why: "nothing was asked of the application for " + idle.String()})
		return here
	}
	if !used.After(here) || now.Sub(here) < time.Minute {
		return here
	}
	if err := s.door.People.Here(detached(s.visit.Context()), s.web); err != nil && !errors.Is(err, identity.ErrSignedOut) {
		s.door.Report(fmt.Errorf("note that the person of session %s is here: %w", s.visit.Session.ID, err)) // the visit finds out why
	}
	return now
}

func (s *seat) gone() gone {
	g := gone{target: s.target, grant: s.visit.Grant().ID, why: gateway.Ending{Code: policy.ByPolicy, Why: "the session is over"}}
	if end := (*gateway.Ending)(nil); errors.As(s.visit.Why(), &end) {
		g.why = *end
		if g.why.Code == "" {
			g.why.Code = policy.NoGrant
		}
	}
	return g
}

// begin takes up an exchange; false when there are too many, or no more may
// begin. One that begins when the visit has ended is cut like the others.
func (s *seat) begin(x *exchange) bool {
	s.mu.Lock()
	if s.left || len(s.open) >= exchangesMost {
		s.mu.Unlock()
		return false
	}
	s.open[x] = struct{}{}
	s.door.open.Add(1)
	s.under.Add(1)
	cut := s.cut
	s.mu.Unlock()
	if cut {
		x.sever(context.Cause(s.visit.Context()))
	}
	return true
}

func (s *seat) done(x *exchange) {
	s.mu.Lock()
	delete(s.open, x)
	s.mu.Unlock()
	s.door.open.Add(-1)
	s.under.Done()
}

// sever cuts what is under way when the visit ends: nothing waits for a client,
// a target or the disk.
func (s *seat) sever() {
	s.mu.Lock()
	s.cut = true
	all := slices.Collect(maps.Keys(s.open))
	s.mu.Unlock()
	for _, x := range all {
		x.sever(context.Cause(s.visit.Context()))
	}
}

// within says whether a request comes no faster than the rule lets them.
func (s *seat) within(perSecond float64) bool {
	if perSecond <= 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pace == nil || s.paced != perSecond {
		s.pace, s.paced = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond))), perSecond
	}
	return s.pace.Allow()
}

// identity is what the application is told of who is there. To sign costs as much
// as all else of a small request, so one signature serves those of a second.
func (s *seat) identity(id string) (string, error) {
	g, now := s.visit.Grant(), s.door.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.token; t.text != "" && t.grant == g.ID && !now.Before(t.at) && now.Sub(t.at) < time.Second {
		return t.text, nil
	}
	text, err := s.door.Sign(s.claims(&g, id, now.Unix()))
	if err != nil {
		return "", err
	}
	s.token = token{text, now, g.ID}
	return text, nil
}

func (s *seat) claims(g *policy.Grant, id string, now int64) Claims {
	v := s.visit
	c := Claims{
		Issuer: s.door.Portal, Subject: v.Session.Who.ID, Audience: s.target, IssuedAt: now, NotBefore: now, Expires: now + 60, ID: id,
		Name: v.Session.Who.Name, Grant: g.ID, Session: v.Session.ID, Login: v.Session.Login, Customers: slices.Clone(v.Session.Customers),
	}
	if c.Customers == nil {
		c.Customers = []string{}
	}
	if strings.Contains(c.Subject, "@") {
		c.Email = c.Subject
	}
	for _, a := range g.Actions {
		c.Actions = append(c.Actions, string(a))
	}
	return c
}

// newID names a request: in the recording, in the log, to the target and to the person.
func newID() string { return recorder.NewID(time.Now()) }

// from is the address that a request comes from.
func fromOf(ip string) netip.Addr {
	a, _ := netip.ParseAddr(ip)
	return a
}
