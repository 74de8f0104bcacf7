package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/sshproxy"
	"lockbox/tests/door"
)

// A way is one to get to the target.
type way struct {
	name    string
	addr    string
	user    string
	key     string // file
	signer  ssh.Signer
	host    ssh.PublicKey
	known   string // file
	process *door.Gateway
	null    *null // the target, where it is one
	stop    func() error
}

// The ways to one sshd: direct, through the gateway, through one that does not
// record, through a naive relay.
func (b *bench) ways() (all []*way, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, stop(all))
			all = nil
		}
	}()
	me, err := os.Executable()
	if err != nil {
		return nil, err
	}
	user, err := login()
	if err != nil {
		return nil, err
	}
	silent, err := door.Without("lockbox/tests/bench/ssh", b.dir)
	if err != nil {
		return nil, err
	}
	var doors []*door.Gateway
	var cas []ssh.PublicKey
	for _, program := range []string{me, silent} {
		g, err := b.gateway(program, user)
		if err != nil {
			return all, err
		}
		w := &way{name: gate, addr: g.Addr, user: g.User, host: g.Host, process: g, stop: g.Stop}
		if len(doors) == 1 {
			w.name = without
		}
		all, doors, cas = append(all, w), append(doors, g), append(cas, g.CA)
		if err := w.arm(b, g.Key); err != nil {
			return all, err
		}
	}
	d, err := b.newSSHD(cas...)
	if err != nil {
		return all, err
	}
	all = append([]*way{{name: direct, addr: d.addr, user: user, host: d.host, stop: d.close}}, all...)
	if err := all[0].arm(b, d.key); err != nil {
		return all, err
	}
	for _, g := range doors {
		if err := g.Open(d.addr, d.host); err != nil {
			return all, err
		}
	}
	n, err := b.naive(d, user)
	if err != nil {
		return all, err
	}
	return append(all, n), nil
}

func stop(all []*way) (err error) {
	for _, w := range all {
		err = errors.Join(err, w.stop())
	}
	return err
}

// gateway starts one; nobody can go in before it is opened.
func (b *bench) gateway(program, login string) (*door.Gateway, error) {
	dir, err := os.MkdirTemp(b.dir, "gateway")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	if cmd.Stderr, err = os.Create(dir + ".log"); err != nil {
		return nil, err
	}
	return door.Start(cmd, door.Config{Dir: dir, Login: login, Limits: limits(), Patience: 30 * time.Second}) // the machine is busy
}

// limits are those of a door that thousands come to from one place.
func limits() sshproxy.Limits {
	return sshproxy.Limits{Startups: 5000, PerSource: 5000, PerPerson: 5000}
}

// arm gives OpenSSH's client what it needs.
func (w *way) arm(b *bench, key string) (err error) {
	if w.signer, err = ssh.ParsePrivateKey([]byte(key)); err != nil {
		return err
	}
	w.key, w.known = b.file(fmt.Sprintf("key-%s", strings.ReplaceAll(w.addr, ":", "-"))), b.file("known-"+strings.ReplaceAll(w.addr, ":", "-"))
	if err := os.WriteFile(w.key, []byte(key), 0o600); err != nil {
		return err
	}
	host, port, _ := strings.Cut(w.addr, ":")
	return os.WriteFile(w.known, fmt.Appendf(nil, "[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(w.host)), 0o600)
}

// ssh is OpenSSH's client on this way.
func (w *way) ssh(args ...string) *exec.Cmd {
	host, port, _ := strings.Cut(w.addr, ":")
	all := []string{
		"-F", "none", "-i", w.key, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "UserKnownHostsFile=" + w.known, "-o", "GlobalKnownHostsFile=none",
		"-o", "BatchMode=yes", "-p", port, "-l", w.user,
	}
	for len(args) > 1 && args[0] == "-o" {
		all = append(all, args[:2]...)
		args = args[2:]
	}
	return exec.Command("ssh", append(append(all, host), args...)...)
}

func (w *way) config() *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: w.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(w.signer)}, HostKeyCallback: ssh.FixedHostKey(w.host),
		ClientVersion: "SSH-2.0-OpenSSH_bench", Timeout: time.Minute,
		Config: ssh.Config{KeyExchanges: []string{ssh.KeyExchangeCurve25519}, Ciphers: []string{ssh.CipherAES256GCM}},
	}
}

// dial is Go's client on this way.
func (w *way) dial() (*ssh.Client, error) {
	c, err := ssh.Dial("tcp", w.addr, w.config())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	return c, nil
}

// turns calls do for every way, in an order that changes with the round.
func turns(all []*way, round int, do func(*way) error) error {
	for i := range all {
		w := all[(i+round)%len(all)]
		if err := do(w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}
