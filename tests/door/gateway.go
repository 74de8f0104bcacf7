package door

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
)

// A Gateway is one that runs. It must be stopped or killed.
type Gateway struct {
	Addr string        // of its SSH door
	Host ssh.PublicKey // its host key
	CA   ssh.PublicKey // what the target trusts
	User string        // to log in as
	Key  string        // PEM of who may go in
	Dir  string        // of recordings
	Pid  int

	world string // folder
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
}

// patience is how long a gateway may take to say something.
const patience = 30 * time.Second

// Start starts cmd, whose program calls Serve, as a gateway.
func Start(cmd *exec.Cmd, c Config) (*Gateway, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), cmd.Env...)
	cmd.Env = append(cmd.Env, Env+"="+string(b))
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	g := &Gateway{cmd: cmd, User: cmp.Or(c.Login, "support_nord") + "%db1.prod"}
	if g.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	g.Pid = cmd.Process.Pid
	if err := g.hear(c); err != nil {
		return nil, errors.Join(fmt.Errorf("start the gateway: %w", err), g.Kill())
	}
	return g, nil
}

func (g *Gateway) hear(c Config) error {
	late := time.AfterFunc(patience, func() { _ = g.cmd.Process.Kill() }) // then Scan ends
	defer late.Stop()
	if !g.out.Scan() {
		return errors.New("it said nothing")
	}
	var h hello
	err := json.Unmarshal(g.out.Bytes(), &h)
	if err == nil {
		g.Host, _, _, _, err = ssh.ParseAuthorizedKey([]byte(h.Host))
	}
	if err == nil {
		g.CA, _, _, _, err = ssh.ParseAuthorizedKey([]byte(h.CA))
	}
	g.Addr, g.Key, g.world, g.Dir = h.Addr, h.Key, h.Dir, c.Recordings
	if g.Dir == "" {
		g.Dir = filepath.Join(h.Dir, "recordings")
	}
	return err
}

// Open puts the target in and lets the person go there.
func (g *Gateway) Open(address string, host ssh.PublicKey) error {
	late := time.AfterFunc(patience, func() { _ = g.cmd.Process.Kill() }) // then Scan ends
	defer late.Stop()
	if _, err := fmt.Fprintln(g.in, address, ssh.FingerprintSHA256(host)); err != nil {
		return err
	}
	if !g.out.Scan() || g.out.Text() != "ready" {
		return fmt.Errorf("the gateway let nobody in: %q", g.out.Text())
	}
	return nil
}

// Tell gives an order, and waits until it is done.
func (g *Gateway) Tell(order string) error {
	if _, err := fmt.Fprintln(g.in, order); err != nil {
		return err
	}
	if !g.out.Scan() || g.out.Text() != "done" {
		return fmt.Errorf("the gateway was told to %s: %q", order, g.out.Text())
	}
	return nil
}

// Dial logs in.
func (g *Gateway) Dial() (*ssh.Client, error) {
	key, err := ssh.ParsePrivateKey([]byte(g.Key))
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", g.Addr, &ssh.ClientConfig{
		User: g.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(g.Host),
		ClientVersion: "SSH-2.0-OpenSSH_test", Timeout: patience,
	})
}

// Ring is the gateway's keys. The first life's are the next one's no longer: each has its own.
func (g *Gateway) Ring() (*keys.Ring, error) { return keys.Load(filepath.Join(g.world, "keys")) }

// World is the folder with all that the gateway keeps, recordings elsewhere excepted.
func (g *Gateway) World() string { return g.world }

// Kill ends it with SIGKILL, and waits.
func (g *Gateway) Kill() error {
	err := g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
	if errors.Is(err, os.ErrProcessDone) {
		return errors.New("the gateway had ended already")
	}
	return err
}

// Stop ends it as an operator does, and waits.
func (g *Gateway) Stop() error {
	late := time.AfterFunc(patience, func() { _ = g.cmd.Process.Kill() }) // then Wait says so
	defer late.Stop()
	return errors.Join(g.in.Close(), g.cmd.Wait())
}

// CPU is the processor time that it has used.
func (g *Gateway) CPU() (time.Duration, error) {
	dir := fmt.Sprintf("/proc/%d/task", g.Pid)
	all, err := os.ReadDir(dir) // stat of the whole process counts in steps of 10 ms
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, t := range all {
		b, err := os.ReadFile(filepath.Join(dir, t.Name(), "schedstat"))
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(b), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// RSS is the memory that it holds, in KiB.
func (g *Gateway) RSS() (int, error) {
	s, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(s), "VmRSS:")
	f := strings.Fields(after)
	if len(f) == 0 {
		return 0, errors.New("the gateway is gone")
	}
	return strconv.Atoi(f[0])
}
