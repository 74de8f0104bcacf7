package attacks

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/sshproxy"
	"lockbox/tests/world"
)

// A porch is a world with the SSH door in it, and a target that only counts.
type porch struct {
	*world.World
	addr    string
	stop    context.CancelFunc
	stopped chan error

	mu    sync.Mutex // guards the rest
	told  []string   // reported
	calls int        // connections to the target
}

func newPorch(t *testing.T, change ...func(*sshproxy.Door)) *porch {
	t.Helper()
	target, l := listen(t), listen(t)
	f := &porch{World: world.New(t, target.Addr().String(), "SHA256:none"), addr: l.Addr().String(), stopped: make(chan error, 1)}
	go func() {
		for {
			c, err := target.Accept()
			if err != nil {
				return
			}
			_ = c.Close() // counted is enough
			f.mu.Lock()
			f.calls++
			f.mu.Unlock()
		}
	}()
	d := &sshproxy.Door{Gateway: f.Gateway, Desk: f.Desk, People: f.People, Keys: f.Keys, Portal: "http://localhost:8080", Report: f.report}
	for _, fn := range change {
		fn(d)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	f.stop = stop
	go func() { f.stopped <- d.Serve(ctx, l) }()
	t.Cleanup(func() { f.close(t) })
	return f
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() }) // the door closes its own
	return l
}

// strict has the door punish loopback, too.
func strict(d *sshproxy.Door) { d.Limits.Exempt = []netip.Prefix{} }

func (f *porch) close(t *testing.T) {
	t.Helper()
	f.stop()
	select {
	case err := <-f.stopped:
		must(t, err)
		f.stopped <- nil
	case <-time.After(20 * time.Second):
		t.Fatal("the door does not close")
	}
}

func (f *porch) report(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, err.Error())
}

func (f *porch) reported() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.told...)
}

// wantUntouched wants that nothing came to the target, and that the door lives.
func (f *porch) wantUntouched(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	calls := f.calls
	f.mu.Unlock()
	if calls != 0 {
		t.Errorf("%d connections to the target", calls)
	}
	f.wantOpen(t, "")
}

// wantOpen wants that somebody who may comes in, from an address of this machine.
func (f *porch) wantOpen(t *testing.T, from string) {
	t.Helper()
	c, err := f.login(from, "cli", f.Eng.SSH)
	if err != nil {
		t.Fatalf("a known key does not come in: %v", err)
	}
	defer c.Close()
	s, err := c.NewSession()
	must(t, err)
	if out, err := s.Output("help"); err != nil || !strings.Contains(string(out), "request") {
		t.Fatalf("help: %q, %v", out, err)
	}
}

func (f *porch) config(user string, keys ...ssh.Signer) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(keys...)}, HostKeyCallback: ssh.FixedHostKey(f.Keys.Host.PublicKey()),
		ClientVersion: rawVersion, Timeout: 15 * time.Second,
	}
}

// login connects from an address of this machine; "": any.
func (f *porch) login(from, user string, keys ...ssh.Signer) (*ssh.Client, error) {
	d := net.Dialer{Timeout: 15 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial("tcp", f.addr)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return nil, err
	}
	conn, channels, requests, err := ssh.NewClientConn(c, f.addr, f.config(user, keys...))
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return ssh.NewClient(conn, channels, requests), c.SetDeadline(time.Time{})
}

// settles waits until a figure is at most so, and gives the last.
func settles(figure func() int, most int) int {
	n := figure()
	for until := time.Now().Add(10 * time.Second); n > most && time.Now().Before(until); n = figure() {
		runtime.Gosched()
	}
	return n
}
