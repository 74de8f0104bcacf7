package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// A target writes what it is told to, as fast as it is taken. It runs here, so
// that it costs the gateway nothing.
type target struct {
	listen net.Listener
	host   ssh.Signer
	text   []byte
	random []byte
}

const stock = 16 << 20 // bytes of each kind of output

func newTarget() (*target, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &target{text: terminal(stock), random: make([]byte, stock)}
	_, _ = rand.Read(t.random) // never fails
	if t.host, err = ssh.NewSignerFromKey(key); err != nil {
		return nil, err
	}
	if t.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go t.accept() // until the listener is closed
	return t, nil
}

func (t *target) accept() {
	for {
		c, err := t.listen.Accept()
		if err != nil {
			return
		}
		go t.serve(c)
	}
}

func (t *target) serve(c net.Conn) {
	conf := &ssh.ServerConfig{
		ServerVersion:     "SSH-2.0-OpenSSH_bench",
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }, // its gateway is this bench's
	}
	conf.AddHostKey(t.host)
	conn, channels, requests, err := ssh.NewServerConn(c, conf)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		ch, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go t.session(ch, asked)
	}
}

func (t *target) session(ch ssh.Channel, asked <-chan *ssh.Request) {
	for r := range asked {
		_ = r.Reply(true, nil)
		var command struct{ Text string }
		if r.Type == "exec" && ssh.Unmarshal(r.Payload, &command) == nil {
			go t.run(ch, command.Text)
		}
	}
}

// run writes, echoes or waits, and ends with 0 if it could.
func (t *target) run(ch ssh.Channel, command string) {
	var kind string
	var size, each, pause int
	_, _ = fmt.Sscan(command, &kind, &size, &each, &pause) // what is missing is 0
	var err error
	switch kind {
	case "echo":
		_, err = io.Copy(ch, ch)
	case "text":
		err = write(ch, t.text, size, each, time.Duration(pause)*time.Millisecond)
	case "random":
		err = write(ch, t.random, size, each, 0)
	case "wait":
		_, err = ch.Write(t.text[:2000])
		_, _ = io.Copy(io.Discard, ch)
	default:
		err = errors.New("no such command")
	}
	status := uint32(0)
	if err != nil {
		status = 1
	}
	_ = ch.CloseWrite()
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	_ = ch.Close()
}

func write(w io.Writer, from []byte, size, each int, pause time.Duration) error {
	var tick <-chan time.Time
	if pause > 0 {
		t := time.NewTicker(pause)
		defer t.Stop()
		tick = t.C
	}
	for at := 0; size > 0; size -= each {
		n := min(each, size)
		if at+n > len(from) {
			at = 0
		}
		if _, err := w.Write(from[at : at+n]); err != nil {
			return err
		}
		at += n
		if tick != nil {
			<-tick
		}
	}
	return nil
}

// terminal is text as a terminal shows it: listings, prompts, colours, numbers that change.
func terminal(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "\x1b[32mops@db1\x1b[0m:\x1b[34m/var/log\x1b[0m$ grep -n err app-%d.log\r\n", i%17)
		for j := range 20 {
			h := uint32(i*31+j) * 2654435761
			fmt.Fprintf(&b, "-rw-r--r-- 1 app  app %8d Nov %2d %02d:%02d request-%08x.json status=%d took=%dms\r\n",
				h%9999999, h%28+1, h%24, h%60, h, 200+h%5*100, h%977)
		}
	}
	return b.Bytes()[:n]
}
