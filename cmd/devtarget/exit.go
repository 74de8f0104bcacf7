package devtarget

import (
	"os"
	"slices"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// A signal has a name of RFC 4254, section 6.10.
type signal struct {
	name   string
	number syscall.Signal
}

func signals() []signal {
	return []signal{
		{"ABRT", syscall.SIGABRT}, {"ALRM", syscall.SIGALRM}, {"FPE", syscall.SIGFPE}, {"HUP", syscall.SIGHUP},
		{"ILL", syscall.SIGILL}, {"INT", syscall.SIGINT}, {"KILL", syscall.SIGKILL}, {"PIPE", syscall.SIGPIPE},
		{"QUIT", syscall.SIGQUIT}, {"SEGV", syscall.SIGSEGV}, {"TERM", syscall.SIGTERM}, {"USR1", syscall.SIGUSR1},
		{"USR2", syscall.SIGUSR2},
	}
}

// tellExit sends exit-status, or exit-signal where RFC 4254 has a name for the signal. A channel that is gone hears nothing.
func tellExit(channel ssh.Channel, state *os.ProcessState) {
	status := struct{ Status uint32 }{255}
	ws, known := state.Sys().(syscall.WaitStatus)
	if known {
		status.Status = uint32(ws.ExitStatus())
	}
	if known && ws.Signaled() {
		status.Status = 128 + uint32(ws.Signal())
		i := slices.IndexFunc(signals(), func(s signal) bool { return s.number == ws.Signal() })
		if i >= 0 {
			_, _ = channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
				Name          string
				Core          bool
				Message, Lang string
			}{signals()[i].name, ws.CoreDump(), "", ""}))
			return
		}
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
}
