package devtarget_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

const soon = 30 * time.Second

func TestACommandKeepsItsOutputsInputAndStatusApart(t *testing.T) {
	w := start(t)
	for _, tt := range []struct {
		name, command, in string
		out, errs         string
		code              int
		options           []string
	}{
		{name: "status", command: "exit 7", code: 7},
		{name: "out and err", command: "echo out; echo err >&2", out: "out\n", errs: "err\n"},
		{name: "half-close", command: "wc -c", in: "12345", out: "5\n"},
		{name: "at home", command: "basename $PWD; head -c 7 README.txt", out: "deploy\nYou are"},
		{name: "shell without a terminal", in: "echo $USER; exit 4\n", out: "deploy\n", code: 4},
		{name: "allowed environment", command: "echo $LC_TEST-$EVIL", out: "yes-\n", options: []string{"-o", "SetEnv=LC_TEST=yes EVIL=yes"}},
		{name: "not the gateway's environment", command: "echo $LOCKBOX_TEST_SECRET", out: "\n"},
		{name: "unknown command", command: "exec /no/such", code: 127, errs: "/no/such"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("LOCKBOX_TEST_SECRET", "secret")
			args := append(tt.options, w.to()...)
			if tt.command != "" {
				args = append(args, tt.command)
			}
			got := w.openssh(t).Run(tt.in, args...)
			if got.Code != tt.code || got.Stdout != tt.out || !strings.Contains(got.Stderr, tt.errs) {
				t.Errorf("got %+v, want status %d, output %q, errors %q", got, tt.code, tt.out, tt.errs)
			}
		})
	}
}

func TestManyBytesPassUnchangedInBothDirections(t *testing.T) {
	w := start(t)
	sent := bytes.Repeat([]byte("0123456789abcdef\x00\r\n\xff"), 8<<20/20)
	got := w.openssh(t).Run(string(sent), w.to("cat")...)
	if got.Code != 0 || got.Stdout != string(sent) {
		t.Errorf("got %d bytes and status %d, want %d and 0: %s", len(got.Stdout), got.Code, len(sent), got.Stderr)
	}
}

func TestASignalEndsTheCommandAndIsTold(t *testing.T) {
	w := start(t)
	for name, signal := range map[string]ssh.Signal{"TERM": ssh.SIGTERM, "INT": ssh.SIGINT, "KILL": ssh.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			s, err := w.client(t).NewSession()
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Start("echo in; exec sleep 100"); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			if err := s.Signal(signal); err != nil {
				t.Fatal(err)
			}
			var exit *ssh.ExitError
			if err := s.Wait(); !errors.As(err, &exit) || exit.Signal() != name {
				t.Errorf("got %v, want signal %s", err, name)
			}
		})
	}
}

func TestATerminalIsOne(t *testing.T) {
	w := start(t)
	term := w.openssh(t).Terminal(w.to()...)
	term.Expect("deploy@db1.prod:~$ ", soon)
	term.Send("stty size; tty >/dev/null && echo is a $TERM\r")
	term.Expect("24 80", soon)
	term.Expect("is a xterm-256color", soon)
	term.Resize(132, 50)
	term.Send("until [ \"$(stty size)\" = '50 132' ]; do sleep 0.1; done; cd log\r")
	term.Expect("deploy@db1.prod:~/log$ ", soon)
	term.Send("sh -c 'echo $((40+2)); exec sleep 100'\r")
	term.Expect("42", soon)
	term.Send("\x03")
	term.Expect("deploy@db1.prod:~/log$ ", soon)
	term.Send("exit 5\r")
	if got := term.Wait(soon); got != 5 {
		t.Errorf("got status %d, want 5", got)
	}
}

func TestNothingIsLostAtTheEndOfATerminal(t *testing.T) {
	w := start(t)
	client := w.client(t)
	for range 20 {
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
			t.Fatal(err)
		}
		out, err := s.Output("seq 3000")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(string(out)); len(got) != 3000 || got[2999] != "3000" {
			t.Fatalf("got %d lines, want 3000", len(got))
		}
	}
}

func TestWhatIsNotAllowedIsRefused(t *testing.T) {
	w := start(t)
	client := w.client(t)
	t.Run("a terminal without permit-pty", func(t *testing.T) {
		s, err := w.client(t, func(c *ssh.Certificate) { c.Extensions = nil }).NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RequestPty("xterm", 24, 80, nil); err == nil {
			t.Error("got a terminal")
		}
		if out, err := s.Output("echo in"); err != nil || string(out) != "in\n" {
			t.Errorf("got %q %v: a command needs no terminal", out, err)
		}
	})
	for _, request := range []string{"subsystem", "auth-agent-req@openssh.com", "x11-req", "pty-req", "exec", "window-change", "signal", "never-heard"} {
		t.Run(request+" with rubbish", func(t *testing.T) {
			s, err := client.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if ok, err := s.SendRequest(request, true, []byte{0, 0, 0, 9, 'x'}); ok || err != nil {
				t.Errorf("got %v %v, want a refusal", ok, err)
			}
		})
	}
	t.Run("a second command in one session", func(t *testing.T) {
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Start("cat"); err != nil {
			t.Fatal(err)
		}
		if ok, _ := s.SendRequest("exec", true, ssh.Marshal(struct{ C string }{"true"})); ok {
			t.Error("got a second command")
		}
	})
	t.Run("a tunnel", func(t *testing.T) {
		if c, err := client.Dial("tcp", w.target.Addr()); err == nil {
			_ = c.Close()
			t.Error("got a tunnel")
		}
	})
	t.Run("an eleventh session", func(t *testing.T) {
		c := w.client(t)
		for i := range 11 {
			_, _, err := c.OpenChannel("session", nil)
			if got, want := err == nil, i < 10; got != want {
				t.Errorf("session %d: got %v, want open: %v", i+1, err, want)
			}
		}
	})
}

func TestASecondStartKeepsWhatIsAtHome(t *testing.T) {
	w := start(t)
	if got := w.openssh(t).Run("", w.to("echo mine > notes.txt")...); got.Code != 0 {
		t.Fatal(got)
	}
	again := startAt(t, w.home)
	if got := again.openssh(t).Run("", again.to("cat notes.txt")...); got.Stdout != "mine\n" {
		t.Errorf("got %+v, want mine", got)
	}
	if _, err := os.Stat(filepath.Join(w.home, "support_nord", "log", "api.log")); err != nil {
		t.Errorf("the other login has no samples: %v", err)
	}
}
