package wire

import (
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"
)

// agreed is a client and a server that have agreed.
func agreed(t *testing.T) (client ssh.Conn, server *ssh.ServerConn, requests <-chan *ssh.Request) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		config := &ssh.ServerConfig{NoClientAuth: true}
		config.AddHostKey(host)
		server, _, requests, err = ssh.NewServerConn(c, config)
		done <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, _, _, err = ssh.NewClientConn(c, "", &ssh.ClientConfig{HostKeyCallback: ssh.FixedHostKey(host.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return client, server, requests
}

func TestWhatTheLibraryKeepsIsFound(t *testing.T) {
	client, server, requests := agreed(t)
	for what, conn := range map[string]any{"client": client, "server": server.Conn} {
		if _, ok := incoming(conn); !ok {
			t.Errorf("%s: x/crypto/ssh has changed: read its handshake.go, whether readLoop can still get stuck, and mend or remove Drain", what)
		}
	}
	_ = client.Close()
	_ = server.Close()
	Drain(client)
	Drain(server.Conn)
	ssh.DiscardRequests(requests)
	for _, other := range []any{nil, 1, t, &struct{ transport int }{}, &struct{ transport *testing.T }{t}, (*ssh.ServerConn)(nil), struct{}{}} {
		Drain(other)
	}
}

// The real thing is TestA33 in tests/attacks: it takes a peer that breaks the protocol.
func TestWhoHandsOverIsLetGo(t *testing.T) {
	type transport struct{ incoming chan []byte }
	tr := &transport{make(chan []byte, 16)}
	go func() {
		for range 100 {
			tr.incoming <- nil
		}
		close(tr.incoming)
	}()
	Drain(&struct{ transport any }{tr})
	if _, open := <-tr.incoming; open {
		t.Error("not all was taken")
	}
}
