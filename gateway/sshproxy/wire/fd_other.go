//go:build !linux

package wire

import (
	"errors"
	"syscall"
)

func readOnce(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

func writeOnce(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

func again(err error) bool { return errors.Is(err, syscall.EAGAIN) }

func quickAck(uintptr) {} // only Linux has it

func brief(uintptr) {} // the same

func holds(uintptr) bool { return true } // as far as we know
