package harness

import (
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// An SSHD is OpenSSH's sshd on a free loopback port. It lets in who shows a certificate of one authority for the login, and
// nobody else: no passwords, no plain keys.
type SSHD struct {
	Addr    string        // host:port
	HostKey ssh.PublicKey // its own, new one
	process *Process
}

// Login is the user who runs the tests, root in CI: the one login every SSHD has.
func Login(t testing.TB) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// StartSSHD starts an sshd that trusts ca for the given logins, or for Login alone. Without root no other login can work.
func StartSSHD(t testing.TB, ca ssh.PublicKey, logins ...string) *SSHD {
	t.Helper()
	return StartSSHDWith(t, ca, "", logins...)
}

// StartSSHDWith is StartSSHD with lines of sshd_config that count before ours.
func StartSSHDWith(t testing.TB, ca ssh.PublicKey, first string, logins ...string) *SSHD {
	t.Helper()
	if len(logins) == 0 {
		logins = []string{Login(t)}
	}
	for _, name := range logins {
		if _, err := user.Lookup(name); err != nil {
			t.Fatalf("sshd has no login %q on this machine: %v", name, err)
		}
	}
	if os.Getuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // sshd wants it as root; it says so when it is missing
	}
	host := NewIdentity(t)
	for range 5 { // another program may take the free port before sshd does
		addr := freePort(t)
		p := Start(t, exec.Command(sshdPath(t), "-D", "-e", "-f", sshdConfig(t, first, addr, host, ca, logins)))
		if listening(p) {
			return &SSHD{Addr: addr, HostKey: host.Public(t), process: p}
		}
		t.Logf("sshd did not start: %s", p.Errors())
	}
	t.Fatal("sshd did not start in five tries")
	return nil
}

// Log is what sshd has logged so far, with a line for every connection, key offered and session.
func (s *SSHD) Log() string { return s.process.Errors() }

// ExpectLog waits until text is logged.
func (s *SSHD) ExpectLog(text string) string {
	s.process.t.Helper()
	return s.process.ExpectErr(text, 10*time.Second)
}

// Connections is how many TCP connections sshd has seen.
func (s *SSHD) Connections() int { return strings.Count(s.Log(), "Connection from ") }

// Close ends sshd and every session on it, as if the machine had failed.
func (s *SSHD) Close() { s.process.Kill() }

func listening(p *Process) bool {
	late := time.After(10 * time.Second)
	for {
		text, ended, changed := p.errs.read()
		switch {
		case strings.Contains(text, "Server listening on"):
			return true
		case ended:
			return false
		}
		select {
		case <-changed:
		case <-late:
			return false
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func sshdPath(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err == nil { // sshd starts itself again and wants to know where it is
				return path
			}
		}
	}
	t.Fatal("no sshd: install openssh-server, or run make test, which does")
	return ""
}

func sshdConfig(t testing.TB, first, addr string, host Identity, ca ssh.PublicKey, logins []string) string {
	t.Helper()
	dir := t.TempDir()
	block, err := ssh.MarshalPrivateKey(host.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	at, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	config := first + fmt.Sprintf(`ListenAddress %s
Port %s
HostKey %[3]s/host
PidFile %[3]s/pid
TrustedUserCAKeys %[3]s/ca.pub
AllowUsers %s
AuthorizedKeysFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
PrintLastLog no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
LogLevel VERBOSE
`, at, port, dir, strings.Join(logins, " "))
	for name, text := range map[string]string{
		"host": string(pem.EncodeToMemory(block)), "ca.pub": string(ssh.MarshalAuthorizedKey(ca)), "config": config,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "config")
}

// Pid is sshd's own; its children are the sessions on it.
func (s *SSHD) Pid() int { return s.process.Pid() }
