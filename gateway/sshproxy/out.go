package sshproxy

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// out is what a client is shown: output of the program, and words of ours
// between. x/crypto's channels take one writer at a time.
type out struct {
	ch     ssh.Channel
	frozen atomic.Bool // nothing but the end is written any more
	gate   *gate       // of a program; nil before there is one

	mu      sync.Mutex // guards the rest, and writing
	eof     bool
	screen  *screen  // of a program with a terminal; nil without
	notices []func() // wait for a moment in which they tear nothing apart
}

var (
	errFrozen = errors.New("the session is ending")
	errHeld   = errors.New("nothing may pass now")
)

// A gate is what output of a program waits for.
type gate struct {
	ctx  context.Context
	wait func(context.Context) error
	open func() bool
}

// piece is how much is written under one hold of the lock.
const piece = 32 << 10

func (o *out) freeze() { o.frozen.Store(true) }

// program passes on what the program wrote, unchanged.
func (o *out) program(p []byte, stderr bool) error {
	for len(p) > 0 {
		if err := o.gate.wait(o.gate.ctx); err != nil {
			return err
		}
		n := min(len(p), piece)
		err := o.pass(p[:n], stderr)
		switch {
		case errors.Is(err, errHeld):
			continue
		case err != nil:
			return err
		}
		p = p[n:]
	}
	return nil
}

func (o *out) pass(p []byte, stderr bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.frozen.Load() {
		return errFrozen
	}
	if !o.gate.open() {
		return errHeld // the time was up meanwhile
	}
	if err := o.write(p, stderr); err != nil || o.screen == nil || stderr {
		return err
	}
	o.screen.write(p)
	o.tell()
	return nil
}

// write is for who holds mu.
func (o *out) write(p []byte, stderr bool) (err error) {
	switch {
	case o.eof:
		return errFrozen
	case stderr:
		_, err = o.ch.Stderr().Write(p)
	default:
		_, err = o.ch.Write(p)
	}
	return err
}

// noticesMost is how many can wait: the oldest goes first.
const noticesMost = 8

// tell gives the notices that wait, if this is the moment. mu is held.
func (o *out) tell() {
	if len(o.notices) == 0 || !o.screen.between() {
		return
	}
	all := o.notices
	o.notices = nil
	for _, say := range all {
		say()
	}
}

// between calls say, which writes under mu, as soon as nothing of the program's is half written.
func (o *out) between(say func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.frozen.Load() || o.screen == nil {
		return
	}
	o.notices = append(o.notices[max(0, len(o.notices)+1-noticesMost):], say)
	o.tell()
}

// aside writes a line of ours to who has no terminal, if it is still so.
func (o *out) aside(p []byte, still func() bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.frozen.Load() && !o.eof && still() {
		_ = o.write(p, true) // who is gone reads nothing
	}
}

// own writes words of ours, before there is a program.
func (o *out) own(p []byte, stderr bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.frozen.Load() {
		return errFrozen
	}
	return o.write(p, stderr)
}

// Write writes words of ours to standard output.
func (o *out) Write(p []byte) (int, error) {
	if err := o.own(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// watch follows what the program does to the terminal from now on.
func (o *out) watch() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.screen = new(screen)
}

// drained tells the client that no more output comes.
func (o *out) drained() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.eof && !o.frozen.Load() {
		o.eof = true
		_ = o.ch.CloseWrite() // fails only when the channel is gone
	}
}

// request passes on what the program's side asks for, without waiting for an answer.
func (o *out) request(r *ssh.Request) {
	if !o.frozen.Load() {
		_, _ = o.ch.SendRequest(r.Type, false, r.Payload) // who is gone hears nothing
	}
}

// words writes an answer of ours, after freeze.
func (o *out) words(text string, tty, stderr bool) {
	if tty {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.write([]byte(text), stderr) // who is gone reads nothing
}

// exit passes on how the program ended, after freeze, and then that no more
// output comes: a client that has ended its input closes the channel at that.
func (o *out) exit(r *ssh.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = o.ch.SendRequest(r.Type, false, r.Payload) // who is gone hears nothing
	if !o.eof {
		o.eof = true
		_ = o.ch.CloseWrite() // as above
	}
}

// last writes our last words, after freeze. text gets what the program left of the screen.
func (o *out) last(text func(*screen) []byte, stderr bool, status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.write(text(o.screen), stderr) // who is gone hears nothing
	_, _ = o.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
}

// whole returns when nothing is half written.
func (o *out) whole() {
	o.mu.Lock()
	defer o.mu.Unlock()
}

// close ends the channel.
func (o *out) close() {
	o.freeze()
	_ = o.ch.Close() // fails only when it is closed
}
