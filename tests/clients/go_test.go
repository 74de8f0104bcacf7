package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"
)

// This test binary is a client, too: LOCKBOX_CLIENT=go.
func TestMain(m *testing.M) {
	if os.Getenv("LOCKBOX_CLIENT") != "go" {
		if err := inMemory(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if err := goClient(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// inMemory has the recordings of all those sessions in memory, where there is
// room: what a slow disk makes the recorder say is no client's doing.
func inMemory() error {
	const shm, room = "/dev/shm", 4 << 30
	var s unix.Statfs_t
	if unix.Statfs(shm, &s) != nil || s.Bavail*uint64(s.Bsize) < room {
		return nil
	}
	return os.Setenv("TMPDIR", shm)
}

// goClient does on one connection what a program in Go does with a target.
func goClient() error {
	c, err := goDial()
	if err != nil {
		return err
	}
	defer c.Close()
	for _, step := range []func(*ssh.Client) error{statuses, signals, streams, windows, forwards} {
		if err := step(c); err != nil {
			return err
		}
	}
	return nil
}

// goDial goes the way that the environment says.
func goDial() (*ssh.Client, error) {
	text, err := os.ReadFile(os.Getenv("KEY"))
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	known, err := knownhosts.New(os.Getenv("KNOWN"))
	if err != nil {
		return nil, err
	}
	config := &ssh.ClientConfig{
		User: os.Getenv("LOGIN"), Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: known, Timeout: 30 * time.Second,
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519, ssh.CertAlgoED25519v01},
	}
	to := net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT"))
	if os.Getenv("PROXY") == "" {
		return ssh.Dial("tcp", to, config)
	}
	outer := *config
	outer.User = "eng"
	first, err := ssh.Dial("tcp", os.Getenv("GATEWAY"), &outer)
	if err != nil {
		return nil, fmt.Errorf("the gateway: %w", err)
	}
	through, err := first.Dial("tcp", to)
	if err != nil {
		return nil, fmt.Errorf("through the gateway: %w", err)
	}
	conn, channels, requests, err := ssh.NewClientConn(through, to, config)
	if err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// ended is what a session's end was.
func ended(err error) string {
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprintf("status %d signal %q %q", exit.ExitStatus(), exit.Signal(), exit.Msg())
	}
	return fmt.Sprint(err)
}

// run runs one command, and gives both streams and the end.
func run(c *ssh.Client, command string) (stdout, stderr, end string) {
	s, err := c.NewSession()
	if err != nil {
		return "", "", err.Error()
	}
	defer s.Close()
	var out, errs bytes.Buffer
	s.Stdout, s.Stderr = &out, &errs
	err = s.Run(command)
	return out.String(), errs.String(), ended(err)
}

func statuses(c *ssh.Client) error {
	for i := range 256 {
		out, errs, end := run(c, fmt.Sprintf("echo out %d; echo err >&2; exit %d", i, i))
		fmt.Println(strings.TrimSpace(out), strings.TrimSpace(errs), end)
	}
	return nil
}

func signals(c *ssh.Client) error {
	for _, name := range []ssh.Signal{ssh.SIGTERM, ssh.SIGKILL, ssh.SIGSEGV, ssh.SIGHUP} {
		fmt.Println(run(c, "kill -"+string(name)+" $$"))
	}
	return nil
}

// streams sends 8 MiB there and back.
func streams(c *ssh.Client) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	data := bytes.Repeat([]byte("0123456789abcde\n"), 512<<10)
	s.Stdin = bytes.NewReader(data)
	got, err := s.Output("cat")
	fmt.Println(bytes.Equal(got, data), ended(err))
	return nil
}

func windows(c *ssh.Client) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.RequestPty("vt220", 30, 90, ssh.TerminalModes{ssh.ECHO: 0, ssh.VINTR: 7}); err != nil {
		return err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.Start(`echo BEGIN; echo $TERM; stty size; stty -a | grep -o 'intr = ..'; stty -a | grep -o -- '-echo ' | head -1; echo SO FAR; for i in 1 2 3 4 5 6 7 8 9; do [ "$(stty size)" = "40 100" ] && break; sleep 0.2; done; stty size`); err != nil {
		return err
	}
	var text strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(text.String(), "SO FAR\r\n") {
		if _, err := io.ReadFull(out, one); err != nil {
			return fmt.Errorf("%q: %w", text.String(), err)
		}
		text.Write(one)
	}
	if err := s.WindowChange(40, 100); err != nil {
		return err
	}
	rest, err := io.ReadAll(out)
	text.Write(rest)
	_, after, _ := strings.Cut(text.String(), "BEGIN\r\n") // before it the gateway may greet
	fmt.Println(after, err, ended(s.Wait()))
	return nil
}

func forwards(c *ssh.Client) error {
	conn, err := c.Dial("tcp", os.Getenv("WEB"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /go HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	got, err := io.ReadAll(conn)
	_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
	fmt.Println(len(body), err)
	return nil
}
