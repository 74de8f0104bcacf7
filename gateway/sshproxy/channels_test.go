package sshproxy

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestB17ThreeHundredSessionsOneAfterAnother(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, target := stubHouse(t, func(ch ssh.Channel, r *ssh.Request) {
			_, _ = ch.Write(r.Payload[4:])
			ends(ch, 7)
		})
		h.granted(t, h.Eng, time.Hour)
		c := w.dial(t, h, "support_nord", h.Eng)
		for i := range 300 {
			if got, want := run(t, c, fmt.Sprint("n", i)), (result{Stdout: fmt.Sprint("n", i), Status: 7}); got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
		if conns, _, channels := target.counts(); target.entered() != 1 || channels != 300 {
			t.Errorf("the target saw %d connections, %d channels", conns, channels)
		}
	})
}

// TestA34B12AHundredThousandRefusedChannelsCostNothing: each connection is cut
// after so many, and nothing is left of it.
func TestA34B12AHundredThousandRefusedChannelsCostNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, _ := stubHouse(t, echo)
		flood := func() (n int64) {
			c := w.dial(t, h, "support_nord", h.Eng)
			defer c.Close()
			var opened, refused atomic.Int64
			for range 4 {
				go func() { // the library may leave it behind when the connection is cut in that moment
					for {
						_, _, err := c.OpenChannel("x@example.com", nil)
						var no *ssh.OpenChannelError
						switch {
						case err == nil:
							opened.Add(1)
							return
						case !errors.As(err, &no):
							return // the connection is gone
						}
						refused.Add(1)
					}
				}()
			}
			_ = c.Wait()
			if opened.Load() > 0 {
				t.Error("an unknown channel was opened")
			}
			if n := refused.Load(); n < refusals-8 || n > refusals+8 {
				t.Errorf("%d channels were refused on one connection", n)
			}
			return refused.Load()
		}
		flood()
		before := heap()
		n := int64(0)
		for n < 50_000 { // each way
			n += flood()
		}
		if grown := heap() - before; grown > 10<<20 {
			t.Errorf("%d channels were refused, and %d MiB more are held", n, grown>>20)
		}
	})
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// refusedOf are what was written down as refused, "what: why".
func (h *house) refusedOf(t *testing.T) (all []string) {
	t.Helper()
	events, err := h.Ledger.After(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == "channel.refused" {
			all = append(all, e.Detail["what"]+": "+e.Detail["why"])
		}
	}
	return all
}

func TestB11B12WhatIsRefusedIsWrittenDown(t *testing.T) {
	bothWays(t, func(t *testing.T, w wayIn) {
		h, _ := stubHouse(t, echo, func(d *Door) { d.Limits.Idle = 300 * time.Millisecond })
		c := w.dial(t, h, "support_nord", h.Eng)
		wantRefused(t, c)
		_ = c.Wait()
		h.close(t) // what is to be written is
		got := h.refusedOf(t)
		for _, want := range append(kinds()[1:], "tcpip-forward", "connection: nothing was done on it for") {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }) {
				t.Errorf("%s is not in the log: %q", want, got)
			}
		}
	})
}

// lazily connects through sockets that can stop to read: around is that of the
// connection to the gateway, inside that of the one within.
func (h *house) lazily(t *testing.T) (c *ssh.Client, around, inside *lazy) {
	t.Helper()
	tcp, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	around = &lazy{Conn: tcp}
	conn, channels, requests, err := ssh.NewClientConn(around, h.Addr, h.clientConfig("me", h.Eng.SSH))
	if err != nil {
		t.Fatal(err)
	}
	outer := ssh.NewClient(conn, channels, requests)
	t.Cleanup(func() { _ = outer.Close() })
	socket, err := outer.Dial("tcp", "db1.prod:22")
	if err != nil {
		t.Fatal(err)
	}
	inside = &lazy{Conn: socket}
	conf := h.clientConfig("support_nord", h.Eng.SSH)
	conf.HostKeyCallback, conf.HostKeyAlgorithms = h.certified, []string{ssh.CertAlgoED25519v01}
	conn, channels, requests, err = ssh.NewClientConn(inside, "db1.prod:22", conf)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.NewClient(conn, channels, requests), around, inside
}

// TestA11ATunnelThatIsNotReadIsCutInTime: the client reads nothing any more, of
// the connection within or of the one around it.
func TestA11ATunnelThatIsNotReadIsCutInTime(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprint("around=", all), func(t *testing.T) {
			h := newHouse(t)
			code := h.granted(t, h.Eng, time.Hour)
			c, around, inside := h.lazily(t)
			s, err := c.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Start("yes"); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			off := make(chan struct{})
			defer close(off)
			if all {
				around.off.Store(&off)
			} else {
				inside.off.Store(&off)
			}
			<-time.After(time.Second) // all windows fill
			from := time.Now()
			if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
				t.Fatal(err)
			}
			for len(h.Gateway.Visits()) > 0 && time.Since(from) < 5*time.Second {
				<-time.After(10 * time.Millisecond)
			}
			if took := time.Since(from); took > time.Second {
				t.Errorf("it ended %s after the revocation", took)
			}
		})
	}
}
