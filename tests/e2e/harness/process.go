package harness

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// drainDelay is how long the output of a program that has ended may be held open by others.
const drainDelay = 2 * time.Second

// A Process is a running program whose output is kept, for one goroutine at a time. It is killed, with all that it started, when the test ends.
type Process struct {
	t    testing.TB
	cmd  *exec.Cmd
	tty  *os.File // nil without a pty
	in   io.WriteCloser
	out  *stream
	errs *stream // never written with a pty
	done chan struct{}

	seen     int // how much of Plain(out) Expect has passed
	seenErrs int
	kill     sync.Once
	mu       sync.Mutex // guards closing tty against Resize: the pty package takes the bare descriptor
}

// Start runs cmd with pipes. cmd's own Stdin, Stdout and Stderr are replaced.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, out: newStream(), errs: newStream(), done: make(chan struct{})}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	p.in = in
	cmd.Stdout, cmd.Stderr = p.out, p.errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = drainDelay
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go p.wait(func() {})
	t.Cleanup(p.Kill)
	return p
}

// StartTerminal runs cmd on a pty of 80 by 24.
func StartTerminal(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, out: newStream(), errs: newStream(), done: make(chan struct{})}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatalf("start %s on a pty: %v", cmd.Path, err)
	}
	p.tty, p.in = tty, tty
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(p.out, tty) // ends with EIO when the last process has left the pty
	}()
	go p.wait(func() {
		select {
		case <-read:
		case <-time.After(drainDelay):
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = tty.Close()
	})
	t.Cleanup(p.Kill)
	return p
}

// wait reaps the process, then drains, then says so.
func (p *Process) wait(drain func()) {
	_ = p.cmd.Wait() // told by ProcessState
	drain()
	p.out.end()
	p.errs.end()
	close(p.done)
}

// Send writes text as if typed, "\r" being Enter on a terminal.
func (p *Process) Send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		p.t.Fatalf("%s: send %q: %v\n%s", p, text, err, p.transcript())
	}
}

// CloseInput ends standard input; on a terminal use Send("\x04").
func (p *Process) CloseInput() { _ = p.in.Close() }

// Resize changes the size of the terminal.
func (p *Process) Resize(cols, rows uint16) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := pty.Setsize(p.tty, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		p.t.Fatalf("%s: resize: %v", p, err)
	}
}

// Signal sends s to the program alone.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("%s: %v: %v", p, s, err)
	}
}

// Expect waits until text comes in the output, escape sequences left out, after what an earlier Expect has found. It returns the
// output up to the end of text and fails the test when the time is up or the program has ended without it.
func (p *Process) Expect(text string, within time.Duration) string {
	p.t.Helper()
	return p.expect(p.out, &p.seen, text, within)
}

// ExpectErr is Expect on standard error.
func (p *Process) ExpectErr(text string, within time.Duration) string {
	p.t.Helper()
	return p.expect(p.errs, &p.seenErrs, text, within)
}

func (p *Process) expect(s *stream, seen *int, text string, within time.Duration) string {
	p.t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		raw, ended, changed := s.read()
		fresh := Plain(raw)[*seen:]
		if i := strings.Index(fresh, text); i >= 0 {
			*seen += i + len(text)
			return fresh[:i+len(text)]
		}
		if ended {
			p.t.Fatalf("%s: ended without %q\n%s", p, text, p.transcript())
		}
		select {
		case <-changed:
		case <-late.C:
			p.t.Fatalf("%s: no %q within %v\n%s", p, text, within, p.transcript())
		}
	}
}

// Wait returns the exit status, 128+n for a signal, when the program has ended and all output is kept.
func (p *Process) Wait(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Fatalf("%s: still running after %v\n%s", p, within, p.transcript())
	}
	if ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the program and all that it started, and waits.
func (p *Process) Kill() {
	p.kill.Do(func() {
		if !p.ended() {
			killTree(p.cmd.Process.Pid)
		}
		_ = p.in.Close()
	})
	<-p.done
}

func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output is all standard output so far, or all a terminal showed, with its escape sequences.
func (p *Process) Output() string { return p.out.String() }

// Errors is all standard error so far.
func (p *Process) Errors() string { return p.errs.String() }

func (p *Process) String() string { return strings.Join(p.cmd.Args, " ") }

func (p *Process) transcript() string {
	return "--- output\n" + Plain(p.Output()) + "\n--- errors\n" + p.Errors() + "\n---"
}
