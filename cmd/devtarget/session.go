package devtarget

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
)

const maxEnv = 32 // variables a client may set in one session

// A session is one channel: what was asked for it, and its process once started.
type session struct {
	server  *Server
	conn    *ssh.ServerConn
	channel ssh.Channel
	term    string       // "" without a pty
	size    *pty.Winsize // nil without a pty
	env     []string     // what the client set, allow-listed
	process *process     // nil until shell or exec
}

// session serves one channel until the client or the process ends it, and leaves no process.
func (s *Server) session(conn *ssh.ServerConn, offered ssh.NewChannel) {
	channel, requests, err := offered.Accept()
	if err != nil {
		return // the connection is gone
	}
	defer channel.Close()
	se := &session{server: s, conn: conn, channel: channel}
	for r := range requests {
		ok := se.handle(r)
		if r.WantReply {
			_ = r.Reply(ok, nil) // fails only when the channel is gone; then requests ends too
		}
		if se.process != nil {
			se.process.serve(channel) // after the reply: the end must not overtake it
		}
	}
	if se.process != nil {
		se.process.kill()
		se.process.done.Wait()
	}
}

func (se *session) handle(r *ssh.Request) bool {
	switch r.Type {
	case "env":
		return se.setenv(r.Payload)
	case "pty-req":
		return se.terminal(r.Payload)
	case "window-change":
		return se.resize(r.Payload)
	case "signal":
		return se.signal(r.Payload)
	case "shell":
		return se.start("")
	case "exec":
		var m struct{ Command string }
		return ssh.Unmarshal(r.Payload, &m) == nil && m.Command != "" && se.start(m.Command)
	case "subsystem":
		var m struct{ Name string }
		return ssh.Unmarshal(r.Payload, &m) == nil && m.Name == "sftp" && se.size == nil && sftpServer() != "" && se.start("exec "+sftpServer())
	default: // other subsystems, agent and X11 forwarding, and what is not invented yet
		return false
	}
}

// sftpServer is OpenSSH's own, where it is installed.
func sftpServer() string {
	for _, p := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

func (se *session) setenv(payload []byte) bool {
	var m struct{ Name, Value string }
	if ssh.Unmarshal(payload, &m) != nil || len(se.env) >= maxEnv || strings.ContainsRune(m.Name+m.Value, 0) {
		return false
	}
	if m.Name != "LANG" && !strings.HasPrefix(m.Name, "LC_") { // sshd's AcceptEnv as Debian ships it
		return false
	}
	se.env = append(se.env, m.Name+"="+m.Value)
	return true
}

// terminal keeps what the client says of its terminal. Its modes are not applied: a new pty has the usual ones.
func (se *session) terminal(payload []byte) bool {
	var m struct {
		Term                      string
		Cols, Rows, Width, Height uint32
		Modes                     string
	}
	if se.size != nil || se.process != nil || !mayUseTerminal(se.conn) || ssh.Unmarshal(payload, &m) != nil || strings.ContainsRune(m.Term, 0) {
		return false
	}
	se.term, se.size = m.Term, winsize(m.Cols, m.Rows, m.Width, m.Height)
	return true
}

func (se *session) resize(payload []byte) bool {
	var m struct{ Cols, Rows, Width, Height uint32 }
	if se.size == nil || se.process == nil || ssh.Unmarshal(payload, &m) != nil {
		return false
	}
	return se.process.resize(winsize(m.Cols, m.Rows, m.Width, m.Height)) == nil
}

func (se *session) signal(payload []byte) bool {
	var m struct{ Name string }
	if se.process == nil || ssh.Unmarshal(payload, &m) != nil {
		return false
	}
	i := slices.IndexFunc(signals(), func(s signal) bool { return s.name == m.Name })
	return i >= 0 && se.process.signal(signals()[i].number) == nil
}

func (se *session) start(command string) bool {
	if se.process != nil {
		return false
	}
	p, err := start(se.job(command))
	if err != nil {
		_, _ = se.channel.Stderr().Write([]byte("dev target: " + err.Error() + "\r\n"))
		return false
	}
	se.process = p
	return true
}

// job is what runs for command, or for a login shell when command is "".
func (se *session) job(command string) job {
	c := se.server.config
	return job{
		command: command, login: se.conn.User(), host: c.Name, home: filepath.Join(c.Home, se.conn.User()),
		term: se.term, size: se.size, env: se.env,
		remote: se.conn.RemoteAddr().String(), local: se.conn.LocalAddr().String(),
	}
}

func winsize(cols, rows, width, height uint32) *pty.Winsize {
	return &pty.Winsize{Cols: short(cols), Rows: short(rows), X: short(width), Y: short(height)}
}

func short(n uint32) uint16 { return uint16(min(n, 1<<16-1)) }
