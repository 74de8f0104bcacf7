package target

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// heap is what is in use after a collection.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

const most = 64 << 20

// endless writes a text until the other side has had enough.
func endless(first, text string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, first)
		for err == nil {
			_, err = io.WriteString(c, text)
		}
	}
}

// packet is an unencrypted packet of RFC 4253, 6.
func packet(payload []byte) string {
	pad := 8 - (5+len(payload))%8 + 8
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	b = append(b, byte(pad))
	b = append(b, payload...)
	return string(append(b, make([]byte, pad)...))
}

// TestG17WhoNeverFinishesAHandshakeCostsLittle: memory does not grow, and it is
// over in time.
func TestG17WhoNeverFinishesAHandshakeCostsLittle(t *testing.T) {
	clean(t)
	const version = "SSH-2.0-OpenSSH_9.9\r\n"
	kexInit := append([]byte{20}, make([]byte, 16)...)
	kexInit = binary.BigEndian.AppendUint32(kexInit, 0xffffffff)
	names := append([]byte{20}, make([]byte, 16)...)
	for range 10 {
		long := strings.Repeat("x,", 1500)
		names = binary.BigEndian.AppendUint32(names, uint32(len(long)))
		names = append(names, long...)
	}
	names = append(names, make([]byte, 5)...)
	for rule, raw := range map[string]func(net.Conn){
		"a version without an end": endless("SSH-2.0-", strings.Repeat("A", 64<<10)),
		"a banner without an end":  endless("", strings.Repeat("B", 200)+"\r\n"),
		"a line without an end":    endless("", strings.Repeat("C", 64<<10)),
		"a packet of 4 GiB":        endless(version+"\xff\xff\xff\xff\x04", strings.Repeat("D", 64<<10)),
		"a packet of nothing":      endless(version, strings.Repeat("\x00", 64<<10)),
		"a name list of 4 GiB":     endless(version, packet(kexInit)),
		"names that nobody knows":  endless(version, packet(names)),
		"ignore, and again":        endless(version, packet([]byte{2, 0, 0, 0, 0})),
		"debug, and again":         endless(version, packet([]byte{4, 0, 0, 0, 0, 0, 0, 0, 0, 0})),
		"a reason to go, again":    endless(version, packet(append([]byte{1, 0, 0, 0, 2, 0, 0, 0xff, 0xff}, make([]byte, 100)...))),
		"one byte now and then":    drip(version),
		"nothing at all":           func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	} {
		t.Run(rule, func(t *testing.T) {
			s := newStub(t, func(s *stub) { s.raw = raw })
			d := newDialer(t, s.ca)
			before := heap()
			ctx, stop := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, errLate)
			defer stop()
			c := callTo(s.target(), "deploy", "r-1")
			began := time.Now()
			_, err := d.fresh(ctx, &c)
			if took := time.Since(began); KindOf(err) == "" || took > 3*time.Second {
				t.Errorf("got %v after %s", err, took)
			}
			if grown := heap() - before; grown > most/4 {
				t.Errorf("%d bytes more", grown)
			}
			if _, users, certs := s.counts(); users+certs != 0 {
				t.Error("somebody was named")
			}
		})
	}
}

func drip(text string) func(net.Conn) {
	return func(c net.Conn) {
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if _, err := c.Write([]byte{text[i%(len(text)-2)]}); err != nil {
				return
			}
			<-tick.C
		}
	}
}

// TestG17ATargetThatOpensAMillionChannelsIsCut: also where somebody answers them.
func TestG17ATargetThatOpensAMillionChannelsIsCut(t *testing.T) {
	var opened atomic.Int64
	s := newStub(t, func(s *stub) {
		s.with = func(conn *ssh.ServerConn, channels <-chan ssh.NewChannel) {
			var wg sync.WaitGroup
			over := make(chan struct{})
			wg.Go(func() {
				for ch := range channels {
					_ = ch.Reject(ssh.Prohibited, "")
				}
			})
			for range 8 {
				go func() { // the library's opener may wait for ever once the other side is gone
					for range 1_000_000 / 8 {
						opened.Add(1)
						if _, _, err := conn.OpenChannel("forwarded-tcpip", make([]byte, 1000)); err != nil && closed(over) {
							return
						}
					}
				}()
			}
			_ = conn.Wait()
			close(over)
			wg.Wait()
		}
	})
	d := newDialer(t, s.ca)
	for what, offered := range map[string]func(ssh.NewChannel){"nobody": nil, "somebody": func(ch ssh.NewChannel) { _ = ch.Reject(ssh.Prohibited, "no") }} {
		before := heap()
		c := callTo(s.target(), "deploy", "r-1")
		c.Offered = offered
		conn := dial(t, d, c)
		select {
		case <-conn.Gone():
		case <-time.After(20 * time.Second):
			t.Fatalf("%s answers: it is not cut", what)
		}
		conn.Left()
		if grown := heap() - before; grown > most/4 {
			t.Errorf("%s answers: %d bytes more", what, grown)
		}
		if n := conn.refused.Load(); n > refusals+32 {
			t.Errorf("%s answers: %d were refused one by one", what, n)
		}
	}
}

// TestG17ATargetThatExchangesKeysAgainAndAgainIsCut: it costs both sides the same.
func TestG17ATargetThatExchangesKeysAgainAndAgainIsCut(t *testing.T) {
	var r rekeys
	for range 17 {
		if err := r.more(0); err != nil && r.n <= 16 {
			t.Fatalf("after %d: %v", r.n, err)
		}
	}
	if r.more(0) == nil {
		t.Error("there is no end to it")
	}
	if r.more(10<<20) != nil {
		t.Error("a target that exchanges keys after each 64 KiB is cut")
	}
	r = rekeys{n: 40, began: time.Now().Add(-time.Hour)}
	if r.more(0) != nil {
		t.Error("a target that exchanges keys now and then is cut")
	}
}

// TestG17ATargetThatReadsNothingHoldsNobody: who hangs up is free.
func TestG17ATargetThatReadsNothingHoldsNobody(t *testing.T) {
	clean(t)
	s := newStub(t)
	through, lose := newCable(t, s.l.Addr().String())
	d := newDialer(t, s.ca)
	to := s.target()
	to.Address = through
	conn := dial(t, d, callTo(to, "deploy", "r-1"))
	ch, requests, err := conn.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	lose()
	before := heap()
	wrote := make(chan error, 1)
	go func() {
		_, err := io.Copy(ch, io.LimitReader(zeros{}, 256<<20))
		wrote <- err
	}()
	select {
	case err := <-wrote:
		t.Fatalf("it was all taken: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	if grown := heap() - before; grown > most/4 {
		t.Errorf("%d bytes more", grown)
	}
	conn.HangUp()
	select {
	case <-wrote:
	case <-time.After(5 * time.Second):
		t.Fatal("the writer is still held")
	}
	conn.Left()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestG17RequestsWithoutEndAreAnsweredAndForgotten: and do not hold up what else passes.
func TestG17RequestsWithoutEndAreAnsweredAndForgotten(t *testing.T) {
	clean(t)
	s := newStub(t, func(s *stub) {
		s.with = func(conn *ssh.ServerConn, channels <-chan ssh.NewChannel) {
			go func() {
				for {
					if _, _, err := conn.SendRequest("hostkeys-00@openssh.com", true, bytes.Repeat([]byte("x"), 10_000)); err != nil {
						return
					}
				}
			}()
			for offered := range channels {
				if ch, asked, err := offered.Accept(); err == nil {
					go ssh.DiscardRequests(asked)
					_, _ = io.Copy(ch, ch)
					_ = ch.Close()
				}
			}
		}
	})
	d := newDialer(t, s.ca)
	before := heap()
	conn := dial(t, d, callTo(s.target(), "deploy", "r-1"))
	for range 20 {
		echoes(t, conn)
	}
	if grown := heap() - before; grown > most/4 {
		t.Errorf("%d bytes more", grown)
	}
}

// TestG17WhatIsKeptAheadTakesNoMoreThanItsPlace: a target may talk while nobody listens.
func TestG17WhatIsKeptAheadTakesNoMoreThanItsPlace(t *testing.T) {
	clean(t)
	s := newStub(t, func(s *stub) { s.raw = endless("SSH-2.0-OpenSSH_9.9\r\n", packet([]byte{2, 0, 0, 0, 0})) })
	d := newDialer(t, s.ca, withSpares)
	before := heap()
	d.Warm(s.target(), "deploy")
	<-time.After(300 * time.Millisecond)
	if grown := heap() - before; grown > most/4 {
		t.Errorf("%d bytes more", grown)
	}
}
