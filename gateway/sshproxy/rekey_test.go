package sshproxy

import (
	"cmp"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// A balky socket says that it wants new keys, and then nothing until go on.
type balky struct {
	lazy
	armed atomic.Bool
	said  atomic.Bool   // KEXINIT
	on    chan struct{} // closed: it goes on
}

func (b *balky) Write(p []byte) (int, error) {
	if b.said.Load() {
		<-b.on
	}
	if b.armed.Load() && len(p) > 400 { // no other packet is so long
		b.said.Store(true)
	}
	return b.Conn.Write(p)
}

// some writes as much as fits into what the library keeps, and more when told to.
type some struct {
	flood
	size int // of one of 20 pieces; 0: 128 KiB
	more chan struct{}
}

func (f *some) run(ch ssh.Channel, r *ssh.Request) {
	for range 20 {
		n, err := ch.Write(make([]byte, cmp.Or(f.size, 128<<10)))
		if f.n.Add(int64(n)); err != nil {
			return
		}
	}
	<-f.more
	f.flood.run(ch, r)
}

// balk is a client in the middle of a key exchange that it began, with all
// written that the gateway takes: the library keeps up to 2 MiB for later.
func (h *house) balk(t *testing.T, f *some, through bool) (*balky, *ssh.Client) {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	b := &balky{lazy: lazy{Conn: conn}, on: make(chan struct{})}
	config := h.clientConfig(map[bool]string{false: login, true: "me"}[through], h.Eng.SSH)
	config.RekeyThreshold = 1 << 20
	sc, channels, requests, err := ssh.NewClientConn(b, h.Addr, config)
	if err != nil {
		t.Fatal(err)
	}
	c := ssh.NewClient(sc, channels, requests)
	t.Cleanup(func() { _ = sc.Close() })
	if through {
		c = h.through(t, c, "support_nord", h.Eng.SSH)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdout = io.Discard
	b.armed.Store(true)
	if err := s.Start("busy"); err != nil {
		t.Fatal(err)
	}
	f.stalls(t)
	return b, c
}

// TestA11WhatWaitsForNewKeysAtTheEndGoesNowhere: a client begins to exchange
// keys before its grant is revoked, and ends it after; also on the connection
// around the one that is ended.
func TestA11WhatWaitsForNewKeysAtTheEndGoesNowhere(t *testing.T) {
	for way, through := range map[string]bool{"user string": false, "-J": true} {
		t.Run(way, func(t *testing.T) {
			f := &some{more: make(chan struct{})}
			defer close(f.more)
			h, _ := stubHouse(t, f.run)
			code := h.granted(t, h.Eng, time.Hour)
			b, c := h.balk(t, f, through)
			before := b.n.Load()
			if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
				t.Fatal(err)
			}
			<-time.After(50 * time.Millisecond)
			close(b.on)
			_ = c.Wait()
			if n := b.n.Load() - before; n > 64<<10 {
				t.Errorf("%d bytes came after the end", n)
			}
		})
	}
}

// TestA11WhatWaitsForNewKeysIsFrozen, and goes on with the session.
func TestA11WhatWaitsForNewKeysIsFrozen(t *testing.T) {
	f := &some{more: make(chan struct{})}
	h, _ := stubHouse(t, f.run)
	code := h.short(t, 3*time.Second)
	b, c := h.balk(t, f, false)
	x := h.extension(t, code)
	h.happens(t, "session.frozen")
	<-time.After(2 * settled)
	before := b.n.Load()
	close(b.on)
	<-time.After(time.Second)
	if n := b.n.Load() - before; n > 8<<10 {
		t.Errorf("%d bytes came while nothing may pass", n)
	}
	before = b.n.Load()
	h.approved(t, x)
	h.happens(t, "session.extended")
	close(f.more)
	for late := time.After(5 * time.Second); b.n.Load()-before < 4<<20; {
		select {
		case <-late:
			t.Fatalf("it does not go on: %d bytes", b.n.Load()-before)
		case <-time.After(20 * time.Millisecond):
		}
	}
	_ = c.Close()
}
