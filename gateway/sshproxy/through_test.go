package sshproxy

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// A rough proxy stands before the door, and resets some of its connections.
type rough struct {
	addr string
	cut  atomic.Int64 // connections that were reset
}

// newRough resets each connection whose number every divides, after so many bytes from the door.
func newRough(t *testing.T, door string, every, after int64) *rough {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rough{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := int64(1); ; n++ {
			in, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.pass(in.(*net.TCPConn), door, n%every == 0, after) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return r
}

func (r *rough) pass(in *net.TCPConn, door string, bad bool, after int64) {
	defer in.Close()
	c, err := net.Dial("tcp", door)
	if err != nil {
		return
	}
	out := c.(*net.TCPConn)
	defer out.Close()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.CloseWrite()
	}()
	if !bad {
		_, _ = io.Copy(in, out)
		return
	}
	_, _ = io.CopyN(in, out, after)
	r.cut.Add(1)
	_ = in.SetLinger(0)
	_ = out.SetLinger(0)
}

func TestConnectionsThatAreResetHarmNoOther(t *testing.T) {
	h, _ := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) {
		_, _ = ch.Write(bytes.Repeat([]byte("0123456789abcdef"), 4<<10))
		_, _ = ch.Stderr().Write([]byte("end"))
		ends(ch, 7)
	})
	h.granted(t, h.Eng, time.Hour)
	r := newRough(t, h.Addr, 7, 20<<10)
	var lost, whole, wrong atomic.Int64
	one := func() {
		c, err := ssh.Dial("tcp", r.addr, h.clientConfig(login, h.Eng.SSH))
		if err != nil {
			wrong.Add(1)
			return
		}
		defer c.Close()
		s, err := c.NewSession()
		if err != nil {
			wrong.Add(1)
			return
		}
		var out, stderr bytes.Buffer
		s.Stdout, s.Stderr = &out, &stderr
		var exit *ssh.ExitError
		switch err := s.Run("x"); {
		case errors.As(err, &exit) && exit.ExitStatus() == 7 && out.Len() == 64<<10 && stderr.String() == "end":
			whole.Add(1)
		case errors.As(err, &exit) || err == nil: // it says that all is well
			wrong.Add(1)
		default:
			lost.Add(1)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 14 {
				one()
			}
		})
	}
	wg.Wait()
	if wrong.Load() != 0 || lost.Load() != r.cut.Load() || whole.Load() != 56-lost.Load() {
		t.Errorf("%d whole, %d lost of %d that were cut, %d wrong", whole.Load(), lost.Load(), r.cut.Load(), wrong.Load())
	}
	late := time.After(10 * time.Second)
	for len(h.Gateway.Visits()) > 0 {
		select {
		case <-late:
			t.Fatalf("%d sessions are left", len(h.Gateway.Visits()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestB25KeysAreExchangedAgainInTheMiddle(t *testing.T) {
	h, _ := stubHouse(t, echo)
	code := h.granted(t, h.Eng, time.Hour)
	config := h.clientConfig(login, h.Eng.SSH)
	config.RekeyThreshold = 64 << 10
	c, err := ssh.Dial("tcp", h.Addr, config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in := make([]byte, 4<<20) // of the client alone 64 exchanges each way; the bench does more than 1,000
	_, _ = rand.Read(in)
	want, got := sha256.Sum256(in), sha256.New()
	s.Stdin, s.Stdout = bytes.NewReader(in), got
	if err := s.Run("x"); err != nil || !bytes.Equal(got.Sum(nil), want[:]) {
		t.Errorf("other bytes came back than went: %v", err)
	}
	_ = c.Close()
	if all := recorded(t, h.recording(t, code), "exec0", "o"); !bytes.Equal(all, in) {
		t.Errorf("%d bytes are recorded, want %d", len(all), len(in))
	}
}

// What a program says on both streams in turns arrives on the stream it was
// said on, whole, and before its status.
func TestB18BothStreamsInTurns(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	got := run(t, h.dial(t, login, h.Eng), `i=0; while [ $i -lt 300 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done; exit 42`)
	var out, stderr strings.Builder
	for i := range 300 {
		fmt.Fprintf(&out, "out%d\n", i)
		fmt.Fprintf(&stderr, "err%d\n", i)
	}
	if got != (result{out.String(), stderr.String(), 42}) {
		t.Errorf("%d bytes out, %d err, exit %d", len(got.Stdout), len(got.Stderr), got.Status)
	}
}

// A buffer follows what comes through it.
func TestBuffersGrowAndShrink(t *testing.T) {
	buf := make([]byte, firstBuffer)
	for range 5 {
		buf = grown(buf, len(buf))
	}
	if len(buf) != mostBuffer {
		t.Errorf("it grew to %d", len(buf))
	}
	if same := grown(buf, 32<<10); len(same) != mostBuffer {
		t.Error("it shrinks although packets come")
	}
	for range 5 {
		buf = grown(buf, 1)
	}
	if len(buf) != firstBuffer {
		t.Errorf("it shrank to %d", len(buf))
	}
}
