package sshproxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/recorder"
)

// recording waits for the end of the sessions under a request, and opens that of the last.
func (h *house) recording(t *testing.T, code string) *recorder.Playback {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for e, err := range h.Ledger.Watch(ctx, -1) {
		if err != nil {
			t.Fatalf("no session has ended: %v", err)
		}
		if e.Kind == "session.close" {
			break
		}
	}
	all, err := h.Gateway.SessionsOf(t.Context(), h.Eng.Principal, code)
	if err != nil || len(all) == 0 {
		t.Fatalf("got %d sessions, %v", len(all), err)
	}
	p, err := h.Shelf.Play(all[len(all)-1].ID, h.Keys.Vault)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// recorded is all that a track has of some kinds.
func recorded(t *testing.T, p *recorder.Playback, track string, codes ...string) []byte {
	t.Helper()
	var all bytes.Buffer
	for e, err := range p.Events(track) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range codes {
			if e.Code == c {
				all.Write(e.Data)
			}
		}
	}
	return all.Bytes()
}

func TestB06B18AnExecIsExactAndRecorded(t *testing.T) {
	h := newHouse(t)
	code := h.granted(t, h.Eng, time.Hour)
	in := make([]byte, 1<<20)
	_, _ = rand.Read(in)
	c := h.dial(t, login, h.Eng)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = bytes.NewReader(in), &stdout, &stderr
	err = s.Run(`tee /dev/stderr; exit 42`)
	if got := exitOf(t, err); got != 42 {
		t.Errorf("exit %d, want 42", got)
	}
	if !bytes.Equal(stdout.Bytes(), in) || !bytes.Equal(stderr.Bytes(), in) {
		t.Errorf("%d bytes in, %d out, %d on stderr, or changed", len(in), stdout.Len(), stderr.Len())
	}
	_ = c.Close()
	p := h.recording(t, code)
	if got := p.Tracks(); len(got) != 1 || got[0].Name != "exec0" || got[0].Header.Command != `tee /dev/stderr; exit 42` {
		t.Fatalf("got %+v", got)
	}
	for what, code := range map[string]string{"stdout": recorder.CodeOutput, "stderr": recorder.CodeStderr} {
		if got := recorded(t, p, "exec0", code); !bytes.Equal(got, in) {
			t.Errorf("%s: %d bytes recorded, want %d", what, len(got), len(in))
		}
	}
	if got := string(recorded(t, p, "exec0", recorder.CodeExit)); got != "42" {
		t.Errorf("exit status recorded %q", got)
	}
	sum := sha256.Sum256(in)
	if got := string(recorded(t, p, "exec0", recorder.CodeStdin)); !strings.Contains(got, hex.EncodeToString(sum[:])) {
		t.Errorf("stdin is not in the record by its hash: %q", got)
	}
}

func TestEveryExitStatusAndSignalArrives(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	for _, want := range []int{0, 1, 2, 69, 75, 77, 127, 128, 254, 255} {
		if got := run(t, c, fmt.Sprintf("echo out; echo err >&2; exit %d", want)); got != (result{"out\n", "err\n", want}) {
			t.Errorf("got %+v, want %d", got, want)
		}
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var exit *ssh.ExitError
	if err := s.Run("kill -TERM $$"); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("got %v, want the signal", err)
	}
	s, err = c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(`trap 'echo caught; exit 9' USR1; echo ready; while :; do read -t 1 x </dev/zero; done`); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(ssh.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if got := exitOf(t, s.Wait()); err != nil || got != 9 || string(rest) != "caught\n" {
		t.Errorf("a signal to the program: exit %d, %q, %v", got, rest, err)
	}
}

func TestATerminalIsPassedOnAsItIs(t *testing.T) {
	h, target := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) {
		_, _ = ch.Write([]byte("a\nb\xff\x00\r\n"))
		_, _ = io.ReadFull(ch, make([]byte, 1))
		ends(ch, 7)
	})
	h.granted(t, h.Eng, time.Hour)
	s, err := h.dial(t, login, h.Eng).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	modes := ssh.TerminalModes{ssh.ECHO: 0, ssh.TTY_OP_ISPEED: 14400}
	if err := s.RequestPty("vt220", 40, 132, modes); err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	f := newScreenful(t)
	s.Stdout = f
	if err := s.WindowChange(50, 140); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	f.expect(`\r\na\nb`)
	for i := range 100 {
		if err := s.WindowChange(10+i, 80+i); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"break", "eow@openssh.com"} {
		if _, err := s.SendRequest(kind, false, ssh.Marshal(struct{ N uint32 }{9})); err != nil {
			t.Fatal(err)
		}
	}
	target.await(t, "eow@openssh.com")
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := exitOf(t, s.Wait()); got != 7 {
		t.Errorf("exit %d", got)
	}
	if text, _ := f.read(); !strings.HasSuffix(text, "a\nb\xff\x00\r\n") {
		t.Errorf("output was changed: %q", text)
	}
	ask, last, kinds := terminalOf(t, target.seen())
	if ask.Term != "vt220" || ask.Cols < 132 || !strings.Contains(ask.Modes, string(rune(ssh.ECHO))) {
		t.Errorf("got %+v", ask)
	}
	if last.Cols != 179 || last.Rows != 109 {
		t.Errorf("the last size is %+v", last)
	}
	if kinds != "pty-req shell break eow@openssh.com" {
		t.Errorf("the target was asked for %s", kinds)
	}
}

// terminalOf reads what a target was asked for: its terminal, the last size of it, and what else.
func terminalOf(t *testing.T, seen []string) (ask terminal, last window, kinds string) {
	t.Helper()
	var others []string
	for _, r := range seen {
		kind, payload, _ := strings.Cut(r, " ")
		var err error
		switch kind {
		case "pty-req":
			err = ssh.Unmarshal([]byte(payload), &ask)
			last = window{Cols: ask.Cols, Rows: ask.Rows} // what comes before the program is in its pty-req
		case "window-change":
			err = ssh.Unmarshal([]byte(payload), &last)
		}
		if err != nil {
			t.Fatal(err)
		}
		if kind != "window-change" {
			others = append(others, kind)
		}
	}
	return ask, last, strings.Join(others, " ")
}

// await waits until the target is asked for kind.
func (s *stub) await(t *testing.T, kind string) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		for _, r := range s.seen() {
			if strings.HasPrefix(r, kind) {
				return
			}
		}
	}
	t.Fatalf("the target was not asked for %s but %q", kind, s.seen())
}

func TestAHalfClosedChannelGoesOn(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	s, err := h.dial(t, login, h.Eng).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdin = strings.NewReader("b\na\nc\n")
	out, err := s.Output("sort; echo done")
	if err != nil || string(out) != "a\nb\nc\ndone\n" {
		t.Errorf("got %q, %v", out, err)
	}
	out2 := run(t, h.dial(t, login, h.Eng), "exec >&-; exec 2>&-; read x; exit 4")
	if out2.Status != 1 && out2.Status != 4 {
		t.Errorf("a program that closes its output: got %+v", out2)
	}
}

func TestAClientThatVanishesTakesItsProgramWithIt(t *testing.T) {
	for how, vanish := range map[string]func(*ssh.Client, *ssh.Session){
		"the connection is gone": func(c *ssh.Client, _ *ssh.Session) { _ = c.Close() },
		"the channel is closed":  func(_ *ssh.Client, s *ssh.Session) { _ = s.Close() },
	} {
		gone := make(chan struct{})
		h, _ := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) {
			_, _ = ch.Write([]byte("x"))
			_, _ = io.Copy(io.Discard, ch)
			for { // a program that only writes
				if _, err := ch.Write([]byte("x")); err != nil {
					close(gone)
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
		h.granted(t, h.Eng, time.Hour)
		c := h.dial(t, login, h.Eng)
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start("x"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		vanish(c, s)
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the program goes on", how)
		}
	}
}

func TestOneConnectionToTheTargetForOneClient(t *testing.T) {
	h, target := stubHouse(t, func(ch ssh.Channel, _ *ssh.Request) { ends(ch, 0) })
	h.granted(t, h.Eng, time.Hour)
	for range 2 {
		c := h.dial(t, login, h.Eng)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { run(t, c, "x") })
		}
		all.Wait()
	}
	target.mu.Lock()
	defer target.mu.Unlock()
	var users [][]byte
	for _, c := range target.auths { // a connection that stands by shows no certificate
		if k := c.Key.Marshal(); !slices.ContainsFunc(users, func(u []byte) bool { return bytes.Equal(u, k) }) {
			users = append(users, k)
		}
	}
	if len(users) != 2 || target.channels != 10 {
		t.Errorf("the target saw %d connections with a certificate, %d channels", len(users), target.channels)
	}
	first, last := target.auths[0], target.auths[len(target.auths)-1]
	if bytes.Equal(first.Key.Marshal(), last.Key.Marshal()) {
		t.Error("two connections have one key")
	}
	if len(first.ValidPrincipals) != 1 || first.ValidPrincipals[0] != "support_nord" || first.CriticalOptions["source-address"] != "127.0.0.1" {
		t.Errorf("the certificate is for %v from %v", first.ValidPrincipals, first.CriticalOptions)
	}
	if !strings.HasPrefix(first.KeyId, "r-") || strings.Count(first.KeyId, "/") != 2 {
		t.Errorf("key id %q", first.KeyId)
	}
}
