package world

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// InMemory is a folder that no disk holds up, where the machine has one with a GiB to spare: while packages are built a
// disk may take seconds, in which recordings give up as they should. Where TMPDIR says a place, it is there.
func InMemory(t testing.TB) string {
	t.Helper()
	if os.Getenv("TMPDIR") != "" {
		return t.TempDir()
	}
	var of unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &of); err != nil || of.Bavail*uint64(of.Bsize) < 1<<30 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "lockbox")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
