package wire

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readOnce and writeOnce never wait, for the socket does not block. So the
// runtime is not told that they are system calls: to hear that, it wakes a thread
// that takes processors away from those that wait, and that thread is awake for a
// while. While somebody types this is the larger part of what a key costs.

func readOnce(fd uintptr, p []byte) (int, error) { return once(unix.SYS_READ, fd, p) }

func writeOnce(fd uintptr, p []byte) (int, error) { return once(unix.SYS_WRITE, fd, p) }

func once(call, fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

func again(err error) bool { return err == unix.EAGAIN }

// quickAck asks for the next acknowledgements to be quick: Linux forgets.
func quickAck(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) // slower without, not wrong
}

// brief bounds what the system takes before it can send it.
func brief(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent) // it only takes more without
}

func holds(fd uintptr) bool {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	return err != nil || n > 0
}
