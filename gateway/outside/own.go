package outside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// Why nothing is dialled there.
var (
	ErrAddress = errors.New("no target has such an address")
	ErrOurs    = errors.New("the gateway itself listens there")
	ErrInside  = errors.New("it is not on the public internet")
	ErrPort    = errors.New("no receiver has such a port")
)

// A Guard is a net.Dialer.ControlContext: it is asked about each address when it
// is dialled, whatever name led there.
type Guard = func(context.Context, string, string, syscall.RawConn) error

// Only refuses what no target has for an address, and our own listeners.
func Only(own []net.Addr) Guard {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := parse(address)
		switch {
		case err != nil:
			return err
		case Ours(own, at):
			return fmt.Errorf("%w: %s", ErrOurs, at)
		}
		return nil
	}
}

// Public refuses, besides, what is not on the public internet or within allow, and
// there the ports below 1024 but 443.
func Public(own func() []net.Addr, allow []netip.Prefix) Guard {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := parse(address)
		switch {
		case err != nil:
			return err
		case Ours(own(), at):
			return fmt.Errorf("%w: %s", ErrOurs, at)
		case slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Contains(at.Addr()) }):
			return nil
		case !internet(at.Addr()):
			return fmt.Errorf("%w: %s; add its network to allow if it is to be reached there", ErrInside, at.Addr())
		case at.Port() != 443 && at.Port() < 1024:
			return fmt.Errorf("%w: %d; use 443, or one from 1024 on", ErrPort, at.Port())
		}
		return nil
	}
}

// parse reads an address as it is dialled, and refuses those that nothing of ours is at.
func parse(address string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return at, fmt.Errorf("%w: it is no address and port", ErrAddress)
	}
	ip := at.Addr().Unmap().WithZone("")
	if nobody(ip) || nobody(inner(ip)) {
		return at, fmt.Errorf("%w: %s", ErrAddress, ip)
	}
	return netip.AddrPortFrom(ip, at.Port()), nil
}

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
