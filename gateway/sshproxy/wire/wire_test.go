package wire

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is both ends of a TCP connection, ours wrapped.
func pair(t *testing.T, p *Pool) (ours *Conn, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ours = p.Conn(c)
	t.Cleanup(func() {
		_ = ours.Close()
		_ = theirs.Close()
	})
	return ours, theirs
}

// sizes are those of packets: one byte, around x/crypto's buffer, large.
func sizes() []int { return []int{1, 4095, 4096, 4097, 28 << 10, 32 << 10, 300 << 10, 5} }

func TestWhatIsWrittenArrivesInOrder(t *testing.T) {
	ours, theirs := pair(t, new(Pool))
	var want bytes.Buffer
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 {
			for _, n := range sizes() {
				p := make([]byte, n)
				_, _ = rand.Read(p)
				want.Write(p)
				if k, err := ours.Write(p); k != n || err != nil {
					t.Errorf("wrote %d of %d: %v", k, n, err)
				}
				clear(p) // the caller's again
			}
		}
		if _, err := ours.Write([]byte("end")); err != nil {
			t.Error(err)
		}
	})
	got, err := io.ReadAll(&until{theirs, []byte("end"), nil})
	wg.Wait()
	if err != nil || !bytes.Equal(got, append(want.Bytes(), "end"...)) {
		t.Errorf("%d bytes came, want %d: %v", len(got), want.Len()+3, err)
	}
}

// until reads to the end of what ends so.
type until struct {
	io.Reader
	end  []byte
	last []byte
}

func (u *until) Read(p []byte) (int, error) {
	if bytes.HasSuffix(u.last, u.end) {
		return 0, io.EOF
	}
	n, err := u.Reader.Read(p)
	u.last = append(u.last, p[:n]...)
	u.last = u.last[max(0, len(u.last)-len(u.end)):]
	return n, err
}

func TestReadsTakeAllThatIsThereAndHoldNothingAtRest(t *testing.T) {
	ours, theirs := pair(t, new(Pool))
	ours.Settle()
	want := make([]byte, 1<<20)
	_, _ = rand.Read(want)
	go func() {
		_, _ = theirs.Write(want)
		_ = theirs.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(ours)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, want %d: %v", len(got), len(want), err)
	}
	if ours.in != nil || ours.out != nil {
		t.Error("room is held although nothing is left in it")
	}
}

func TestADeadlineEndsARead(t *testing.T) {
	ours, _ := pair(t, new(Pool))
	if err := ours.SetDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestCloseLetsGoWhoWritesAndWhoReads(t *testing.T) {
	ours, _ := pair(t, new(Pool)) // nobody reads the other end
	var wg sync.WaitGroup
	wg.Go(func() {
		p := make([]byte, 1<<20)
		for {
			if _, err := ours.Write(p); err != nil {
				return
			}
		}
	})
	wg.Go(func() { _, _ = ours.Read(make([]byte, 8)) })
	full := func() bool {
		ours.mu.Lock()
		defer ours.mu.Unlock()
		return ours.n == queued
	}
	for !full() {
		runtime.Gosched()
	}
	_ = ours.Close()
	wg.Wait()
	if _, err := ours.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write after Close: %v", err)
	}
}

func TestAFailureIsToldByTheNextWrite(t *testing.T) {
	a, b := net.Pipe()
	ours := new(Pool).Conn(a)
	_ = b.Close()
	if _, err := ours.Write(make([]byte, much)); err != nil {
		t.Fatalf("what is gathered cannot fail yet: %v", err)
	}
	late := time.Now().Add(5 * time.Second)
	for time.Now().Before(late) {
		if _, err := ours.Write([]byte("x")); err != nil {
			return
		}
	}
	t.Error("writes go on although nobody is there")
}

func TestWhatIsNoTCPIsPassedOn(t *testing.T) {
	a, b := net.Pipe()
	ours := new(Pool).Conn(a)
	go func() { _, _ = b.Write([]byte("hello")) }()
	p := make([]byte, 8)
	if n, err := ours.Read(p); err != nil || string(p[:n]) != "hello" {
		t.Errorf("got %q, %v", p[:n], err)
	}
	if err := ours.SetLinger(0); err != nil {
		t.Error(err)
	}
	_ = ours.Close()
	_ = b.Close()
}
