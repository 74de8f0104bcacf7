package sshproxy

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// A session is one channel of a client: what was asked for it, and what runs
// in it. One channel runs one program.
type session struct {
	c       *client
	out     *out
	typing  *typing
	relayed *relay          // the program on the target, once it runs; of run alone
	ctx     context.Context // ends when the client closes the channel, or the program is over
	stop    context.CancelFunc
	ended   atomic.Bool // somebody has taken it on to end the channel

	mu      sync.Mutex // guards the rest
	started bool
	env     environment
	pty     *terminal // nil without one
	wishes  wishes
	later   []*ssh.Request // for the program
	running bool           // there is one to answer
	answers func()         // has those of later answered; nil: not yet, or it is under way
	told    int            // lines written to who has no terminal
}

// A terminal is what a pty-req asks for (RFC 4254, 6.2); the modes are passed on as they are.
type terminal struct {
	Term          string
	Cols, Rows    uint32
	Width, Height uint32
	Modes         string
}

// A window is the size in a window-change (RFC 4254, 6.7).
type window struct{ Cols, Rows, Width, Height uint32 }

// A program is what a client asks to run.
type program struct {
	kind    string // "shell", "exec" or "subsystem": an exec of nothing is no shell
	command string
	files   *files // reads its streams along; nil: nothing does
}

// do is the action that policy is asked about.
func (p program) do() policy.Action {
	if p.kind == "shell" {
		return policy.Shell
	}
	return policy.Exec
}

func newSession(c *client, ch ssh.Channel) *session {
	s := &session{c: c, out: &out{ch: ch}}
	s.ctx, s.stop = context.WithCancel(c.ctx)
	s.typing = newTyping(s.ctx, ch)
	return s
}

// serve runs one channel until the client has closed it.
func (s *session) serve(requests <-chan *ssh.Request) {
	defer s.stop()
	idle := time.AfterFunc(s.c.limits.Grace, s.unused)
	defer idle.Stop()
	var running sync.WaitGroup
	for r := range requests { // always read: 16 unread requests would stop the whole connection
		p, ok, answer := s.handle(r)
		if answer {
			_ = r.Reply(ok, nil) // fails only when the channel is gone; then requests ends too
		}
		if p == nil {
			continue
		}
		running.Add(1)
		s.c.spawn("program", func() {
			defer running.Done()
			s.run(p)
		})
	}
	s.stop()
	s.c.done(s) // the client may open another while the target ends this one
	running.Wait()
}

// unused closes a channel on which nothing was run.
func (s *session) unused() {
	s.mu.Lock()
	unused := !s.started
	s.started = true
	s.mu.Unlock()
	if unused && s.claim() {
		s.out.close()
		s.c.done(s)
	}
}

// handle answers one request, unless the program will (answer is false). p is
// what to run now.
func (s *session) handle(r *ssh.Request) (p *program, ok, answer bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Type {
	case "env":
		var v struct{ Name, Value string }
		return nil, !s.started && ssh.Unmarshal(r.Payload, &v) == nil && s.env.set(v.Name, v.Value), true
	case "pty-req":
		t := new(terminal)
		if s.started || s.pty != nil || ssh.Unmarshal(r.Payload, t) != nil || !t.fits() {
			return nil, false, true
		}
		s.pty = t
		return nil, true, true
	case "window-change":
		ok := s.resize(r)
		return nil, ok, !ok || !s.pass(r)
	case "signal", "break", "eow@openssh.com":
		return nil, false, !s.pass(r)
	case "auth-agent-req@openssh.com":
		return nil, s.wantsAgent(r), true
	case "x11-req":
		return nil, s.wantsX11(r), true
	case "shell", "exec", "subsystem":
		var command struct{ Text string }
		if s.started || r.Type != "shell" && ssh.Unmarshal(r.Payload, &command) != nil {
			return nil, false, true
		}
		s.started = true
		return &program{kind: r.Type, command: command.Text}, true, true
	}
	s.c.note("request "+r.Type, "", "this door does not do it") // what is not invented yet
	return nil, false, true
}

func (s *session) resize(r *ssh.Request) bool {
	var w window
	if s.pty == nil || ssh.Unmarshal(r.Payload, &w) != nil || !sizeFits(w.Cols, w.Rows) {
		return false
	}
	s.pty.Cols, s.pty.Rows, s.pty.Width, s.pty.Height = w.Cols, w.Rows, w.Width, w.Height
	return true
}

// laterMost is how many requests wait for the program.
const laterMost = 64

// pass gives the request to the program, in order; there must be one. What
// comes faster than the target takes it is dropped; the last size of the window
// is not lost by that. mu is held.
func (s *session) pass(r *ssh.Request) bool {
	if !s.running || len(s.later) == laterMost {
		return false
	}
	s.later = append(s.later, r)
	if s.answers != nil {
		s.c.spawn("requests", s.answers)
		s.answers = nil
	}
	return true
}

// next is what waits for the program, whose terminal has a size: a request, else
// another size. With neither, whoever answers ends, and is begun again by pass.
func (s *session) next(has *terminal, again func()) (r *ssh.Request, size *terminal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.later) > 0:
		r, s.later = s.later[0], s.later[1:]
	case s.pty != nil && *s.pty != *has:
		t := *s.pty
		size = &t
	default:
		s.later, s.answers = nil, again
	}
	return r, size
}

func (t *terminal) fits() bool {
	return len(t.Term) <= 64 && plainWord(t.Term) && len(t.Modes) <= 4096 && sizeFits(t.Cols, t.Rows)
}

func sizeFits(cols, rows uint32) bool { return cols <= 10_000 && rows <= 10_000 }

// terminal is what there is now; nil without one.
func (s *session) terminal() *terminal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pty == nil {
		return nil
	}
	t := *s.pty
	return &t
}

// run does what was asked for, and ends the channel.
func (s *session) run(p *program) {
	defer s.c.done(s)
	r := s.work(*p)
	if s.relayed != nil { // from here, not from the depth of work: this stack is kept as long as the program runs
		r = s.relayed.run()
	}
	s.end(r)
}

// end ends the channel, unless somebody else does for another reason.
func (s *session) end(r *refusal) {
	if !s.claim() {
		return
	}
	if r != nil {
		s.finish(*r)
	}
	s.out.close()
}

// claim says whether the caller is the one who ends the channel. From then on nothing but its end is written.
func (s *session) claim() bool {
	if s.ended.Swap(true) {
		return false
	}
	s.out.freeze()
	return true
}

// work runs the program. Nil means that its end was passed on.
func (s *session) work(p program) *refusal {
	switch aim := s.c.aim; {
	case s.c.socket.over:
		most := s.c.limits.PerPerson
		return &refusal{code: policy.ByPolicy, exit: exitUnavailable, why: fmt.Sprintf(s.say().tooMany, most), next: s.say().tooManyNext, target: aim.target, retry: true}
	case p.kind == "subsystem":
		return s.subsystem(aim, p)
	case aim.target == "":
		return s.commandLine(p)
	default:
		s.transfer(&p)
		return s.visit(aim, p)
	}
}

func (s *session) say() *texts {
	s.mu.Lock()
	defer s.mu.Unlock()
	say := speak(s.env.language())
	say.Words = speech.In(s.env.language(), s.c.door.Desk.Policy)
	return say
}
