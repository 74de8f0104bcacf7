package boltengine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lockbox/recorder/ledger"
)

// keep writes one key.
func keep(e *Engine, key string, size int) error {
	return e.Update(context.Background(), func(w ledger.Writer) error { return w.Put([]byte(key), make([]byte, size)) })
}

// untilFull writes until that is refused, and says how many were acknowledged.
func untilFull(e *Engine) (n int, err error) {
	for ; err == nil && n < 1000; n++ {
		err = keep(e, fmt.Sprintf("k/%04d", n), 200<<10)
	}
	return n - 1, err
}

// has wants n keys of untilFull's, and no others.
func has(e *Engine, n int) error {
	got := 0
	err := e.View(context.Background(), func(r ledger.Reader) error {
		return r.Scan([]byte("k/"), func(k, v []byte) (bool, error) {
			if want := fmt.Sprintf("k/%04d", got); string(k) != want || len(v) != 200<<10 {
				return false, fmt.Errorf("got %s of %d bytes, want %s", k, len(v), want)
			}
			got++
			return true, nil
		})
	})
	if err == nil && got != n {
		err = fmt.Errorf("got %d keys, want the %d that were acknowledged", got, n)
	}
	return err
}

// fullAndFreed says what happens when there is no room, then room again, then
// a restart.
func fullAndFreed(path, want string, free func() error) error {
	e, err := Open(path)
	if err != nil {
		return err
	}
	n, err := untilFull(e)
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nothing was written") {
		return fmt.Errorf("after %d: got %w, want %q", n, err, want)
	}
	if err := keep(e, "larger", 8<<20); err == nil {
		return errors.New("there is room for what is larger")
	}
	if err := errors.Join(has(e, n), free(), keep(e, fmt.Sprintf("k/%04d", n), 200<<10)); err != nil {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	if e, err = Open(path); err != nil {
		return err
	}
	return errors.Join(has(e, n+1), keep(e, "larger", 8<<20), e.Close())
}

// fill is a process that may write files of so many bytes, and then more.
func fill(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20 << 20, Max: was.Max})
	}
	if err == nil {
		err = fullAndFreed(path, "ulimit -f", func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) })
	}
	fmt.Println(err)
}

func TestWhereThereIsNoRoomNothingIsWrittenAndNothingLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if out, err := another(t, "fill", path).Output(); err != nil || string(out) != "<nil>\n" {
		t.Errorf("a limit on files: got %s, %v", out, err)
	}
	dir, ok := smallDisk(t)
	if !ok {
		return // the limit on files above is the same to the engine
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "ledger.db")
	if err := fullAndFreed(path, "make space on the disk", func() error { return os.Remove(ballast) }); err != nil {
		t.Errorf("a full disk: %v", err)
	}
	full := os.WriteFile(ballast, make([]byte, 32<<20), 0o600)
	e, err := Open(filepath.Join(dir, "new.db"))
	if !errors.Is(full, syscall.ENOSPC) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make space on the disk") {
		t.Errorf("a new file on a full disk: got %v and %v, %v", e, err, full)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ledger.db", "none.db"} {
		if _, err := Open(filepath.Join(dir, name)); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "mount it for writing") {
			t.Errorf("%s on a read-only file system: got %v", name, err)
		}
	}
}

// smallDisk is a disk of 24 MiB, where this process may mount one.
func smallDisk(t *testing.T) (string, bool) {
	dir := t.TempDir()
	err := syscall.Mount("none", dir, "tmpfs", 0, "size=24m")
	if errors.Is(err, fs.ErrPermission) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

func TestEveryErrorOfTheSystemsComesWithAdvice(t *testing.T) {
	for no, want := range map[syscall.Errno]string{
		syscall.ENOSPC: "make space", syscall.EDQUOT: "the quota", syscall.EFBIG: "ulimit -f", syscall.EROFS: "mount it for writing",
		syscall.EACCES: "as the user who owns it", syscall.EPERM: "as the user who owns it", syscall.ELOOP: "in a circle",
		syscall.ENOENT: "make its directory", syscall.ENOMEM: "ulimit -v", syscall.EIO: "the disk is failing", syscall.EINVAL: "restore the last good backup",
	} {
		if got := advice(&fs.PathError{Op: "open", Path: "x", Err: no}); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %q", no, got, want)
		}
		written := noRoom(&fs.PathError{Op: "write", Path: "x", Err: no})
		grown := noRoom(fmt.Errorf("file resize error: %s", &fs.PathError{Op: "truncate", Path: "x", Err: no}))
		synced := noRoom(no)
		room := no == syscall.ENOSPC || no == syscall.EDQUOT || no == syscall.EFBIG
		if (written != "") != room || (grown != "") != room || synced != "" {
			t.Errorf("%s: got %q, %q and %q", no, written, grown, synced)
		}
	}
}

func TestAFileDoesNotOutgrowWhatIsMapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	m := sound()
	m.room = 32 << 20
	e, err := open(path, m)
	if err != nil {
		t.Fatal(err)
	}
	err = e.View(t.Context(), func(ledger.Reader) error { // mapping anew would wait for it
		n, err := untilFull(e)
		if err == nil || !strings.Contains(err.Error(), "nothing was written: restart Lockbox") {
			t.Errorf("after %d: got %v", n, err)
		}
		return has(e, n)
	})
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	if e, err = open(path, m); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(keep(e, "larger", 8<<20), e.Close()); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// narrow is a process that gets few addresses.
func narrow(path string) {
	var pages int
	b, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(b), &pages)
	}
	var was syscall.Rlimit
	err = errors.Join(err, syscall.Getrlimit(syscall.RLIMIT_AS, &was))
	for _, more := range []uint64{1 << 30, 1 << 28} {
		few := syscall.Rlimit{Cur: uint64(pages*os.Getpagesize()) + more, Max: was.Max}
		err = errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_AS, &few))
		e, fault := Open(path)
		fmt.Println(fault)
		if fault == nil {
			err = errors.Join(err, keep(e, "k", 1<<20), e.Close(), os.Truncate(path, 1<<30)) // room to grow counts
		}
	}
	fmt.Println(err)
}

func TestWhereAddressesAreFewLessIsMapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	out, err := another(t, "narrow", path).Output()
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) != 4 || lines[0] != "<nil>" || lines[2] != "<nil>" {
		t.Fatalf("got %s, %v", out, err)
	}
	if !strings.Contains(lines[1], "the limit on addresses (ulimit -v) is too low") {
		t.Errorf("too few: got %s", lines[1])
	}
}
