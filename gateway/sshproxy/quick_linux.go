package sshproxy

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

func quickAck(c net.Conn) {
	t, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := t.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // slower without, not wrong
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
		})
	}
}
