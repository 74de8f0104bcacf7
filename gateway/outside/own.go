package outside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Why nothing is dialled there.
var (
	ErrAddress = errors.New("no target has such an address")
	ErrOurs    = errors.New("the gateway itself listens there")
)

// Only is for net.Dialer.ControlContext: it refuses what no target has for an
// address, whatever its name led to: the link's own (where clouds keep their
// secrets), everybody's, nobody's, and those of our own listeners.
func Only(own []net.Addr) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAddress, err)
		}
		ip := at.Addr().Unmap().WithZone("")
		switch {
		case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}), ip == cloudV6():
			return fmt.Errorf("%w: %s", ErrAddress, ip)
		case Ours(own, at):
			return fmt.Errorf("%w: %s", ErrOurs, at)
		}
		return nil
	}
}

// cloudV6 is where a cloud keeps its secrets for machines with IPv6.
func cloudV6() netip.Addr { return netip.MustParseAddr("fd00:ec2::254") }

// Ours says whether an address leads to one of these listeners: the port is the
// same, and so is the address; who listens on all addresses listens on each of
// this machine.
func Ours(own []net.Addr, to netip.AddrPort) bool {
	ip := to.Addr().Unmap().WithZone("")
	for _, l := range own {
		t, ok := l.(*net.TCPAddr)
		if !ok || t.Port != int(to.Port()) {
			continue
		}
		at := t.AddrPort().Addr().Unmap().WithZone("")
		if at == ip || (!at.IsValid() || at.IsUnspecified()) && here(ip) {
			return true
		}
	}
	return false
}

// here says whether an address is one of this machine; where nobody can tell, it is.
func here(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if mine, ok := netip.AddrFromSlice(n.IP); ok && mine.Unmap() == ip {
			return true
		}
	}
	return false
}
