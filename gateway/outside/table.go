package outside

import (
	"net/netip"
	"slices"
)

// nobody says whether nothing that we connect to is at an address: it is the link's
// own, everybody's, nobody's, or where a cloud keeps its secrets.
func nobody(ip netip.Addr) bool {
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || within(ip, "0.0.0.0/8", "255.255.255.255/32") || within(ip, clouds()...)
}

// clouds are where machines in a cloud are told their secrets, besides 169.254.0.0/16.
func clouds() []string {
	return []string{"fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"}
}

// internet says whether an address is one of the internet at large.
func internet(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !ip.IsLoopback() && !within(ip, reserved()...)
}

// reserved are the networks of RFC 6890 and its successors that are not the
// internet, or lead into one that is not by translation.
func reserved() []string {
	return []string{
		"100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	}
}

// inner is the IPv4 address that an IPv6 one is translated to on its way (RFC 6052,
// 3056, 4291, 7915); else the zero Addr, which is nowhere.
func inner(ip netip.Addr) netip.Addr {
	b, at := ip.As16(), 0
	switch {
	case ip == netip.IPv6Loopback():
		return netip.Addr{}
	case within(ip, "64:ff9b::/96", "64:ff9b:1::/96", "::/96", "::ffff:0:0:0/96"):
		at = 12
	case within(ip, "2002::/16"):
		at = 2
	default:
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(b[at : at+4]))
}

func within(ip netip.Addr, networks ...string) bool {
	return slices.ContainsFunc(networks, func(s string) bool { return netip.MustParsePrefix(s).Contains(ip) })
}
