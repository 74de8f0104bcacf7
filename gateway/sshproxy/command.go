package sshproxy

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/console"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/gateway/sshproxy/sshconfig"
	"lockbox/policy"
)

// commandLine answers `ssh GATEWAY COMMAND`.
func (s *session) commandLine(p program) *refusal {
	who, err := s.c.door.known(s.ctx, s.c.conn, s.c.id.key)
	if err == nil { // what they may as they are now: it may be more than to go in
		who, err = s.c.door.Gateway.Known(s.ctx, who, s.c.id.fingerprint)
	}
	if err != nil {
		return &refusal{code: policy.ByPolicy, exit: exitDenied, why: s.keyGone(err)}
	}
	line := p.command
	if p.kind == "shell" {
		line = ""
	}
	a, err := s.c.door.console().Answer(s.ctx, s.caller(who), line)
	if s.ctx.Err() != nil {
		return nil
	}
	if err != nil {
		r := s.failed(err, "")
		a = console.Answer{Text: r.why, Wrong: true, Status: r.exit}
	}
	s.answer(a)
	return nil
}

// answer writes what there is to say, and ends the program.
func (s *session) answer(a console.Answer) {
	if !s.claim() {
		return
	}
	tty := s.terminal() != nil
	if a.Wrong {
		for line := range strings.Lines(a.Text) {
			s.out.words("lockbox: "+speech.Clean(strings.TrimSpace(line))+"\n", tty, !tty)
		}
	} else {
		s.out.words(a.Text, tty, false)
	}
	s.out.exit(&ssh.Request{Type: "exit-status", Payload: ssh.Marshal(struct{ Status uint32 }{uint32(a.Status)})})
	s.out.close()
}

// console is what the commands are about.
func (d *Door) console() console.House {
	h := console.House{Gateway: d.Gateway, Desk: d.Desk, Tokens: d.Tokens, Portal: d.Portal, Apps: d.Apps, Now: d.now, Address: spelled}
	h.Keys = sshconfig.Setup{HostKey: sshconfig.Line(d.Keys.Host.PublicKey())}
	if d.Keys.HostCA != nil {
		h.Keys.HostCA = sshconfig.Line(d.Keys.HostCA.PublicKey())
	}
	return h
}

// spelled is host:port in the one spelling that rules have.
func spelled(hostport string) (string, bool) {
	host, port, err := net.SplitHostPort(hostport)
	n, nerr := strconv.ParseUint(port, 10, 16)
	if err != nil || nerr != nil {
		return "", false
	}
	return destination{Host: host, Port: uint32(n)}.address()
}

// caller is who runs a command in this session.
func (s *session) caller(who policy.Principal) console.Caller {
	s.mu.Lock()
	c := console.Caller{Who: who, Key: s.c.id.fingerprint, From: s.c.from, Locale: s.env.language(), Look: s.lookAt}
	s.mu.Unlock()
	if at, ok := s.c.conn.LocalAddr().(*net.TCPAddr); ok {
		c.Port = at.Port
	}
	c.Secret = s.secret
	if s.terminal() != nil {
		c.Terminal = person{s}
	}
	return c
}

const (
	secretMost = 256             // bytes of a line that holds a secret
	secretWait = 2 * time.Minute // for it
)

// secret asks for what nobody else may read. Without a terminal it is the first
// line of what the command is given.
func (s *session) secret(prompt string) (text string, err error) {
	quiet := time.AfterFunc(secretWait, s.stop) // who types nothing has gone
	defer quiet.Stop()
	if s.terminal() != nil {
		if text, err = s.form().t.ReadPassword("  " + prompt + " › "); err != nil {
			err = s.left("").refused()
		}
		return text, err
	}
	s.typing.listen(s.c.spawn)
	line, err := bufio.NewReader(io.LimitReader(s.typing, secretMost)).ReadString('\n')
	if err != nil && line == "" {
		return "", &approvals.Refusal{Code: policy.ByPolicy, Why: s.say().noSecret}
	}
	return line, nil
}

// lookAt begins to look at a target; what it gives says so when it does not answer.
func (s *session) lookAt(name string) func() string {
	found := s.look(name)
	return func() string { return s.notNow(name, found) }
}

// A person is asked what a command needs, on their terminal.
type person struct{ s *session }

func (p person) Choose(customers []string) (string, error) {
	say := p.s.say()
	one, err := p.s.form().choose(say.customer, customers, say.Names(customers...)...)
	if err != nil {
		return "", p.s.left("").refused()
	}
	return one, nil
}

func (p person) Ask(k gateway.Knock, a gateway.Answer) error {
	w := p.s.way(k)
	defer w.close()
	if r := w.ask(a); r != nil {
		return r.refused()
	}
	return nil
}

func (p person) Promise(k gateway.Knock, v approvals.View) (bool, error) {
	w := p.s.way(k)
	defer w.close()
	yes, r := w.promise(v)
	if r != nil {
		return false, r.refused()
	}
	return yes, nil
}

// refused is a refusal as the answer to a command.
func (r *refusal) refused() error { return &approvals.Refusal{Code: r.code, Why: r.why} }
