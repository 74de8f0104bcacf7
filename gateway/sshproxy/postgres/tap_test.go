package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"lockbox/tests/e2e/harness"
)

// A tap is a relay in front of a real server, and what it recorded.
type tap struct {
	addr string
	mu   sync.Mutex // guards the rest
	all  []object
	errs []error
	fail bool // nothing can be recorded
}

func (w *tap) record(v any) error {
	b, err := json.Marshal(v)
	if err != nil || len(b) > 64<<10 {
		return fmt.Errorf("an entry of %d bytes: %v", len(b), err)
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail {
		return fmt.Errorf("the disk is full")
	}
	w.all = append(w.all, o)
	return nil
}

// seen gives the entries of the given ops since the last call of take.
func (w *tap) take(ops ...string) (out []object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.all {
		if len(ops) == 0 || slices.Contains(ops, o["op"].(string)) {
			out = append(out, o)
		}
	}
	w.all = nil
	return out
}

func (w *tap) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, _ := json.Marshal(w.all)
	return string(b)
}

func newTap(t testing.TB, server, tls string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		stop()
		all.Wait()
	})
	w := &tap{addr: l.Addr().String()}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", server)
			if err != nil {
				_ = c.Close()
				continue
			}
			all.Go(func() {
				err := Relay(ctx, c.(*net.TCPConn), s.(*net.TCPConn), Options{TLS: tls, Server: server, Record: w.record})
				w.mu.Lock()
				defer w.mu.Unlock()
				w.errs = append(w.errs, err)
			})
		}
	})
	return w
}

// psql runs the real client.
func psql(t testing.TB, p *harness.Postgres, addr string, args ...string) (string, error) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	c := exec.Command("psql", append([]string{"-X", "-At", "-h", host, "-p", port, "-U", p.User, "-d", "postgres"}, args...)...)
	c.Env = []string{"PGPASSWORD=" + p.Password, "PATH=" + os.Getenv("PATH"), "PGSSLMODE=prefer", "PGGSSENCMODE=prefer"}
	out, err := c.CombinedOutput()
	return string(out), err
}
