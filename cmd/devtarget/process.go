package devtarget

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
)

// mark is the variable by which the processes of one session are known, wherever they went.
const mark = "LOCKBOX_DEVTARGET="

// A job is what a session runs and the little world it runs in.
type job struct {
	command, login, host, home string
	remote, local              string // host:port
	term                       string
	size                       *pty.Winsize // nil without a pty
	env                        []string
}

// A process is a started job with our ends of its files.
type process struct {
	id   string // value of mark
	cmd  *exec.Cmd
	tty  *os.File   // the pty's master; nil without
	in   *os.File   // equal to tty with a pty
	out  []*os.File // stdout and stderr, or tty
	life *os.File   // read end of a pipe that everything it starts holds open
	once sync.Once
	done sync.WaitGroup
	mu   sync.Mutex // guards closing against resize: the pty package takes the bare descriptor
}

func start(j job) (*process, error) {
	life, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	defer theirs.Close()
	p := &process{id: rand.Text(), cmd: j.shell(), life: life}
	p.cmd.Env = append(j.environ(), mark+p.id)
	p.cmd.ExtraFiles = []*os.File{theirs}
	if j.size == nil {
		err = p.startPiped()
	} else {
		p.tty, err = pty.StartWithSize(p.cmd, j.size) // a session of its own, the pty its terminal
		p.in, p.out = p.tty, []*os.File{p.tty}
	}
	if err != nil {
		p.closeFiles()
		return nil, fmt.Errorf("start: %w", err)
	}
	return p, nil
}

// startPiped uses pipes of our own: those of os/exec would make Wait lose output or wait for ever.
func (p *process) startPiped() error {
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			_ = f.Close()
		}
	}()
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		if i == 0 {
			p.in, p.cmd.Stdin, theirs = w, r, append(theirs, r)
			continue
		}
		p.out, theirs = append(p.out, r), append(theirs, w)
	}
	p.cmd.Stdout, p.cmd.Stderr = theirs[1], theirs[2]
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return p.cmd.Start()
}

// serve carries bytes between the process and channel, once, until the process has ended and its output is sent.
func (p *process) serve(channel ssh.Channel) {
	p.once.Do(func() {
		var output sync.WaitGroup
		for i, f := range p.out {
			to := io.Writer(channel)
			if i == 1 {
				to = channel.Stderr()
			}
			output.Go(func() { _, _ = io.Copy(to, f) }) // ends with the last writer, with kill, or with the channel
		}
		p.done.Go(func() {
			_, _ = io.Copy(p.in, channel)
			if p.tty == nil {
				_ = p.in.Close() // half-close: a pty has none
			}
		})
		p.done.Go(func() {
			_ = p.cmd.Wait() // told by ProcessState
			output.Wait()
			p.kill() // what it left in the background
			tellExit(channel, p.cmd.ProcessState)
			_ = channel.Close()
		})
	})
}

func (p *process) resize(size *pty.Winsize) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pty.Setsize(p.tty, size) // an error once closed
}

func (p *process) signal(n syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, n) }

// kill ends the process, its group and all else it started, and frees whoever reads or writes its files.
func (p *process) kill() {
	_ = p.signal(syscall.SIGKILL) // gone already is as good
	sweep(mark+p.id, p.life)
	p.closeFiles()
}

func (p *process) closeFiles() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range slices.Concat(p.out, []*os.File{p.in, p.life}) {
		if f != nil {
			_ = f.Close() // a second time is harmless
		}
	}
}

// shell is the command line: a plain bash or sh that reads no start-up files, so that it is the same everywhere.
func (j job) shell() *exec.Cmd {
	path, args := "/bin/sh", []string{}
	if bash, err := exec.LookPath("bash"); err == nil {
		path, args = bash, []string{"--noprofile", "--norc"}
	}
	switch {
	case j.command != "":
		args = append(args, "-c", j.command)
	case j.size != nil:
		args = append(args, "-i")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = j.home
	return cmd
}

// environ starts from nothing: the gateway's own variables are not the session's.
func (j job) environ() []string {
	from, to := strings.ReplaceAll(j.remote, ":", " "), strings.ReplaceAll(j.local, ":", " ")
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + j.home, "USER=" + j.login, "LOGNAME=" + j.login, "SHELL=/bin/sh",
		`PS1=` + j.login + "@" + j.host + `:\w$ `, "SSH_CLIENT=" + from, "SSH_CONNECTION=" + from + " " + to,
	}
	if j.size != nil {
		env = append(env, "TERM="+j.term)
	}
	return append(env, j.env...)
}
