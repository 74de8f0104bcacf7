package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/door"
)

// envNaive of a process that is a naive relay: "target user file-of-key".
const envNaive = "LOCKBOX_BENCH_NAIVE"

// serveNaive makes this process the relay that one writes in an afternoon on
// stock x/crypto/ssh: a goroutine and an io.Copy for each stream; no policy, no
// record, no order between output and exit status. Only its speed is looked at.
func serveNaive() {
	words := strings.Fields(os.Getenv(envNaive))
	if len(words) != 3 {
		return
	}
	fmt.Fprintln(os.Stderr, "naive:", relayNaively(words[0], words[1], words[2]))
	os.Exit(1)
}

func relayNaively(target, user, keyFile string) error {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started it is gone
		os.Exit(0)
	}()
	in := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != string(key.PublicKey().Marshal()) {
			return nil, errors.New("not known")
		}
		return nil, nil
	}}
	in.AddHostKey(key)
	out := &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()} // of a bench, on loopback
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go naively(c, in, target, out)
	}
}

func naively(c net.Conn, in *ssh.ServerConfig, target string, out *ssh.ClientConfig) {
	conn, channels, requests, err := ssh.NewServerConn(c, in)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	go ssh.DiscardRequests(requests)
	up, err := ssh.Dial("tcp", target, out)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	for offered := range channels {
		far, asks, err := up.OpenChannel(offered.ChannelType(), offered.ExtraData())
		if err != nil {
			_ = offered.Reject(ssh.ConnectionFailed, "no")
			continue
		}
		near, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go joinNaively(near, far, asked, asks)
	}
}

func joinNaively(near, far ssh.Channel, asked, asks <-chan *ssh.Request) {
	pass := func(to ssh.Channel, all <-chan *ssh.Request) {
		for r := range all {
			ok, _ := to.SendRequest(r.Type, r.WantReply, r.Payload)
			_ = r.Reply(ok, nil)
		}
	}
	go pass(far, asked)
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.CloseWrite()
	}()
	var done sync.WaitGroup
	done.Go(func() { _, _ = io.Copy(near, far) })
	done.Go(func() { _, _ = io.Copy(near.Stderr(), far.Stderr()) })
	done.Go(func() { pass(near, asks) })
	done.Wait()
	_ = near.Close()
}

// naive starts the relay before d, as a process.
func (b *bench) naive(d *sshd, user string) (*way, error) {
	me, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file := b.file("naive")
	if err := os.WriteFile(file, []byte(d.key), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(me)
	cmd.Env = append(os.Environ(), envNaive+"="+strings.Join([]string{d.addr, user, file}, " "))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	says, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w := &way{name: naive, user: user, process: &door.Gateway{Pid: cmd.Process.Pid}}
	w.stop = func() error { return errors.Join(in.Close(), cmd.Wait()) }
	if _, err := fmt.Fscanln(says, &w.addr); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	key, err := ssh.ParsePrivateKey([]byte(d.key))
	if err != nil {
		return nil, errors.Join(err, w.stop())
	}
	w.host = key.PublicKey()
	return w, w.arm(b, d.key)
}
