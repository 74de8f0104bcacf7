package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
	"lockbox/gateway/sshproxy/console"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// A destination is where a direct-tcpip channel shall lead (RFC 4254, 7.2).
type destination struct {
	Host     string
	Port     uint32
	FromHost string
	FromPort uint32
}

// direct answers a direct-tcpip channel: on the way to a target (ssh -J) it is
// the way in; on a target it is a forward.
func (c *client) direct(offered ssh.NewChannel) {
	var to destination
	if err := ssh.Unmarshal(offered.ExtraData(), &to); err != nil || to.Port > 65535 {
		c.refuse(offered, "", "not a destination")
		return
	}
	who, err := c.door.known(c.ctx, c.conn, c.id.key) // as they are now
	if err != nil {
		c.refuse(offered, "", speak("").keyGone)
		return
	}
	p := c.door.Desk.Policy()
	// A name with a dot leads nowhere unless it is a target: people are called so, too.
	if on := c.aim.target; on != "" && (c.inner || c.hides(p, who, on).IsZero()) {
		c.forward(offered, to)
		return
	}
	if why := c.leads(p, who, to); why != "" {
		c.refuse(offered, "", why)
		return
	}
	c.jump(offered, to.Host)
}

// refuse rejects a channel, counts that and writes it down.
func (c *client) refuse(offered ssh.NewChannel, on, why string) {
	c.note("channel "+offered.ChannelType(), on, why)
	_ = offered.Reject(ssh.Prohibited, "lockbox: "+speech.Clean(why)) // fails only when the connection is gone
	c.blame(1)
}

// blame counts what came to nothing, and ends the connection when it is too much.
func (c *client) blame(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused += n; c.refused > refusals {
		c.hangUp()
	}
}

// leads says why -J does not lead there; "" where it does. A target that is not
// for this person gives the same answer as none.
func (c *client) leads(p *policy.Policy, who policy.Principal, to destination) string {
	if why := c.hides(p, who, to.Host); !why.IsZero() {
		return fmt.Sprintf(speak("").jumpNowhere, why.String())
	}
	t := p.Targets[to.Host]
	if t.Kind != "ssh" {
		return fmt.Sprintf(speak("").jumpWeb, to.Host)
	}
	_, port, err := net.SplitHostPort(t.Address)
	if at := strconv.FormatUint(uint64(to.Port), 10); to.Port != 22 && (err != nil || at != port) {
		return fmt.Sprintf(speak("").jumpPort, to.Port, to.Host)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.through) >= mostThrough {
		return fmt.Sprintf(speak("").jumpMany, mostThrough)
	}
	return ""
}

// mostThrough is how many connections to targets go through one, at a time.
const mostThrough = 20

// hides says why there is no such target for the person; zero where there is.
func (c *client) hides(p *policy.Policy, who policy.Principal, name string) policy.Sentence {
	q := policy.Question{Now: c.door.now(), Who: who, Do: policy.Shell, On: name, From: c.from}
	if t := p.Targets[name]; t != nil && len(t.Customers) > 0 {
		q.Customer = t.Customers[0]
	}
	if a := p.Decide(q); a.Code == policy.NoTarget {
		return a.Why
	}
	return policy.Sentence{}
}

// jump answers the SSH handshake for a target within the channel, and lets the
// person work there as they would on a connection of its own.
func (c *client) jump(offered ssh.NewChannel, target string) {
	ch, requests, err := offered.Accept()
	if err != nil {
		return // the connection is gone
	}
	t := newTunnel(c, ch, requests)
	defer func() { _ = t.Close() }()
	defer c.door.contain("ssh -J to " + target)
	g := &guest{Conn: t, lobby: c.socket.lobby, source: c.socket.source, exempt: true, since: time.Now(), asked: make(chan struct{}), gone: make(chan struct{})}
	late := time.AfterFunc(c.limits.Grace, func() { _ = g.Close() })
	defer late.Stop()
	config, err := c.door.innerConfig(c.ctx, c.id.who, target)
	if err != nil {
		c.door.Report(fmt.Errorf("ssh -J to %s: %w", target, err))
		return
	}
	conn, channels, others, err := g.handshake(*config)
	if err != nil {
		c.blame(refusals / failedJumps)
		return // the client was told what SSH tells
	}
	if !late.Stop() {
		dismiss(conn, channels, others) // its time was up in that moment
		return
	}
	g.known.Store(true)
	in, err := newClient(c.leaving, c.door, conn, g, c.limits)
	if err != nil {
		c.door.Report(err)
		dismiss(conn, channels, others)
		return
	}
	in.inner, in.aim, in.told = true, aim{login: conn.User(), target: target}, c.told
	if !c.adopt(in) {
		in.hangUp()
	}
	defer c.disown(in)
	in.serve(c.leaving, channels, others)
}

// failedJumps is how many handshakes on one connection may come to nothing before it is cut.
const failedJumps = 50

// adopt counts a connection in that goes through this one, unless this one is
// ending, or there are too many: several may have been let in at a time.
func (c *client) adopt(in *client) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.through[in] = struct{}{}
	return !c.departing && len(c.through) <= mostThrough
}

func (c *client) disown(in *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.through, in)
}

// innerConfig is what a connection to one target, through another of the same
// person, is spoken to with: as at the front door, and the name of the target
// is certified.
func (d *Door) innerConfig(ctx context.Context, who policy.Principal, target string) (*ssh.ServerConfig, error) {
	c, err := d.config(ctx)
	if err != nil {
		return nil, err
	}
	verified := c.VerifiedPublicKeyCallback
	c.VerifiedPublicKeyCallback = func(m ssh.ConnMetadata, key ssh.PublicKey, p *ssh.Permissions, algorithm string) (*ssh.Permissions, error) {
		p, err := verified(m, key, p, algorithm)
		if err != nil {
			return nil, err
		}
		if id, _ := p.ExtraData[proven{}].(identity); id.who.ID != who.ID {
			return nil, &ssh.BannerError{Err: errOther, Message: "lockbox: " + speak("").jumpOther + "\r\n"}
		}
		return p, nil
	}
	switch host, err := d.Keys.HostCert(target, d.now()); {
	case err == nil:
		c.AddHostKey(host)
	case !errors.Is(err, keys.ErrNoHostCA): // else clients that know the host key itself come in all the same
		return nil, err
	}
	return c, sound(c)
}

var errOther = errors.New("the key is another person's than the one of the connection around it")

// elsewhere says where to go instead of a target or login that there is not.
func (w *way) elsewhere() string {
	p := w.s.c.door.Desk.Policy()
	t := p.Targets[w.knock.On]
	if t == nil || t.Kind != "ssh" {
		return w.say.listTargets
	}
	at, ok := console.PlaceOf(p, t, w.knock.Who, w.knock.From, w.s.c.door.now())
	if !ok {
		return w.say.listTargets
	}
	return fmt.Sprintf(w.say.loginsThere, t.Name, strings.Join(at.Accounts(), ", "))
}
