package target

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
)

// A gated socket passes nothing while the visit that it serves may pass
// nothing: what was read is not handed on, what is to be written waits. While
// it serves nobody it is open.
type gated struct {
	net.Conn
	gate atomic.Pointer[func(context.Context) error]
	in   atomic.Int64           // bytes
	out  atomic.Int64           // bytes
	head atomic.Pointer[[]byte] // the beginning of what was read
	ctx  context.Context        // ends when either side has closed the socket
	stop context.CancelFunc
}

// first is the beginning of what was read, at most 64 bytes.
func (g *gated) first() []byte {
	if head := g.head.Load(); head != nil {
		return *head
	}
	return nil
}

func newGated(c net.Conn) *gated {
	g := &gated{Conn: c}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

func (g *gated) may() error {
	if gate := g.gate.Load(); gate != nil {
		return (*gate)(g.ctx)
	}
	return nil
}

func (g *gated) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if err != nil {
		g.stop()
		return 0, err
	}
	if err := g.may(); err != nil {
		return 0, err
	}
	if first := g.first(); len(first) < 64 {
		g.begins(first, p[:min(n, 64-len(first))])
	}
	g.in.Add(int64(n))
	return n, nil
}

// begins keeps the beginning. It is apart from Read, which has a small frame for that.
func (g *gated) begins(first, p []byte) {
	first = slices.Concat(first, p)
	g.head.Store(&first)
}

func (g *gated) Write(p []byte) (int, error) {
	if err := g.may(); err != nil {
		return 0, err
	}
	n, err := g.Conn.Write(p)
	g.out.Add(int64(n))
	return n, err
}

// Close lets go whoever waits.
func (g *gated) Close() error {
	g.stop()
	return g.Conn.Close()
}
