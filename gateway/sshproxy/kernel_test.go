package sshproxy

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/tests/world"
)

// TestA11WhatWasWrittenWholeButNotTakenGoesNowhere: the program says nothing
// more when the grant is revoked, so that nothing is half written; the client has
// not read its socket, and begins to a second later.
func TestA11WhatWasWrittenWholeButNotTakenGoesNowhere(t *testing.T) {
	f := &some{more: make(chan struct{})}
	defer close(f.more)
	h, _ := stubHouse(t, f.run)
	f.size = 16 << 10 // × 20
	code := h.granted(t, h.Eng, time.Hour)
	h.readsLate(t, code, f.stalls)
}

// A dam passes connections on to an address, and nothing to it while it is shut.
type dam struct {
	l    net.Listener
	shut atomic.Pointer[chan struct{}] // it is until this is closed
	n    atomic.Int64                  // bytes passed to the address
}

func newDam(t *testing.T, to string) *dam {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dam{l: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			_ = near.(*net.TCPConn).SetReadBuffer(16 << 10)
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(near, far)
				_ = near.Close()
			}()
			go d.pass(near, far)
		}
	}()
	return d
}

func (d *dam) pass(near, far net.Conn) {
	defer far.Close()
	buf := make([]byte, 4<<10)
	for {
		if shut := d.shut.Load(); shut != nil {
			<-*shut
		}
		n, err := near.Read(buf)
		d.n.Add(int64(n))
		if _, werr := far.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// TestA11WhatATargetDidNotTakeBeforeTheEndItDoesNotGetAfter: what somebody fed
// to a program that is slow, or far away, is not done once their grant is revoked.
func TestA11WhatATargetDidNotTakeBeforeTheEndItDoesNotGetAfter(t *testing.T) {
	s := newStub(t, func(ch ssh.Channel, _ *ssh.Request) { _, _ = io.Copy(io.Discard, ch) })
	d := newDam(t, s.addr)
	w := world.New(t, d.l.Addr().String(), ssh.FingerprintSHA256(s.host.PublicKey()))
	h := &house{World: w, target: s.host.PublicKey()}
	h.open(t)
	code := h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	ses, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := ses.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := ses.Start("psql"); err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	var fed flood
	go func() {
		for p := make([]byte, 8<<10); ; {
			n, err := in.Write(p)
			if fed.n.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	for late := time.After(10 * time.Second); d.n.Load() < 64<<10; {
		select {
		case <-late:
			t.Fatal("nothing goes to the target")
		case <-time.After(10 * time.Millisecond):
		}
	}
	d.shut.Store(&open)
	fed.stalls(t)
	before := d.n.Load()
	if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	<-time.After(300 * time.Millisecond)
	close(open)
	if still(t, 1500*time.Millisecond, &d.n); d.n.Load()-before > 64<<10 {
		t.Errorf("%d bytes went to the target after the end", d.n.Load()-before)
	}
}
