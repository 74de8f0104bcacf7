package sshproxy

import (
	"net"
	"sync/atomic"
)

// A quickConn acknowledges at once what it reads, until it is done: small
// packets of a handshake otherwise wait for each other (Nagle's algorithm
// against delayed acknowledgement, 40 ms a time).
type quickConn struct {
	net.Conn
	done atomic.Bool
}

// Read reads, and asks for the next acknowledgement to be quick: Linux forgets.
func (c *quickConn) Read(p []byte) (int, error) {
	if !c.done.Load() {
		quickAck(c.Conn)
	}
	return c.Conn.Read(p)
}
