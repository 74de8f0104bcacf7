package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// An sshd is OpenSSH's, on a loopback port. It lets in a key, and who shows a
// certificate of one of the authorities.
type sshd struct {
	addr string
	host ssh.PublicKey
	key  string // PEM of the key that it lets in
	cmd  *exec.Cmd
}

// HOME is an empty folder: what somebody has in their .bashrc is not measured.
const sshdConfig = `ListenAddress %[2]s
Port %[3]s
HostKey %[1]s/host
PidFile none
TrustedUserCAKeys %[1]s/ca.pub
AuthorizedKeysFile %[1]s/people.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
PrintLastLog no
SetEnv HOME=%[1]s
MaxStartups 500
MaxSessions 500
Subsystem sftp internal-sftp
LogLevel INFO
`

func login() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

// newSSHD starts one that trusts cas.
func (b *bench) newSSHD(cas ...ssh.PublicKey) (*sshd, error) {
	dir, err := os.MkdirTemp(b.dir, "sshd")
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // sshd wants it as root; it says so when it is missing
	}
	s := &sshd{}
	_, host, err := newKey()
	if err != nil {
		return nil, err
	}
	public, key, err := newKey()
	if err != nil {
		return nil, err
	}
	s.key = key
	signer, err := ssh.ParsePrivateKey([]byte(host))
	if err != nil {
		return nil, err
	}
	s.host = signer.PublicKey()
	if s.addr, err = freePort(); err != nil {
		return nil, err
	}
	at, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, err
	}
	trusted := ""
	for _, ca := range cas {
		trusted += string(ssh.MarshalAuthorizedKey(ca))
	}
	for name, text := range map[string]string{
		"host": host, "ca.pub": trusted, "people.pub": string(ssh.MarshalAuthorizedKey(public)), "config": b.sshd + fmt.Sprintf(sshdConfig, dir, at, port),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return s, s.start(filepath.Join(dir, "config"))
}

func (s *sshd) start(config string) error {
	s.cmd = exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config)
	says, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(says)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Server listening") {
			go func() {
				for lines.Scan() { // until it ends
				}
			}()
			return nil
		}
	}
	return errors.Join(errors.New("sshd did not start"), s.close())
}

func (s *sshd) close() error {
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
	return err
}

// newKey makes a key pair; the private half as PEM.
func newKey() (ssh.PublicKey, string, error) {
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	public, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	return public, string(pem.EncodeToMemory(block)), err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
