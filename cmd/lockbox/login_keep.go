package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// A login is a key, and the certificate by which it stands for somebody.
type login struct {
	key   ed25519.PrivateKey
	cert  *ssh.Certificate
	host  string
	until time.Time
}

// comment says what the key is for, in `ssh-add -l` and in files.
func (l login) comment() string { return "lockbox " + l.host }

// A keeper keeps logins where ssh finds them.
type keeper interface {
	ready(host string) error // says why a login there could not be kept
	put(l login) error
	all(host string) ([]*ssh.Certificate, error)
	sign(c *ssh.Certificate, text []byte) (*ssh.Signature, error)
	drop(c *ssh.Certificate) error
	where() string
	close()
}

// keeperFor is a file, or ("") the running ssh-agent.
func keeperFor(file string) (keeper, error) {
	if file != "" {
		return inFile(file), nil
	}
	at := os.Getenv("SSH_AUTH_SOCK")
	if at == "" {
		return nil, usage("no ssh-agent runs here: start one with `eval $(ssh-agent)`, or name a file with --out")
	}
	conn, err := net.DialTimeout("unix", at, 5*time.Second)
	if err != nil {
		return nil, usage("the ssh-agent does not answer: %w; start one with `eval $(ssh-agent)`, or name a file with --out", err)
	}
	return inAgent{agent.NewClient(conn), conn}, nil
}

// inAgent keeps logins in the ssh-agent, which forgets them when their time is up.
type inAgent struct {
	agent.ExtendedAgent
	conn net.Conn
}

func (a inAgent) close() { _ = a.conn.Close() } // nothing is under way

func (a inAgent) ready(string) error { return nil }

func (a inAgent) put(l login) error {
	left := time.Until(l.until).Truncate(time.Second)
	if left < time.Second {
		return errors.New("the login is over already; check the clock of this machine")
	}
	err := a.Add(agent.AddedKey{PrivateKey: l.key, Certificate: l.cert, Comment: l.comment(), LifetimeSecs: uint32(left / time.Second)})
	if err != nil {
		return usage("the ssh-agent does not take the key: %w; name a file with --out", err)
	}
	return nil
}

func (a inAgent) all(host string) (all []*ssh.Certificate, err error) {
	keys, err := a.List()
	if err != nil {
		return nil, fmt.Errorf("list the keys of the ssh-agent: %w", err)
	}
	for _, k := range keys {
		c, err := certificateOf(k.String())
		if err == nil && ours(c) && k.Comment == (login{host: host}).comment() {
			all = append(all, c)
		}
	}
	return all, nil
}

func (a inAgent) sign(c *ssh.Certificate, text []byte) (*ssh.Signature, error) {
	return a.Sign(c, text)
}

func (a inAgent) drop(c *ssh.Certificate) error {
	if err := a.Remove(c); err != nil {
		return fmt.Errorf("take the key out of the ssh-agent: %w", err)
	}
	return nil
}

func (a inAgent) where() string { return "the key is in your ssh-agent" }

// inFile keeps one login in a file, as ssh -i takes it: the certificate is in FILE-cert.pub.
type inFile string

func (f inFile) close() {}

func (f inFile) cert() string { return string(f) + "-cert.pub" }

// ready refuses to write over what is not an earlier login.
func (f inFile) ready(host string) error {
	if _, err := os.Lstat(string(f)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if all, err := f.all(host); err != nil || len(all) == 0 {
		return usage("%s is there already, and is no login at %s: name another file with --out", string(f), host)
	}
	return nil
}

func (f inFile) put(l login) error {
	if err := f.ready(l.host); err != nil {
		return err
	}
	text, err := pemOf(l.key, l.comment())
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(l.cert))) + " " + l.comment() + "\n"
	return errors.Join(f.write(f.cert(), []byte(line)), f.write(string(f), text))
}

// write puts a file in the place of another at once, for its owner alone.
func (f inFile) write(path string, text []byte) error {
	tmp := path + "." + rand.Text()[:8]
	err := os.WriteFile(tmp, text, 0o600)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // it may not be there
		return fmt.Errorf("write the login: %w", err)
	}
	return nil
}

// all is the one login, if it is at host.
func (f inFile) all(host string) ([]*ssh.Certificate, error) {
	b, err := os.ReadFile(f.cert())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, usage("read the login: %w", err)
	}
	c, err := certificateOf(string(b))
	if err != nil || !ours(c) || !bytes.HasSuffix(bytes.TrimSpace(b), []byte(" "+(login{host: host}).comment())) {
		return nil, nil
	}
	return []*ssh.Certificate{c}, nil
}

func (f inFile) sign(_ *ssh.Certificate, text []byte) (*ssh.Signature, error) {
	b, err := os.ReadFile(string(f))
	if err != nil {
		return nil, err
	}
	s, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, err
	}
	return s.Sign(rand.Reader, text)
}

func (f inFile) drop(*ssh.Certificate) error {
	return errors.Join(os.Remove(f.cert()), os.Remove(string(f)))
}

func (f inFile) where() string { return fmt.Sprintf("use the key with `ssh -i %s`", string(f)) }
