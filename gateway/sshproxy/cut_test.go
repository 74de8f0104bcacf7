package sshproxy

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestA11WhatAClientDidNotTakeBeforeARevocationItDoesNotGetAfter: a client
// leaves a write of the gateway half done, and makes room for the rest once its
// grant is revoked.
func TestA11WhatAClientDidNotTakeBeforeARevocationItDoesNotGetAfter(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	h, _ := stubHouse(t, busy(new(canary), stop))
	code := h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if _, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ C string }{"busy"})); err != nil {
		t.Fatal(err)
	}
	<-time.After(500 * time.Millisecond) // the window fills
	if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond) // it has ended
	from := time.Now()
	n, _ := io.Copy(io.Discard, ch)
	if window := int64(2 << 20); n > window {
		t.Errorf("%d bytes passed after the revocation", n-window)
	}
	_ = c.Wait()
	if took := time.Since(from); took > time.Second {
		t.Errorf("the connection ended %s later", took)
	}
}

// A lazy socket can stop to read, and counts what it reads.
type lazy struct {
	net.Conn
	off atomic.Pointer[chan struct{}] // it reads when this is closed
	n   atomic.Int64
}

func (l *lazy) Read(p []byte) (int, error) {
	if off := l.off.Load(); off != nil {
		<-*off
	}
	n, err := l.Conn.Read(p)
	l.n.Add(int64(n))
	return n, err
}

// A flood writes until it is cut, and counts what was taken.
type flood struct{ n atomic.Int64 }

func (f *flood) run(ch ssh.Channel, _ *ssh.Request) {
	p := make([]byte, 8<<10)
	for {
		n, err := ch.Write(p)
		if f.n.Add(int64(n)); err != nil {
			return
		}
	}
}

// stalls waits until nothing more is taken: every buffer on the way is full.
func (f *flood) stalls(t *testing.T) {
	t.Helper()
	for still, last := 0, int64(0); still < 5; {
		select {
		case <-t.Context().Done():
			t.Fatal("it never stalls")
		case <-time.After(200 * time.Millisecond):
		}
		if now := f.n.Load(); now == 0 || now != last {
			still, last = 0, now
		} else {
			still++
		}
	}
}

// TestA11WhatTheSystemStillHoldsGoesNowhere: a client does not read its socket,
// and begins to once its grant is revoked.
func TestA11WhatTheSystemStillHoldsGoesNowhere(t *testing.T) {
	f := new(flood)
	h, _ := stubHouse(t, f.run)
	code := h.granted(t, h.Eng, time.Hour)
	h.readsLate(t, code, f.stalls)
}

// readsLate has a client run a program, and stop to read its socket until, stalls
// having returned, its grant is revoked: what comes then is little.
func (h *house) readsLate(t *testing.T, code string, stalls func(*testing.T)) {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	l := &lazy{Conn: conn}
	sc, channels, requests, err := ssh.NewClientConn(l, h.Addr, h.clientConfig(login, h.Eng.SSH))
	if err != nil {
		t.Fatal(err)
	}
	c := ssh.NewClient(sc, channels, requests)
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdout = io.Discard
	if err := s.Start("busy"); err != nil {
		t.Fatal(err)
	}
	off := make(chan struct{})
	l.off.Store(&off)
	stalls(t)
	before := l.n.Load()
	if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Second)
	close(off)
	_ = c.Wait()
	if n := l.n.Load() - before; n > 64<<10 {
		t.Errorf("%d bytes came after the end", n)
	}
}
