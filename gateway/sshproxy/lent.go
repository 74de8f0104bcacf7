package sshproxy

import (
	"context"
	"sync"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/policy"
)

// What a client offers to lend to the target while a program runs: its agent,
// its display. They are kept until the program starts.
type wishes struct {
	agent bool
	x11   []byte // the request as it came; nil: none
}

// lending counts the programs of a visit that were lent something.
type lending struct {
	mu sync.Mutex // guards the rest
	of map[*gateway.Visit]map[policy.Action]int
}

func (l *lending) add(v *gateway.Visit, do policy.Action, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[*gateway.Visit]map[policy.Action]int{}
	}
	if l.of[v] == nil {
		l.of[v] = map[policy.Action]int{}
	}
	if l.of[v][do] += n; l.of[v][do] == 0 {
		delete(l.of[v], do)
	}
	if len(l.of[v]) == 0 {
		delete(l.of, v)
	}
}

func (l *lending) lent(v *gateway.Visit, do policy.Action) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[v][do] > 0
}

// wantsAgent says whether the person's agent might be reached from the target:
// it is decided when the program starts. mu is held.
func (s *session) wantsAgent(r *ssh.Request) bool {
	if s.started || !s.might(policy.Agent) {
		s.c.note("request "+r.Type, "", "no rule permits it")
		return false
	}
	s.wishes.agent = true
	return true
}

// wantsX11 says whether the person's display might be, as above.
func (s *session) wantsX11(r *ssh.Request) bool {
	var x struct {
		Single          bool
		Protocol, Cooky string
		Screen          uint32
	}
	if s.started || ssh.Unmarshal(r.Payload, &x) != nil || len(r.Payload) > 1024 || !s.might(policy.X11) {
		s.c.note("request "+r.Type, "", "no rule permits it")
		return false
	}
	s.wishes.x11 = r.Payload
	return true
}

// might says whether the person may so much as ask for it. mu is held.
func (s *session) might(do policy.Action) bool {
	d := s.c.door.Desk.Policy().Decide(policy.Question{
		Now: s.c.door.now(), Who: s.c.id.who, Do: do, On: s.c.aim.target, Login: s.c.aim.login, Customer: s.env.own["CUSTOMER"], From: s.c.from,
	})
	return d.Verdict != policy.Deny
}

// lend asks the target for what the client offered, where the grant holds it.
// What it gives back takes it away again.
func (r *relay) lend() (back func()) {
	var lent []policy.Action
	for _, w := range []struct {
		do      policy.Action
		request string
		asked   bool
		payload []byte
	}{
		{policy.Agent, "auth-agent-req@openssh.com", r.s.wishes.agent, nil},
		{policy.X11, "x11-req", r.s.wishes.x11 != nil, r.s.wishes.x11},
	} {
		if !w.asked {
			continue
		}
		d, err := r.st.visit.May(r.s.ctx, w.do)
		if err != nil || d.Verdict != policy.Allow {
			r.s.c.note("request "+w.request, r.st.visit.Session.Target, d.Why.String())
			continue
		}
		r.s.c.lends.add(r.st.visit, w.do, 1) // before the target can use it
		lent = append(lent, w.do)
		_, _ = r.ch.SendRequest(w.request, true, w.payload) // a lost channel shows elsewhere
	}
	return sync.OnceFunc(func() {
		for _, do := range lent {
			r.s.c.lends.add(r.st.visit, do, -1)
		}
	})
}

// offered answers a channel that the target of a visit opens towards the
// person: to what they lent to a program that runs now, and to nothing else.
func (c *client) offered(v *gateway.Visit, offered ssh.NewChannel) {
	do := map[string]policy.Action{"auth-agent@openssh.com": policy.Agent, "x11": policy.X11}[offered.ChannelType()]
	if do == "" || !c.lends.lent(v, do) || !c.mayDirect() {
		c.note("channel "+offered.ChannelType()+" from the target", v.Session.Target, "nothing of the person's was lent to it")
		_ = offered.Reject(ssh.Prohibited, "lockbox: not from here") // fails only when the connection is gone
		return
	}
	c.spawn("lent", func() {
		defer c.directDone()
		c.reach(v, do, offered)
	})
}

// reach decides again and passes the channel on to the client.
func (c *client) reach(v *gateway.Visit, do policy.Action, offered ssh.NewChannel) {
	d, err := v.May(context.WithoutCancel(c.ctx), do)
	st := c.stayOf(v)
	if err != nil || d.Verdict != policy.Allow || st == nil {
		c.note("channel "+offered.ChannelType()+" from the target", v.Session.Target, d.Why.String())
		_ = offered.Reject(ssh.Prohibited, "lockbox: not any more") // as above
		return
	}
	h := header(d.Recording, "fwd", string(do))
	if do == policy.Agent {
		h.Bulk = 1 // whoever adds a key to an agent sends it: the bytes are counted and hashed, not kept
	}
	p := &passage{c: c, st: st, what: string(do)}
	err = p.pass(offered, h, func() (ssh.Channel, <-chan *ssh.Request, error) {
		return c.conn.OpenChannel(offered.ChannelType(), offered.ExtraData())
	}, false)
	if err != nil {
		_ = offered.Reject(ssh.ConnectionFailed, "lockbox: the client does not take it") // as above
	}
}

// stayOf is the stay of a visit; nil when it is over.
func (c *client) stayOf(v *gateway.Visit) *stay {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.stays {
		if st.visit == v {
			return st
		}
	}
	return nil
}
