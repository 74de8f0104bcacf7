package main

import (
	"io"
	"net"

	"golang.org/x/crypto/ssh"
)

// A null is a target that costs next to nothing: it shows a screenful, echoes
// keys, and answers Enter with a listing. It runs here and is no sshd.
type null struct {
	listen net.Listener
	host   ssh.Signer
}

func newNull() (*null, error) {
	_, text, err := newKey()
	if err != nil {
		return nil, err
	}
	n := &null{}
	if n.host, err = ssh.ParsePrivateKey([]byte(text)); err != nil {
		return nil, err
	}
	if n.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go func() { // until the listener is closed
		for {
			c, err := n.listen.Accept()
			if err != nil {
				return
			}
			go n.serve(c)
		}
	}()
	return n, nil
}

func (n *null) serve(c net.Conn) {
	conf := &ssh.ServerConfig{
		ServerVersion:     "SSH-2.0-OpenSSH_null",
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }, // its gateway is this bench's
	}
	conf.AddHostKey(n.host)
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
		go func() {
			for r := range asked {
				_ = r.Reply(true, nil)
				if r.Type == "shell" || r.Type == "exec" {
					go shell(ch)
				}
			}
		}()
	}
}

// shell echoes; Enter lists.
func shell(ch ssh.Channel) {
	defer func() { _ = ch.Close() }() // it may be closed already
	list := listing()
	if _, err := io.WriteString(ch, list+"ready"); err != nil {
		return
	}
	p := make([]byte, 256)
	for {
		n, err := ch.Read(p)
		if err != nil {
			return
		}
		out := p[:n]
		if p[n-1] == '\r' {
			out = []byte("\r\n" + list + "$ ")
		}
		if _, err := ch.Write(out); err != nil {
			return
		}
	}
}

// listing is a screenful.
func listing() (s string) {
	for range 24 {
		s += "drwxr-xr-x  2 support support   4096 Nov 22 10:26 contracts-2026-11-21-accepted.d\r\n"
	}
	return s
}
