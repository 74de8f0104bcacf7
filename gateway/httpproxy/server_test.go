package httpproxy

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// A fakeConn is from an address.
type fakeConn struct {
	net.Conn
	from   string
	closed bool
}

func (f *fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.from))
}

func (f *fakeConn) Close() error {
	f.closed = true
	return nil
}

// TestTheOldestThatSaysNothingGivesWay: of its own source first, then of all; who is being served never does.
func TestTheOldestThatSaysNothingGivesWay(t *testing.T) {
	q := &queue{sources: map[netip.Prefix]*list.List{}, all: list.New(), at: map[net.Conn]*place{}}
	open := func(from string) *fakeConn {
		c := &fakeConn{from: from}
		q.state(c, http.StateNew)
		return c
	}
	mine := open("192.0.2.1:1")
	served := open("203.0.113.1:1")
	q.state(served, http.StateActive)
	var slow []*fakeConn
	for range idlePerSource + 10 {
		slow = append(slow, open("203.0.113.1:1"))
	}
	for i, c := range slow {
		if c.closed != (i < 10) {
			t.Fatalf("the slow one %d: closed %v", i, c.closed)
		}
	}
	if mine.closed || served.closed {
		t.Error("who has nothing to do with it was closed")
	}
	for i := range idleMost {
		open(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1).String())
	}
	if !mine.closed || served.closed || q.all.Len() != idleMost {
		t.Errorf("the oldest: %v, who is served: %v, %d wait", mine.closed, served.closed, q.all.Len())
	}
	for c := range q.at {
		q.state(c, http.StateClosed)
	}
	if q.all.Len() != 0 || len(q.sources) != 0 || len(q.at) != 0 {
		t.Errorf("%d are left, of %d sources, %d in all", q.all.Len(), len(q.sources), len(q.at))
	}
}
