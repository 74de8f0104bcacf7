package sshproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/postgres"
	"lockbox/policy"
	"lockbox/recorder"
)

// A passage is one channel of bytes between a client and its target, which is
// no program's: a forward, or the person's agent or display. It is recorded as
// a session is, and cut with its visit.
type passage struct {
	c     *client
	st    *stay
	near  end // at the client
	far   end // at the target
	what  string
	track *recorder.Track
	sql   *policy.SQL // it carries PostgreSQL; nil: bytes

	over context.Context // nothing passes any more
	done context.CancelFunc
}

// An end is one side of a passage. What is read and written there goes through the gate.
type end struct {
	ssh.Channel
	p    *passage
	gone chan struct{} // closed when that side has closed the channel
}

func (e end) Read(b []byte) (int, error) {
	n, err := e.Channel.Read(b)
	if n == 0 {
		return 0, err
	}
	if err := e.p.gate(); err != nil {
		return 0, err
	}
	e.p.st.used()
	return n, err
}

func (e end) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		if err = e.p.gate(); err != nil {
			return n, err
		}
		var m int
		m, err = e.Channel.Write(b[:min(len(b), piece)])
		n, b = n+m, b[m:]
	}
	return n, err
}

// gate waits while nothing may pass.
func (p *passage) gate() error { return p.st.visit.Gate(p.over) }

func (p *passage) side(ch ssh.Channel, requests <-chan *ssh.Request) end {
	e := end{ch, p, make(chan struct{})}
	p.c.spawn("passage", func() {
		defer close(e.gone)
		ssh.DiscardRequests(requests)
	})
	return e
}

// enter counts a passage in, so that the visit is not left before it is over.
func (st *stay) enter() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.over {
		st.sessions.Add(1)
	}
	return !st.over
}

// pass opens the track, then the other side, accepts what was offered and
// passes bytes on until both are closed.
func (p *passage) pass(offered ssh.NewChannel, h recorder.Header, other func() (ssh.Channel, <-chan *ssh.Request, error), fromClient bool) error {
	if !p.st.enter() {
		return context.Cause(p.st.visit.Context())
	}
	defer p.st.sessions.Done()
	there, asked, err := other()
	if err != nil {
		return err
	}
	p.over, p.done = context.WithCancel(p.st.visit.Context())
	defer p.done()
	if p.track, err = p.st.visit.Track(h); err != nil {
		_ = there.Close() // nothing passed
		return p.failed(err)
	}
	here, requests, err := offered.Accept()
	if err != nil {
		_ = there.Close() // nobody is there any more
		return p.track.Close()
	}
	if fromClient {
		p.near, p.far = p.side(here, requests), p.side(there, asked)
	} else {
		p.near, p.far = p.side(there, asked), p.side(here, requests)
	}
	p.run()
	if err := p.track.Close(); err != nil {
		_ = p.failed(err)
	}
	return nil
}

// run passes bytes both ways until nobody has any.
func (p *passage) run() {
	read, written := make(chan struct{}), make(chan struct{}) // closed when all that the client wrote, or the target, is passed on
	p.c.spawn("passage", func() {
		select {
		case <-p.near.gone:
			within(read, lastInput)
		case <-p.far.gone:
			select {
			case <-written:
			case <-p.near.gone: // nobody is there to read it
			case <-p.over.Done():
			}
		case <-p.over.Done():
		case <-p.c.ctx.Done():
		case <-p.st.up.Gone():
		}
		p.done()
		_ = p.near.Close() // it may be closed already
		_ = p.far.Close()
	})
	if p.sql != nil {
		p.postgres()
		return
	}
	p.c.spawn("passage", func() {
		defer close(read)
		p.copy(p.far, p.near, p.track.Input)
	})
	p.copy(p.near, p.far, p.track.Output)
	close(written)
	<-read
}

// copy passes on one stream, and its end: first into the record, then to the other side.
func (p *passage) copy(to, from end, keep func([]byte) error) {
	err := p.stream(to, from, keep)
	if errors.Is(err, errSSHInside) {
		p.c.note("SSH in "+p.what, p.st.visit.Session.Target, err.Error())
		_ = p.track.Note("refused", err.Error()) // the passage ends anyway
	}
	if err != nil {
		p.done()
	}
	_ = to.CloseWrite() // it may be closed already
}

var errSSHInside = errors.New("SSH within a tunnel is refused: nobody could see what is done in it; ssh TARGET@GATEWAY reaches a target")

const sshBegins = "SSH-"

func (p *passage) stream(to, from end, keep func([]byte) error) error {
	buf, held := make([]byte, firstBuffer), 0 // held: of the very first bytes, which may become an SSH version
	for first := true; ; {
		n, err := from.Read(buf[held:])
		n += held
		held = 0
		if first && n > 0 {
			switch begins := buf[:min(n, len(sshBegins))]; {
			case string(begins) == sshBegins:
				return errSSHInside
			case n < len(sshBegins) && bytes.HasPrefix([]byte(sshBegins), begins) && err == nil:
				held = n
				continue
			}
			first = false
		}
		if n > 0 {
			if err := keep(buf[:n]); err != nil {
				return p.failed(err)
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		buf = grown(buf, n)
	}
}

// failed ends the visit: what cannot be recorded does not happen.
func (p *passage) failed(err error) error {
	if p.over.Err() != nil {
		return err // nothing was passed on
	}
	words := p.c.say()
	p.c.door.Report(fmt.Errorf("session %s: record %s: %w", p.st.visit.Session.ID, p.what, err))
	end := &gateway.Ending{Code: gateway.NoRecorder, Why: words.recorder}
	p.st.visit.End(end)
	return end
}

// postgres has the statements of a passage read along.
func (p *passage) postgres() {
	err := postgres.Relay(p.over, p.near, p.far, postgres.Options{
		TLS: p.sql.TargetTLS, Server: p.what, Asked: func() { p.st.visit.Count("statements", 1) }, Record: func(v any) error {
			if err := p.track.Object(v); err != nil {
				return p.failed(err)
			}
			return nil
		},
	})
	var no *postgres.Refused
	if errors.As(err, &no) {
		p.c.note("PostgreSQL to "+p.what, p.st.visit.Session.Target, no.Error())
	}
	p.done()
}
