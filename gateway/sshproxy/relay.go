package sshproxy

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/target"
	"lockbox/policy"
	"lockbox/recorder"
)

// A relay passes bytes and requests between a session and its program on the
// target: unchanged, in order, and what the program says not before it is
// recorded.
type relay struct {
	s     *session
	st    *stay
	ch    ssh.Channel
	track *recorder.Track
	tty   bool      // there is a terminal
	size  *terminal // as the target has it; of start, then of requests alone

	over context.Context // ends when nothing is passed to the program any more
	done context.CancelFunc
	back func()        // takes away what was lent to the program
	fed  chan struct{} // closed at the end of input
	told chan struct{} // closed when it is known how the program ended, or that nobody says
	gone chan struct{} // closed when the target has closed the channel
	exit *ssh.Request  // how it ended; read it after told

	files *files // reads along; nil: the bytes are passed on as they are
}

// lull is how far things may come apart that happen together: the end of
// output, the exit status, the end of a connection.
const lull = 50 * time.Millisecond

// How long a program has, after its client has closed the channel.
const (
	lastInput  = time.Second     // to read what was written before
	lastOutput = 5 * time.Second // to be gone
)

// relay starts the program on the target, recorded as the rule says that permits
// it. Nil means that it runs, and that run is for the rest.
func (s *session) relay(st *stay, p program, rule policy.Recording) *refusal {
	if !st.join(s) {
		r := ended(st.visit)
		return &r
	}
	var r *relay
	defer func() {
		if s.relayed == nil {
			r.close()
			st.part(s)
		}
	}()
	ch, requests, err := st.up.OpenChannel("session", nil)
	if err != nil {
		return s.unopened(st, err)
	}
	r = &relay{s: s, st: st, ch: ch, back: func() {}, fed: make(chan struct{}), told: make(chan struct{}), gone: make(chan struct{})}
	r.over, r.done = context.WithCancel(context.WithoutCancel(s.ctx))
	s.out.gate = &gate{s.ctx, st.visit.Gate, st.visit.Open}
	if r.track, err = st.visit.Track(s.header(p, rule)); err != nil {
		return r.failed(err)
	}
	if r.files = p.files; r.files != nil {
		if err := r.files.attach(r, p.command); err != nil {
			return r.failed(err)
		}
	}
	s.c.spawn("target", func() { r.hear(requests) })
	if no := r.start(p); no != nil {
		return no
	}
	s.relayed = r
	return nil
}

// lost is what the person is told when the target is gone. The end of a visit
// takes the target away, too; then it is the end that they are told.
func (s *session) lost(st *stay) *refusal {
	if st.visit.Context().Err() != nil {
		r := ended(st.visit)
		return &r
	}
	return &refusal{
		code: gateway.Unreachable, exit: exitUnavailable, retry: true,
		why: fmt.Sprintf(s.say().lost, st.visit.Session.Target), target: st.visit.Session.Target, request: st.visit.Grant().ID,
	}
}

func (s *session) header(p program, rule policy.Recording) recorder.Header {
	h := recorder.Header{
		Kind: "exec", Command: p.command, Env: map[string]string{},
		Input: rule.Input, Bulk: rule.Bulk, Strict: rule.Strict, Redact: rule.Redact,
	}
	for _, v := range s.env.target {
		h.Env[v.Name] = v.Value
	}
	if p.files != nil && !p.files.aside {
		h.Kind = "sftp"
	}
	if t := s.terminal(); t != nil {
		h.Kind, h.Term, h.Cols, h.Rows = "pty", t.Term, int(t.Cols), int(t.Rows)
	}
	return h
}

// start asks the target for what the client asked us.
func (r *relay) start(p program) *refusal {
	s := r.s
	r.back = r.lend()
	for _, v := range s.env.target {
		_, _ = r.ch.SendRequest("env", false, ssh.Marshal(v)) // a lost channel shows below
	}
	s.mu.Lock()
	s.running = true // from now on the client's requests go to the program
	s.mu.Unlock()
	if r.size = s.terminal(); r.size != nil {
		r.tty = true
		if ok, err := r.ch.SendRequest("pty-req", true, ssh.Marshal(r.size)); err != nil {
			return s.lost(r.st)
		} else if !ok {
			return s.denied(r.st, target.NoTerminal)
		}
		s.typing.heed()
		s.banner(r.st)
		s.out.watch()
	}
	asked, payload := "shell", []byte(nil)
	if p.kind != "shell" {
		asked, payload = p.kind, ssh.Marshal(struct{ Command string }{p.command})
	}
	if ok, err := r.ch.SendRequest(asked, true, payload); err != nil {
		return s.lost(r.st)
	} else if !ok {
		return s.denied(r.st, target.NoProgram)
	}
	return nil
}

// run passes everything on until the target has closed the channel. Nil means
// that the program's end was. It has little on its stack while it waits.
func (r *relay) run() *refusal {
	defer r.st.part(r.s)
	defer r.close()
	stderr := make(chan struct{})
	defer r.begin(stderr)()
	if r.files != nil {
		r.files.output()
	} else {
		r.pump(false)
	}
	<-stderr
	return r.outcome()
}

// begin passes on all but the output, until the func returned is called. stderr
// is closed when nothing more comes of that.
func (r *relay) begin(stderr chan<- struct{}) (end func()) {
	s := r.s
	input := r.input
	if r.files != nil {
		input = r.files.input
	}
	s.c.spawn("input", input)
	s.c.spawn("requests", r.requests)
	stay := s.c.upon(s.ctx, "hang-up", r.hangUp)
	warned := func() {}
	if r.tty {
		warned = r.warn()
	}
	s.c.spawn("stderr", func() {
		defer close(stderr)
		r.pump(true)
	})
	return func() {
		r.done() // before those wait
		warned()
		stay()
	}
}

// outcome passes on how the program ended, after its output.
func (r *relay) outcome() *refusal {
	s := r.s
	within(r.told, lull)
	if r.lost() {
		return s.lost(r.st)
	}
	// The program goes on without its output. A client that has ended its input would close the
	// channel at the end of ours, and never hear how the program ends.
	if !closed(r.told) && !closed(r.fed) && r.gate() == nil {
		s.out.drained()
	}
	r.await(r.told)
	if r.lost() {
		return s.lost(r.st)
	}
	if !closed(r.told) {
		return nil // the client is gone, and the target does not answer
	}
	r.back() // before the client hears of the end
	if r.exit != nil && r.gate() == nil && s.claim() {
		s.out.exit(r.exit)
		r.await(r.gone)
		s.out.close()
	}
	return nil
}

// lost says whether the program ended because the connection to its target did.
func (r *relay) lost() bool {
	if !closed(r.told) || r.exit != nil || r.s.ctx.Err() != nil {
		return false
	}
	within(r.st.up.Gone(), lull)
	return closed(r.st.up.Gone())
}

// await waits for the target: as long as it takes while the client is there.
func (r *relay) await(what <-chan struct{}) {
	select {
	case <-what:
	case <-r.over.Done():
		within(what, lastOutput)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// hangUp ends the program of a client that has closed the channel or vanished.
func (r *relay) hangUp() {
	late := time.NewTimer(lastInput)
	defer late.Stop()
	select {
	case <-r.over.Done():
	case <-r.fed:
	case <-late.C:
	}
	r.done()
	_ = r.ch.Close() // it may be closed already
}

// upon has fn run when ctx ends, unless what it returns is called before; that
// waits for fn. Nothing is held for it meanwhile but a place in ctx.
func (c *client) upon(ctx context.Context, what string, fn func()) (stop func()) {
	done := make(chan struct{})
	not := context.AfterFunc(ctx, func() {
		c.spawn(what, func() {
			defer close(done)
			fn()
		})
	})
	return func() {
		if !not() {
			<-done
		}
	}
}

// close ends what is left of the program, and its record; nil has none.
func (r *relay) close() {
	if r == nil {
		return
	}
	r.done()
	r.back()
	_ = r.ch.Close() // it may be closed already
	if r.track == nil {
		return
	}
	if err := r.track.Close(); err != nil {
		r.failed(err)
	}
}

// failed ends the visit: what cannot be recorded does not happen.
func (r *relay) failed(err error) *refusal {
	r.s.c.door.Report(fmt.Errorf("session %s: record: %w", r.st.visit.Session.ID, err))
	r.st.visit.End(&gateway.Ending{Code: gateway.NoRecorder, Why: r.s.say().recorder})
	no := r.s.lost(r.st)
	no.code, no.why, no.exit, no.retry = gateway.NoRecorder, r.s.say().recorder, exitUnavailable, true
	return no
}

// broken is failed, unless the program is over and its record closed: then
// nothing was passed on.
func (r *relay) broken(err error) {
	if r.over.Err() == nil {
		r.failed(err)
	}
}

// hear takes what the program's side asks for: how it ended is passed on after
// all of its output, the rest at once.
func (r *relay) hear(requests <-chan *ssh.Request) {
	defer close(r.gone)
	told := sync.OnceFunc(func() { close(r.told) })
	defer told()
	for q := range requests {
		_ = r.gate() // what comes after the end of the visit goes nowhere
		switch q.Type {
		case "exit-status", "exit-signal":
			if payload, ok := said(q); ok && r.exit == nil {
				q.Payload = payload
				r.note(q)
				r.exit = q
				told()
			}
		case "eow@openssh.com", "xon-xoff":
			if payload, ok := said(q); ok {
				q.Payload = payload
				r.s.out.request(q)
			}
		}
		_ = q.Reply(q.Type == keepAliveRequest, nil) // fails only when the target is gone
	}
}

// note records how the program ended.
func (r *relay) note(q *ssh.Request) {
	var status struct{ Code uint32 }
	var err error
	if signal, ok := signalOf(q.Payload); q.Type == "exit-signal" && ok {
		r.st.visit.Exited(signal.Name)
		err = r.track.Signal(signal.Name, signal.Core)
		if signal.Text != "" && err == nil {
			err = r.track.Note("exit-signal", signal.Text)
		}
	}
	if q.Type == "exit-status" && ssh.Unmarshal(q.Payload, &status) == nil {
		r.st.visit.Exited(strconv.FormatUint(uint64(status.Code), 10))
		err = r.track.Exit(int(status.Code))
	}
	if err != nil {
		r.broken(err)
	}
}
