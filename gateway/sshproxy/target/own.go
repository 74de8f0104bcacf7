package target

import (
	"net"
	"net/netip"
)

// Own says whether an address leads to one of these listeners of ours, which no
// target is: the port is the same, and so is the address; who listens on all
// addresses listens on each of this machine.
func Own(listeners ...net.Addr) func(netip.AddrPort) bool {
	return func(to netip.AddrPort) bool {
		ip := to.Addr().Unmap().WithZone("")
		for _, l := range listeners {
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
}

// here says whether an address is one of this machine; where nobody can tell, it is.
func here(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
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
