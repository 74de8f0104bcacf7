package sshproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
	"lockbox/recorder"
)

// forward opens a connection from the target to an address that the rule lists.
// It answers offered, and returns when nothing is left of the channel.
func (c *client) forward(offered ssh.NewChannel, to destination) {
	addr, ok := to.address()
	if !ok {
		c.refuse(offered, "", fmt.Sprintf(c.say().noAddress, to.Host))
		return
	}
	st, answer, why := c.tunnelled(addr)
	if st == nil {
		c.note("forward "+addr, "", why)
		_ = offered.Reject(ssh.Prohibited, "lockbox: "+speech.Clean(why)) // fails only when the connection is gone
		c.blame(1)
		return
	}
	p := &passage{c: c, st: st, what: addr, sql: answer.Bounds.SQL}
	h := header(answer.Recording, "fwd", addr)
	if p.sql != nil {
		h.Kind = "sql"
	}
	host, _, _ := net.SplitHostPort(addr)
	from := ssh.Marshal(destination{host, to.Port, "127.0.0.1", 0}) // where the person is says nothing to it
	err := p.pass(offered, h, func() (ssh.Channel, <-chan *ssh.Request, error) {
		return st.up.OpenChannel("direct-tcpip", from)
	}, true)
	var no *ssh.OpenChannelError
	switch {
	case errors.As(err, &no): // by the target
		_ = offered.Reject(no.Reason, speech.Clean(fmt.Sprintf(c.say().targetSays, st.visit.Session.Target, no.Message))) // as above
	case err != nil:
		_ = offered.Reject(ssh.ConnectionFailed, "lockbox: "+speech.Clean(err.Error())) // as above
	}
}

// header is that of a track of bytes.
func header(rule policy.Recording, kind, command string) recorder.Header {
	return recorder.Header{Kind: kind, Command: command, Bulk: rule.Bulk, Strict: rule.Strict, Redact: rule.Redact}
}

// address is the destination in the one spelling that rules have. What could
// mean another machine than it says is none: addresses written otherwise than
// usual, those of IPv4 within IPv6, of all machines, of a zone. A name is not
// looked up: the target does that.
func (d destination) address() (string, bool) {
	host := strings.ToLower(d.Host)
	inside, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		host = strings.TrimSuffix(inside, "]")
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case d.Port == 0 || d.Port > 65535, bracketed && (!ip.Is6() || inside != host+"]"):
		return "", false
	case err != nil && !hostName(host), ip.Is4In6() || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast():
		return "", false
	case err == nil:
		host = ip.String()
	}
	return net.JoinHostPort(host, strconv.FormatUint(uint64(d.Port), 10)), true
}

// hostName says whether host is a name that no program takes for an address.
func hostName(host string) bool {
	if len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	last := labels[len(labels)-1] // a number, also 0x7f, makes an address of the whole (WHATWG URL, 3.5)
	return strings.Trim(last, "0123456789") != "" && !(strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "")
}

// tunnelled gives the stay under which a tunnel may be opened, or why it may not.
func (c *client) tunnelled(to string) (*stay, gateway.Answer, string) {
	words := c.say()
	who, err := c.door.known(c.ctx, c.conn, c.id.key) // as they are now
	if err != nil {
		return nil, gateway.Answer{}, words.keyGone
	}
	k := gateway.Knock{Who: who, Key: c.id.fingerprint, From: c.from, Do: policy.Forward, To: to, On: c.aim.target, Login: c.aim.login}
	if why := c.customerOf(&k); why != "" {
		return nil, gateway.Answer{}, why
	}
	st, answer, err := c.enter(c.ctx, k, c.alone)
	var end *gateway.Ending
	switch {
	case st != nil:
		return st, answer, ""
	case errors.As(err, &end):
		return nil, answer, end.Why
	case err != nil:
		ref := reference()
		c.door.Report(fmt.Errorf("%s: forward of %s on %q: %w", ref, who.ID, k.On, err))
		return nil, answer, fmt.Sprintf(words.internal, ref)
	}
	return nil, answer, c.missing(k, answer)
}

// customerOf finds which customer a login is meant for that reaches one: the
// only one, or that of an open request. Why not, where there are several.
func (c *client) customerOf(k *gateway.Knock) string {
	t := c.door.Desk.Policy().Targets[k.On]
	if t == nil || !t.NeedsCustomer(k.Login) {
		return ""
	}
	customers := t.Customers
	if len(customers) != 1 {
		open, err := c.door.Desk.Mine(c.ctx, k.Who.ID)
		if customers = ofOpen(open, t, k.Login); err != nil || len(customers) != 1 {
			return fmt.Sprintf(c.say().tunnelCustomer, strings.Join(t.Customers, ", "))
		}
	}
	k.Customer = customers[0]
	return ""
}

// watchedIn is how long a forward waits for those who have to watch it.
const watchedIn = 2 * time.Minute

// alone waits until somebody watches who has to: nobody can be told.
func (c *client) alone(v *gateway.Visit) error {
	late := time.NewTimer(watchedIn)
	defer late.Stop()
	for {
		h, moved := v.Halted()
		if !h.Watch {
			return nil
		}
		select {
		case <-moved:
		case <-v.Context().Done():
			return v.Why()
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-late.C:
			return &gateway.Ending{Code: gateway.StillAsked, Why: fmt.Sprintf(c.say().tunnelUnwatched, c.door.page(v))}
		}
	}
}

// missing says what has to be done before a tunnel can be opened. It is one
// line, which a client prints.
func (c *client) missing(k gateway.Knock, a gateway.Answer) string {
	words, d := c.say(), c.door
	switch {
	case a.Verdict == policy.Ask && a.Request != nil && a.Status.Phase == policy.Pending:
		return fmt.Sprintf(words.tunnelPending, a.Request.ID, k.To, d.Portal+"/r/"+a.Request.ID)
	case a.Verdict == policy.Ask:
		return fmt.Sprintf(words.tunnelAsk, k.To, c.aim.user(), k.To, d.Portal+askPage(k.On))
	case a.Verdict == policy.Prove && a.Proof == policy.Passkey:
		return c.touchFor(a)
	case a.Verdict == policy.Prove:
		return fmt.Sprintf("%s: %s", a.Why, d.Portal+"/me/declaration")
	case a.Accept && a.Grant != nil:
		return fmt.Sprintf(words.acceptPlain, a.Grant.ID)
	}
	return a.Why.String()
}

// touchFor opens a touch and says its number, for nobody else can.
func (c *client) touchFor(a gateway.Answer) string {
	words := c.say()
	t, err := c.door.Desk.AskTouch(c.ctx, a.Terminal)
	if err != nil {
		return a.Why.String()
	}
	return fmt.Sprintf(words.tunnelTouch, c.door.Portal+"/t/"+a.Grant.ID, t.Number)
}

// say is the language of a session on the same connection; English without one.
func (c *client) say() *texts {
	c.mu.Lock()
	var any *session
	for s := range c.sessions {
		any = s
	}
	c.mu.Unlock()
	if any == nil {
		return speak("")
	}
	return any.say()
}

// place is where the stay is, or will be, under which something can be done: a
// grant for other work on the same login has one of its own.
func (c *client) place(k gateway.Knock) place {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := place{login: k.Login, customer: k.Customer}
	holds := func(at place, v *gateway.Visit) bool {
		g := v.Grant()
		return at.login == k.Login && at.customer == k.Customer && slices.Contains(g.Actions, k.Do) && (k.To == "" || slices.Contains(g.To, k.To))
	}
	for at, st := range c.stays {
		if holds(at, st.visit) {
			return at
		}
	}
	for at, e := range c.early {
		if holds(at, e.visit) {
			return at
		}
	}
	if c.stays[first] != nil || c.early[first] != nil {
		first.work = string(k.Do) + " " + k.To
	}
	return first
}

// extensions are what a target has to allow beyond a terminal, for what was approved.
func extensions(all []policy.Action) (out []string) {
	for _, a := range all {
		switch a {
		case policy.Forward:
			out = append(out, "permit-port-forwarding")
		case policy.Agent:
			out = append(out, "permit-agent-forwarding")
		case policy.X11:
			out = append(out, "permit-X11-forwarding")
		}
	}
	return out
}
