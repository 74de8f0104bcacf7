package sshproxy

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/cmd/devtarget"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

// A house is a world with this door and a target behind it.
type house struct {
	*world.World
	Door *Door
	Addr string

	target  ssh.PublicKey // host key of the target
	homes   string        // where its people have their folders
	stop    context.CancelFunc
	stopped chan error
}

const portal = "http://localhost:8080"

// newHouse has a target of real shells.
func newHouse(t *testing.T, change ...func(*Door)) *house {
	t.Helper()
	w := world.New(t, "127.0.0.1:1", "")
	host, homes := newSigner(t), t.TempDir()
	target, err := devtarget.Start(devtarget.Config{
		Addr: "127.0.0.1:0", Host: host, CA: w.Keys.TargetCA.PublicKey(), Home: homes, Name: "db1.prod",
		Logins: []string{"deploy", "support_nord", "support_syd"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	w.SetPolicy(world.Policy(target.Addr(), ssh.FingerprintSHA256(host.PublicKey())))
	h := &house{World: w, target: host.PublicKey(), homes: homes}
	h.open(t, change...)
	return h
}

// open serves the door.
func (h *house) open(t *testing.T, change ...func(*Door)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.Addr = l.Addr().String()
	h.Door = &Door{Gateway: h.Gateway, Desk: h.Desk, People: h.People, Keys: h.Keys, Portal: portal, Report: h.report(t)}
	for _, c := range change {
		c(h.Door)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	h.stop, h.stopped = stop, make(chan error, 1)
	go func() { h.stopped <- h.Door.Serve(ctx, l) }()
	t.Cleanup(func() { h.close(t) })
}

func (h *house) close(t *testing.T) {
	t.Helper()
	h.stop()
	select {
	case err := <-h.stopped:
		if err != nil {
			t.Error(err)
		}
		h.stopped <- nil
	case <-time.After(20 * time.Second):
		t.Fatal("the door does not close")
	}
}

func (h *house) report(t *testing.T) func(error) {
	return func(err error) { t.Logf("reported: %v", err) }
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clientConfig is how key comes in as user.
func (h *house) clientConfig(user string, keys ...ssh.Signer) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(keys...)}, HostKeyCallback: ssh.FixedHostKey(h.Keys.Host.PublicKey()),
		ClientVersion: "SSH-2.0-OpenSSH_test", Timeout: 10 * time.Second,
	}
}

func (h *house) dial(t *testing.T, user string, who *world.Human) *ssh.Client {
	t.Helper()
	c, err := ssh.Dial("tcp", h.Addr, h.clientConfig(user, who.SSH))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return c
}

// A result is what a program without a terminal came to.
type result struct {
	Stdout, Stderr string
	Status         int
}

// run runs one command without a terminal.
func run(t *testing.T, c *ssh.Client, command string, env ...string) result {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		if err := s.Setenv(name, value); err != nil {
			t.Fatalf("set %s: %v", name, err)
		}
	}
	var stdout, stderr bytes.Buffer
	s.Stdout, s.Stderr = &stdout, &stderr
	return result{Status: exitOf(t, s.Run(command)), Stdout: stdout.String(), Stderr: stderr.String()}
}

func exitOf(t *testing.T, err error) int {
	t.Helper()
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitStatus()
	}
	t.Logf("ended: %v", err)
	return -1
}

// A screenful is a session with a terminal, and somebody who reads it.
type screenful struct {
	t    *testing.T
	s    *ssh.Session
	in   io.WriteCloser
	done chan struct{}
	err  error // after done

	mu     sync.Mutex
	text   strings.Builder
	more   chan struct{} // closed and replaced when text grows
	passed int           // of text, by expect
}

func newScreenful(t *testing.T) *screenful {
	return &screenful{t: t, done: make(chan struct{}), more: make(chan struct{})}
}

// onScreen starts a shell, or a command, on a terminal.
func onScreen(t *testing.T, c *ssh.Client, command string, env ...string) *screenful {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	f := newScreenful(t)
	f.s = s
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		if err := s.Setenv(name, value); err != nil {
			t.Fatalf("set %s: %v", name, err)
		}
	}
	if err := s.RequestPty("xterm-256color", 24, 100, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if f.in, err = s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	s.Stdout, s.Stderr = f, f
	if command == "" {
		err = s.Shell()
	} else {
		err = s.Start(command)
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		f.err = s.Wait()
		close(f.done)
	}()
	t.Cleanup(func() { _ = s.Close() }) // it may be closed already
	return f
}

// Write takes what the screen is sent.
func (f *screenful) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(p)
	close(f.more)
	f.more = make(chan struct{})
	return len(p), nil
}

func (f *screenful) read() (string, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String(), f.more
}

// expect waits for a pattern after the last one, and gives its groups.
func (f *screenful) expect(pattern string) []string {
	f.t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(15 * time.Second)
	for {
		text, more := f.read()
		if at := re.FindStringSubmatchIndex(text[f.passed:]); at != nil {
			groups := re.FindStringSubmatch(text[f.passed:])
			f.passed += at[1]
			return groups
		}
		select {
		case <-more:
		case <-late:
			f.t.Fatalf("%q did not come; the screen has\n%s", pattern, text)
		}
	}
}

func (f *screenful) send(text string) {
	f.t.Helper()
	if _, err := f.in.Write([]byte(text)); err != nil {
		f.t.Fatalf("type %q: %v", text, err)
	}
}

// wait gives the exit status.
func (f *screenful) wait(d time.Duration) int {
	f.t.Helper()
	select {
	case <-f.done:
		return exitOf(f.t, f.err)
	case <-time.After(d):
		text, _ := f.read()
		f.t.Fatalf("it still runs after %s; the screen has\n%s", d, text)
	}
	return 0
}

// touchShown touches for the number that the screen shows.
func (h *house) touchShown(t *testing.T, f *screenful, who *world.Human) {
	t.Helper()
	number := f.expect(`number:  (\d\d)`)[1]
	code := f.expect(`/t/([0-9A-Z]+)`)[1]
	open, err := h.Desk.Touches(t.Context(), who.Principal, code)
	if err != nil || len(open) == 0 {
		t.Fatalf("got %d touches, %v", len(open), err)
	}
	h.TouchNumber(t, who, open[len(open)-1].ID, number)
}

// granted gets a grant and touches for connections from here, so that who may go in at once.
func (h *house) granted(t *testing.T, who *world.Human, long time.Duration) string {
	t.Helper()
	code := h.Grant(t, who, long)
	h.touched(t, who, "support_nord")
	return code
}

// login is the user name for the login of granted.
const login = "support_nord%db1.prod"

func (h *house) touched(t *testing.T, who *world.Human, login string) {
	t.Helper()
	k := h.knock(who, login)
	a, err := h.Gateway.Enter(t.Context(), k)
	if err != nil || a.Verdict != policy.Prove {
		t.Fatalf("got %v %q, %v", a.Verdict, a.Why, err)
	}
	h.Touch(t, who, a.Terminal)
}

// addKey gives a person one more SSH key, whose private half the test holds.
func (h *house) addKey(t *testing.T, who *world.Human, i harness.Identity) {
	t.Helper()
	ask, err := h.People.BeginSSHKey(t.Context(), who.ID, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(i.Public(t)))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.People.AddSSHKey(t.Context(), ask.ID, who.Answer(t, ask.Options)); err != nil {
		t.Fatal(err)
	}
}

// openSSH is OpenSSH's client with an identity, and this door's host key.
func (h *house) openSSH(t *testing.T, i harness.Identity) *harness.Client {
	t.Helper()
	return harness.OpenSSH(t, i).Trust(h.Addr, h.Keys.Host.PublicKey())
}

// dialFrom dials from an address of this machine.
func dialFrom(ip string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
}
