package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/gateway/sshproxy/wire"
	"lockbox/policy"
)

// A client is one authenticated connection of one person.
type client struct {
	door   *Door
	limits Limits
	conn   *ssh.ServerConn
	socket *guest
	id     identity
	from   netip.Addr
	aim    aim  // where it leads
	inner  bool // it goes through another of the same person (ssh -J)

	ctx context.Context // ends with the connection
	end context.CancelCauseFunc
	wg  sync.WaitGroup

	leaving context.Context // ends when what goes through it has to say goodbye
	leave   context.CancelFunc

	told  *gateway.Notes // what was refused
	lends lending
	gate  chan struct{} // held by who opens a stay, so that there is one for a place; taken before mu

	mu        sync.Mutex // guards the rest
	departing bool
	refused   int                  // channels
	noted     int                  // refusals that were to be written down
	slots     int                  // sessions, with those whose close the client has not answered yet
	forwards  int                  // direct-tcpip channels
	through   map[*client]struct{} // connections to targets within it
	sessions  map[*session]struct{}
	stays     map[place]*stay
	early     map[place]*early
	quiet     *time.Timer // runs while there is no channel
}

// refusals is how many channels one connection may have refused before it is cut.
const refusals = 1000

var errGone = errors.New("the connection is gone")

// newClient knows somebody by what the connection proved, never by the user name.
func newClient(ctx context.Context, d *Door, conn *ssh.ServerConn, g *guest, limits Limits) (*client, error) {
	var id identity
	if conn.Permissions != nil {
		id, _ = conn.Permissions.ExtraData[proven{}].(identity)
	}
	if id.who.ID == "" || id.key == nil {
		return nil, errors.New("ssh door: a connection without a proven key was let in")
	}
	c := &client{
		door: d, limits: limits, conn: conn, socket: g, id: id, from: address(conn.RemoteAddr()), gate: make(chan struct{}, 1),
		aim: parseAim(conn.User()), through: map[*client]struct{}{},
		sessions: map[*session]struct{}{}, stays: map[place]*stay{}, early: map[place]*early{},
	}
	c.told = d.Gateway.Notes(id.who, c.from)
	c.ctx, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	c.leaving, c.leave = context.WithCancel(context.WithoutCancel(ctx))
	return c, nil
}

// idle ends the connection because nothing was done on it for long.
func (c *client) idle() {
	defer c.contain("idle")
	c.mu.Lock()
	over := len(c.sessions)+c.forwards > 0 || c.ctx.Err() != nil // in that moment
	if !over {
		c.wg.Add(1)
	}
	c.mu.Unlock()
	if over {
		return
	}
	defer c.wg.Done()
	c.note("connection", "", fmt.Sprintf("nothing was done on it for %s, so it was closed", speech.Long(c.limits.Idle)))
	c.hangUp()
}

// spawn runs fn beside the others of this connection. A panic ends this connection, and nothing else.
func (c *client) spawn(what string, fn func()) {
	c.wg.Go(func() {
		defer c.contain(what)
		fn()
	})
}

// contain is for defer: a panic is reported, and ends the connection.
func (c *client) contain(what string) {
	if p := recover(); p != nil {
		c.door.Report(fmt.Errorf("ssh %s of %s: panic: %v\n%s", what, c.id.who.ID, p, debug.Stack()))
		c.hangUp()
	}
}

// serve answers the client until ctx ends or the connection is gone, and returns when nothing is left of it.
func (c *client) serve(ctx context.Context, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	c.quiet = time.AfterFunc(c.limits.Idle, c.idle)
	stay := c.upon(ctx, "door", func() { // it ends with the door
		c.depart(refusal{code: policy.ByPolicy, exit: exitUnavailable, why: speak("").closing, retry: true})
	})
	still := c.keepAlive(c.conn, c.heard, c.hangUp)
	defer func() {
		still()
		c.hangUp() // there may have been a panic
		each(channels, requests, func(ssh.NewChannel) {}, func(*ssh.Request) {})
		wire.Drain(c.conn.Conn)
		c.mu.Lock() // see idle
		c.end(errGone)
		c.mu.Unlock()
		c.quiet.Stop()
		stay()
		c.wg.Wait()
		_ = c.conn.Wait() // why it ended is told by what was cut
	}()
	each(channels, requests, c.offer, c.global)
}

// each gives what comes to those who take it, until nothing comes any more.
func each(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request, offered func(ssh.NewChannel), asked func(*ssh.Request)) {
	for channels != nil || requests != nil {
		select {
		case ch, ok := <-channels:
			if !ok {
				channels = nil
				continue
			}
			offered(ch)
		case r, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			asked(r)
		}
	}
}

// global answers a request about the whole connection: nothing is forwarded, nothing is changed.
func (c *client) global(r *ssh.Request) {
	switch r.Type {
	case "tcpip-forward", "streamlocal-forward@openssh.com", "tun@openssh.com":
		c.note(r.Type, "", "nothing is forwarded towards the client")
	}
	_ = r.Reply(r.Type == keepAliveRequest, nil) // fails only when the connection is gone
}

// offer opens a session or says why not, at once.
func (c *client) offer(offered ssh.NewChannel) {
	if offered.ChannelType() == "direct-tcpip" && c.mayDirect() {
		c.spawn("direct", func() {
			defer c.directDone()
			c.direct(offered)
		})
		return
	}
	if reason, why := c.may(offered.ChannelType()); reason != 0 {
		c.note("channel "+offered.ChannelType(), "", strings.TrimPrefix(why, "lockbox: "))
		_ = offered.Reject(reason, why) // fails only when the connection is gone
		return
	}
	ch, requests, err := offered.Accept()
	if err != nil {
		return // the connection is gone
	}
	s := newSession(c, ch)
	if !c.add(s) {
		_ = ch.Close() // the connection is ending
		return
	}
	c.spawn("session", func() {
		defer c.free(s)
		s.serve(requests)
	})
}

// may says whether a channel of this type may be opened now. The zero reason means yes.
func (c *client) may(kind string) (ssh.RejectionReason, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reason, why := ssh.UnknownChannelType, "lockbox: this kind of channel is not known here"
	switch {
	case kind == "session" && (len(c.sessions) >= c.limits.Channels || c.slots >= 2*c.limits.Channels):
		reason, why = ssh.ResourceShortage, fmt.Sprintf("lockbox: at most %d sessions on one connection", c.limits.Channels)
	case kind == "session":
		return 0, ""
	case kind == "direct-tcpip" && c.socket.over:
		reason, why = ssh.ResourceShortage, fmt.Sprintf("lockbox: you have %d connections open, as many as one person may have; close one", c.limits.PerPerson)
	case kind == "direct-tcpip":
		reason, why = ssh.ResourceShortage, fmt.Sprintf("lockbox: at most %d forwards on one connection", c.limits.Forwards)
	case kind == "direct-streamlocal@openssh.com", kind == "tun@openssh.com":
		reason, why = ssh.Prohibited, "lockbox: only TCP is forwarded, to addresses that a rule lists"
	}
	if c.refused++; c.refused > refusals {
		c.hangUp()
	}
	return reason, why
}

// mayDirect takes a place for a direct-tcpip channel, if there is one.
func (c *client) mayDirect() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.departing || c.socket.over || c.forwards >= c.limits.Forwards {
		return false
	}
	c.forwards++
	c.quiet.Stop()
	return true
}

// directDone gives the place back.
func (c *client) directDone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forwards--
	c.rest()
}

// rest begins to count how long nothing is done, if nothing is. mu is held.
func (c *client) rest() {
	if len(c.sessions)+c.forwards == 0 && c.ctx.Err() == nil {
		c.quiet.Reset(c.limits.Idle)
	}
}

// note writes down what was refused on the target that the client came for, or
// on another. It is bounded for each connection, and nobody waits for it.
func (c *client) note(what, on, why string) {
	if on == "" {
		on = c.aim.target
	}
	c.mu.Lock()
	c.noted++
	most := c.noted > 4*mostNoted
	c.mu.Unlock()
	if !most {
		c.spawn("note", func() { c.told.Note(context.WithoutCancel(c.ctx), what, on, speech.Clean(why)) })
	}
}

// mostNoted is how many different things of one connection are worth a look at whether they are written down.
const mostNoted = 16

func (c *client) add(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.departing {
		return false
	}
	c.sessions[s] = struct{}{}
	c.slots++
	c.quiet.Stop()
	return true
}

// done takes a session off the list of those that do something.
func (c *client) done(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s)
	c.rest()
}

// free gives the place of a session to another.
func (c *client) free(s *session) {
	c.done(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots--
}

// hangUp closes the socket; all else follows.
func (c *client) hangUp() { _ = c.socket.Close() }

// How long a client has to read why it ends, and then to hang up itself.
const (
	lastWords = 400 * time.Millisecond
	lastWait  = 300 * time.Millisecond
)

// depart ends everything on this connection for one reason: no byte passes any
// more, every session is told, then the sockets are closed whatever the peers do.
func (c *client) depart(r refusal) {
	c.mu.Lock()
	first := !c.departing
	c.departing = true
	var told []*session
	for s := range c.sessions {
		if s.claim() {
			told = append(told, s)
		}
	}
	for _, st := range c.stays {
		st.up.Cut()
	}
	through := slices.Collect(maps.Keys(c.through))
	c.mu.Unlock()
	if !first {
		return
	}
	defer c.hangUp()
	patience := lastWords
	h := c.hush() // nobody asks for the rest of what was half written
	defer h.cut()
	if !h.settle(func() bool { return c.written(told) }) {
		patience = settled
		c.socket.drop()
	}
	var talks sync.WaitGroup
	for _, s := range told {
		talks.Add(1)
		c.spawn("last words", func() {
			defer talks.Done()
			s.finish(r)
		})
	}
	c.leave()
	for _, in := range through {
		talks.Add(1)
		c.spawn("last words", func() {
			defer talks.Done()
			within(in.ctx.Done(), lastWords+lastWait)
		})
	}
	heard := make(chan struct{})
	c.spawn("last words", func() {
		talks.Wait()
		close(heard)
	})
	within(heard, patience)
	within(c.ctx.Done(), lastWait)
	if c.socket.unsent() {
		c.socket.drop()
	}
}

// written waits a moment until no write to the client is half done, and says whether that is so.
func (c *client) written(all []*session) bool {
	done := make(chan struct{})
	c.spawn("half done", func() {
		defer close(done)
		for _, s := range all {
			s.out.whole()
		}
	})
	within(done, settled)
	return closed(done)
}

func within(done <-chan struct{}, d time.Duration) {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
}

// heard says whether the client is listened to.
func (c *client) heard() bool { return !c.socket.hold.holds() }
