package boltengine

import (
	"bufio"
	"bytes"
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
	}
}

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
	e, err := open(path, func(name string, flag int, mode fs.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	})
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

func TestDamagedFilesAreRefusedAndEndNothing(t *testing.T) {
	e, path := open1(t)
	for i := range 60 {
		put(t, e, fmt.Sprintf("k/%03d", i), strings.Repeat("v", 500))
	}
	want, used := dump(t, e, ""), int64(0)
	if err := e.db.View(func(tx *bbolt.Tx) error { used = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, used); err != nil { // bbolt takes more room than it uses
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(b []byte) (*Engine, error) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return Open(path)
	}
	for n := 1; n < len(good); n += 1<<10 - 1 {
		if e, err := try(good[:n]); err == nil {
			_ = e.Close()
			t.Errorf("cut to %d of %d: taken", n, len(good))
		} else if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "restore the last good backup") {
			t.Errorf("cut to %d: got %v", n, err)
		}
	}
	for _, b := range [][]byte{[]byte("#!/bin/sh\n"), bytes.Repeat([]byte("SQLite format 3\x00"), 4096)} {
		if _, err := try(b); err == nil || !strings.Contains(err.Error(), "restore the last good backup") {
			t.Errorf("foreign file: got %v", err)
		}
	}
	refused := 0
	for i := 0; i < len(good); i += 241 { // the engine refuses or reads; the ledger above it knows every byte
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		e, err := try(b)
		if err != nil {
			refused++
			continue
		}
		dump(t, e, "")
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d of %d edited files were refused by the engine", refused, len(good)/241+1)
	if e, err = try(good); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, e, ""); got != want {
		t.Error("the file as it was: other content")
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileCutWhileOpenEndsAViewAndNotTheProcess(t *testing.T) {
	e, path := open1(t)
	for i := range 300 {
		put(t, e, fmt.Sprintf("k/%03d", i), strings.Repeat("v", 500))
	}
	if err := os.Truncate(path, 3*4096); err != nil {
		t.Fatal(err)
	}
	err := e.View(t.Context(), func(r ledger.Reader) error {
		return r.Scan(nil, func(k, v []byte) (bool, error) { _ = string(k) + string(v); return true, nil })
	})
	if err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("View: got %v", err)
	}
	err = e.Update(t.Context(), func(w ledger.Writer) error {
		for i := range 300 {
			if _, err := w.Get(fmt.Appendf(nil, "k/%03d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		t.Error("Update: got no error")
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "it is not a file") {
		t.Errorf("a directory: got %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none", "ledger.db")); err == nil {
		t.Error("no directory: got no error")
	}
	if _, err := Open(filepath.Join(dir, strings.Repeat("x", 300))); err == nil {
		t.Error("long name: got no error")
	}
	path := filepath.Join(dir, "other.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("etcd")); return err })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "a bbolt file of something else") {
		t.Errorf("another's bbolt file: got %v", err)
	}
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Open(empty)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := e.View(t.Context(), nil); err == nil {
		t.Error("View after Close: got no error")
	}
	if err := e.Update(t.Context(), nil); err == nil {
		t.Error("Update after Close: got no error")
	}
}
