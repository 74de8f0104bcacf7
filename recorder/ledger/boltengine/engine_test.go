package boltengine

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lockbox/recorder/ledger"
)

// A test starts this program again as another process.
const (
	roleEnv = "BOLTENGINE_TEST_ROLE"
	pathEnv = "BOLTENGINE_TEST_PATH"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "open":
		_, err := Open(os.Getenv(pathEnv))
		fmt.Println(err)
	case "write":
		writeForEver(os.Getenv(pathEnv))
	case "fill":
		fill(os.Getenv(pathEnv))
	case "narrow":
		narrow(os.Getenv(pathEnv))
	}
}

// sound is the machine as it is.
func sound() machine { return machine{os.OpenFile, (*bbolt.Tx).Commit, room} }

func another(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), roleEnv+"="+role, pathEnv+"="+path)
	c.Stderr = os.Stderr
	return c
}

// writeForEver says which number is on the disk.
func writeForEver(path string) {
	e, err := Open(path)
	for n := uint64(1); err == nil; n++ {
		err = e.Update(context.Background(), func(w ledger.Writer) error {
			return w.Put([]byte("n"), binary.BigEndian.AppendUint64(nil, n))
		})
		if err == nil {
			fmt.Println(n)
		}
	}
	fmt.Println(err)
}

func open1(t testing.TB) (*Engine, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	e, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e, path
}

func put(t testing.TB, e *Engine, kvs ...string) {
	t.Helper()
	err := e.Update(t.Context(), func(w ledger.Writer) error {
		for i := 0; i < len(kvs); i += 2 {
			if err := w.Put([]byte(kvs[i]), []byte(kvs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dump is all keys with prefix, and what is under them.
func dump(t testing.TB, e *Engine, prefix string) string {
	t.Helper()
	var b strings.Builder
	err := e.View(t.Context(), func(r ledger.Reader) error {
		return r.Scan([]byte(prefix), func(k, v []byte) (bool, error) {
			fmt.Fprintf(&b, "%s=%s ", k, v)
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

var errOwn = errors.New("fn's own error")

func TestReadsAndWrites(t *testing.T) {
	e, path := open1(t)
	put(t, e, "b/2", "two", "a/1", "one", "b/1", "", "c", "three")
	err := e.Update(t.Context(), func(w ledger.Writer) error {
		v := []byte("new")
		if err := errors.Join(w.Put([]byte("b/3"), v), w.Delete([]byte("c")), w.Delete([]byte("none"))); err != nil {
			return err
		}
		v[0] = 'X' // it was copied
		got, err := w.Get([]byte("b/3"))
		if string(got) != "new" {
			t.Errorf("its own write: got %q", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := dump(t, e, ""), "a/1=one b/1= b/2=two b/3=new"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := dump(t, e, "b/"), "b/1= b/2=two b/3=new"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	err = e.View(t.Context(), func(r ledger.Reader) error {
		none, err := r.Get([]byte("none"))
		empty, err2 := r.Get([]byte("b/1"))
		if none != nil || empty == nil || err != nil || err2 != nil {
			t.Errorf("got %v and %v, want nil and empty", none, empty)
		}
		n := 0
		err = r.Scan([]byte("b/"), func(k, v []byte) (bool, error) { n++; return n < 2, nil })
		if n != 2 || err != nil {
			t.Errorf("Scan does not stop: %d, %v", n, err)
		}
		return r.Scan(nil, func(k, v []byte) (bool, error) { return true, errOwn })
	})
	if err != errOwn {
		t.Errorf("got %v, want fn's error", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if got, want := dump(t, again, "a"), "a/1=one"; got != want {
		t.Errorf("after a restart: got %s, want %s", got, want)
	}
}

func TestWhatFailsLeavesNothing(t *testing.T) {
	e, _ := open1(t)
	put(t, e, "k", "old")
	ctx, stop := context.WithCancel(t.Context())
	for _, c := range []struct {
		name string
		ctx  context.Context
		fn   func(ledger.Writer) error
	}{
		{"error", t.Context(), func(w ledger.Writer) error { return errors.Join(w.Put([]byte("k"), []byte("new")), errOwn) }},
		{"no key", t.Context(), func(w ledger.Writer) error { return errors.Join(w.Delete([]byte("k")), w.Put(nil, nil)) }},
		{"cancelled inside", ctx, func(w ledger.Writer) error { stop(); return w.Delete([]byte("k")) }},
	} {
		if err := e.Update(c.ctx, c.fn); err == nil {
			t.Errorf("%s: got no error", c.name)
		}
		if got := dump(t, e, ""); got != "k=old" {
			t.Errorf("%s: got %s, want k=old", c.name, got)
		}
	}
	func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("got panic %v, want boom", got)
			}
		}()
		_ = e.Update(t.Context(), func(w ledger.Writer) error { _ = w.Delete([]byte("k")); panic("boom") })
	}()
	put(t, e, "l", "after")
	if got := dump(t, e, ""); got != "k=old l=after" {
		t.Errorf("after a panic: got %s", got)
	}
}

func TestOneWriterAtATimeAndWaitingCanBeCancelled(t *testing.T) {
	e, _ := open1(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := e.Update(t.Context(), func(w ledger.Writer) error {
			close(inside)
			<-leave
			return w.Put([]byte("k"), []byte("first"))
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	err := e.Update(ctx, func(ledger.Writer) error { t.Error("two write"); return nil })
	if err != context.DeadlineExceeded {
		t.Errorf("got %v, want the deadline", err)
	}
	if got := dump(t, e, ""); got != "" {
		t.Errorf("a View sees what is not written: %s", got)
	}
	close(leave)
	wg.Wait()
	if err := e.View(ctx, func(ledger.Reader) error { t.Error("it ran"); return nil }); err != context.DeadlineExceeded {
		t.Errorf("View after the deadline: got %v", err)
	}
}

func TestFileIsItsUsersAlone(t *testing.T) {
	e, path := open1(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("got mode %s, want 0600", got)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %s: got %v", mode, err)
		}
	}
}

func TestSecondProcessIsTurnedAway(t *testing.T) {
	_, path := open1(t)
	want := "another Lockbox has " + path + " open"
	began := time.Now()
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("this process: got %v, want %q", err, want)
	}
	out, err := another(t, "open", path).Output()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("another process: got %s, %v, want %q", out, err, want)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestWhatWasSaidSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	last := uint64(0)
	for range 3 {
		c := another(t, "write", path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatalf("got %s", lines.Text())
			}
			if n == 50 {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.Wait(); err == nil {
			t.Error("it was not killed")
		}
		e, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got := binary.BigEndian.Uint64([]byte(strings.TrimPrefix(dump(t, e, "n"), "n=")))
		if got != last && got != last+1 {
			t.Errorf("got %d, want %d, or one more that was not said", got, last)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAfterAFailedWriteNothingIsDone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	var file *os.File
	m := sound()
	m.openFile = func(name string, flag int, mode fs.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	e, err := open(path, m)
	if err != nil {
		t.Fatal(err)
	}
	put(t, e, "k", "old")
	if err := file.Close(); err != nil { // the disk is gone
		t.Fatal(err)
	}
	ran := 0
	for i := range 3 {
		err := e.Update(t.Context(), func(w ledger.Writer) error { ran++; return w.Put([]byte("k"), []byte("new")) })
		if err == nil || !strings.Contains(err.Error(), "restart Lockbox") || !strings.Contains(err.Error(), path) {
			t.Errorf("Update %d: got %v", i, err)
		}
		if err := e.View(t.Context(), func(ledger.Reader) error { ran++; return nil }); err == nil {
			t.Errorf("View %d: got no error", i)
		}
	}
	if ran != 1 {
		t.Errorf("fn ran %d times, want 1", ran)
	}
	_ = e.Close() // of a file that is closed
}
