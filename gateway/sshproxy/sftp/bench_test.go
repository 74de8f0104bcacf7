package sftp

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
)

// serverPath is OpenSSH's sftp-server.
func serverPath(t testing.TB) string {
	t.Helper()
	for _, p := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/lib/ssh/sftp-server", "/usr/libexec/openssh/sftp-server"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Fatal("no sftp-server: install openssh-sftp-server")
	return ""
}

// A bench is a guard before a real server in a folder of its own.
type bench struct {
	*Guard
	t   testing.TB
	in  io.WriteCloser // what the client writes
	out io.ReadCloser  // what it reads
	end chan error     // of Requests, then of Replies

	mu     sync.Mutex // guards the rest
	ops    []Op
	odd    []string
	broken error // what Record answers
}

// both permits all.
func both() Config { return Config{Get: &Bounds{}, Put: &Bounds{}} }

func newBench(t testing.TB, c Config, dir string) *bench {
	t.Helper()
	cmd := exec.Command(serverPath(t), "-e", "-d", dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := behind(t, c, stdout, stdin)
	t.Cleanup(func() {
		_ = b.in.Close()
		_ = b.out.Close()
		_ = stdin.Close()
		<-b.end
		_ = stdin.Close()
		<-b.end
		_ = cmd.Wait() // how it ends does not matter
	})
	return b
}

// behind is a guard before whatever reads and writes there.
func behind(t testing.TB, c Config, stdout io.Reader, stdin io.WriteCloser) *bench {
	b := &bench{t: t, end: make(chan error, 2)}
	c.Record = func(o Op) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ops = append(b.ops, o)
		return b.broken
	}
	c.Odd = func(what string, r Reason) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.odd = append(b.odd, fmt.Sprintf("%s %d", what, r))
	}
	c.Words, c.Now = func(r Reason) string { return fmt.Sprintf("reason %d", r) }, time.Now
	in, inside := io.Pipe()
	outside, out := io.Pipe()
	b.in, b.out = inside, outside
	b.Guard = New(c, out, stdin)
	go func() {
		err := b.Requests(in)
		_ = in.CloseWithError(io.ErrClosedPipe)
		_ = stdin.Close()
		b.end <- err
	}()
	go func() {
		err := b.Replies(stdout)
		_ = out.Close()
		b.end <- err
	}()
	return b
}

func (b *bench) client(o ...sftp.ClientOption) *sftp.Client {
	b.t.Helper()
	c, err := sftp.NewClientPipe(b.out, b.in, o...)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// seen are the operations so far, one line each.
func (b *bench) seen() (lines []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.ops {
		lines = append(lines, o.line())
	}
	return lines
}

func (o Op) line() string {
	parts := []string{o.Op, o.Path}
	if o.To != "" {
		parts = append(parts, "-> "+o.To)
	}
	if o.Size != nil {
		parts = append(parts, fmt.Sprintf("%d %.8s", *o.Size, o.SHA256))
	}
	if o.Partial {
		parts = append(parts, fmt.Sprint("partial ", o.Ranges, o.More))
	}
	return strings.Join(append(parts, o.Status), " ")
}

// last are the operations that are not only asked.
func (b *bench) last() []string {
	return slices.DeleteFunc(b.seen(), func(l string) bool { return strings.HasSuffix(l, " "+Asked) })
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
