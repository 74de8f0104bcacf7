package backup

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// quietly runs fn on a thread of its own that everything else goes before, for
// processor and disk. It waits for it.
func quietly(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		// Politeness: what cannot be had is done without.
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
		const ioprioWhoProcess, lowest = 1, 2<<13 | 7 // best effort, last in the queue (linux/ioprio.h)
		_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, uintptr(unix.Gettid()), lowest)
		fn()
	}()
	<-done
}

// forget drops the file's pages from memory: it is then read back from the disk.
func forget(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) } // a hint
