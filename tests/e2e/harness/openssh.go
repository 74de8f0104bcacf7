package harness

import (
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// A Client is OpenSSH's ssh with one identity, and configuration and known hosts of its own. It knows no host until told.
type Client struct {
	Dir string // for control sockets and the like; short, as socket paths must be
	t   testing.TB
}

// OpenSSH makes a client that offers the identity and nothing else.
func OpenSSH(t testing.TB, i Identity) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "ssh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &Client{Dir: dir, t: t}
	block, err := ssh.MarshalPrivateKey(i.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	c.write("id", string(pem.EncodeToMemory(block)))
	c.write("id.pub", string(ssh.MarshalAuthorizedKey(i.Public(t))))
	c.write("known_hosts", "")
	config := "IdentityFile " + c.path("id") + "\n"
	if i.Cert != nil {
		c.write("id-cert.pub", string(ssh.MarshalAuthorizedKey(i.Cert)))
		config += "CertificateFile " + c.path("id-cert.pub") + "\n"
	}
	c.write("config", config+"UserKnownHostsFile "+c.path("known_hosts")+`
GlobalKnownHostsFile none
StrictHostKeyChecking yes
IdentitiesOnly yes
IdentityAgent none
BatchMode yes
LogLevel ERROR
`)
	return c
}

// Trust makes the client expect key at addr, a host:port.
func (c *Client) Trust(addr string, key ssh.PublicKey) *Client {
	c.t.Helper()
	f, err := os.OpenFile(c.path("known_hosts"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = fmt.Fprintln(f, knownhosts.Line([]string{addr}, key))
	if err := f.Close(); err != nil {
		c.t.Fatal(err)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return c
}

// To is the arguments that name login at addr, a host:port.
func To(login, addr string) []string {
	host, port, _ := net.SplitHostPort(addr) // a bad address fails in ssh
	return []string{"-p", port, "-l", login, host}
}

// Command is ssh with args, not started.
func (c *Client) Command(args ...string) *exec.Cmd {
	cmd := exec.Command("ssh", append([]string{"-F", c.path("config")}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir, "TERM=xterm-256color", "LANG=C.UTF-8"}
	return cmd
}

// Start runs ssh with pipes.
func (c *Client) Start(args ...string) *Process {
	c.t.Helper()
	return Start(c.t, c.Command(args...))
}

// Terminal runs ssh on a pty of 80 by 24.
func (c *Client) Terminal(args ...string) *Process {
	c.t.Helper()
	return StartTerminal(c.t, c.Command(args...))
}

// A Result is what a program that has ended said.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run runs ssh with stdin as its whole input, for at most 30 s.
func (c *Client) Run(stdin string, args ...string) Result {
	c.t.Helper()
	p := c.Start(args...)
	go func() {
		_, _ = p.in.Write([]byte(stdin)) // ssh may end before it has read all
		_ = p.in.Close()
	}()
	code := p.Wait(30 * time.Second)
	return Result{Stdout: p.Output(), Stderr: p.Errors(), Code: code}
}

func (c *Client) path(name string) string { return filepath.Join(c.Dir, name) }

func (c *Client) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}
