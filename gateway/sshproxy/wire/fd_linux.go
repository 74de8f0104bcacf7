package wire

import (
	"errors"

	"golang.org/x/sys/unix"
)

func readOnce(fd uintptr, p []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), p)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func again(err error) bool { return errors.Is(err, unix.EAGAIN) }

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
