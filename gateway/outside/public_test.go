package outside

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func noListeners() []net.Addr { return nil }

// TestC19NothingWithinIsPublic, however it is written or translated; what is
// allowed by name is, but never ourselves or a cloud's secrets.
func TestC19NothingWithinIsPublic(t *testing.T) {
	tcp := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.1.2.3:8443"))
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("64:ff9b::/96")}
	strict, open := Public(noListeners, nil), Public(func() []net.Addr { return []net.Addr{tcp} }, allow)
	for _, c := range []struct {
		to              string
		strict, allowed error
	}{
		{"1.1.1.1:443", nil, nil}, {"[2606:4700::1111]:443", nil, nil}, {"1.1.1.1:8443", nil, nil}, {"[::ffff:1.1.1.1]:443", nil, nil},
		{"1.1.1.1:80", ErrPort, ErrPort}, {"1.1.1.1:22", ErrPort, ErrPort}, {"1.1.1.1:25", ErrPort, ErrPort}, {"1.1.1.1:0", ErrPort, ErrPort},
		{"127.0.0.1:443", ErrInside, ErrInside}, {"127.1.2.3:443", ErrInside, ErrInside}, {"[::1]:443", ErrInside, ErrInside}, {"[::ffff:127.0.0.1]:443", ErrInside, ErrInside},
		{"10.1.0.1:443", ErrInside, nil}, {"10.1.0.1:25", ErrInside, nil}, {"10.2.0.1:443", ErrInside, ErrInside}, {"[::ffff:10.1.0.1]:443", ErrInside, nil},
		{"10.1.2.3:8443", ErrInside, ErrOurs}, {"[::ffff:10.1.2.3]:8443", ErrInside, ErrOurs},
		{"172.16.0.1:443", ErrInside, ErrInside}, {"192.168.0.1:443", ErrInside, ErrInside}, {"100.64.0.1:443", ErrInside, ErrInside}, {"198.18.0.1:443", ErrInside, ErrInside},
		{"[fd00::1]:443", ErrInside, nil}, {"[fc00::1]:443", ErrInside, ErrInside}, {"[fec0::1]:443", ErrInside, ErrInside}, {"[2001:db8::1]:443", ErrInside, ErrInside},
		{"[64:ff9b::a00:1]:443", ErrInside, nil}, {"[64:ff9b:1::a00:1]:443", ErrInside, ErrInside}, {"[2002:7f00:1::]:443", ErrInside, ErrInside}, {"[::ffff:0:10.0.0.1]:443", ErrInside, ErrInside},
		{"169.254.169.254:443", ErrAddress, ErrAddress}, {"[::ffff:a9fe:a9fe]:443", ErrAddress, ErrAddress}, {"[64:ff9b::a9fe:a9fe]:443", ErrAddress, ErrAddress},
		{"[2002:a9fe:a9fe::]:443", ErrAddress, ErrAddress}, {"[::a9fe:a9fe]:443", ErrAddress, ErrAddress}, {"[::ffff:0:a9fe:a9fe]:443", ErrAddress, ErrAddress},
		{"[fd00:ec2::254]:443", ErrAddress, ErrAddress}, {"100.100.100.200:443", ErrAddress, ErrAddress}, {"168.63.129.16:443", ErrAddress, ErrAddress},
		{"[fe80::1%eth0]:443", ErrAddress, ErrAddress}, {"0.0.0.0:443", ErrAddress, ErrAddress}, {"[::]:443", ErrAddress, ErrAddress}, {"0.1.2.3:443", ErrAddress, ErrAddress},
		{"224.0.0.1:443", ErrAddress, ErrAddress}, {"255.255.255.255:443", ErrAddress, ErrAddress}, {"240.0.0.1:443", ErrInside, ErrInside},
		{"example.eu:443", ErrAddress, ErrAddress}, {"/run/x.sock", ErrAddress, ErrAddress}, {"", ErrAddress, ErrAddress},
	} {
		if got := strict(t.Context(), "tcp", c.to, nil); !errors.Is(got, c.strict) {
			t.Errorf("%s: got %v, want %v", c.to, got, c.strict)
		}
		if got := open(t.Context(), "tcp", c.to, nil); !errors.Is(got, c.allowed) {
			t.Errorf("%s, with some allowed: got %v, want %v", c.to, got, c.allowed)
		}
	}
}

// FuzzGuards: what is public may be a target too, and an address is the same however it is written.
func FuzzGuards(f *testing.F) {
	for _, s := range []string{"1.1.1.1:443", "[::1]:1", "[::ffff:1.2.3.4]:65535", "[fe80::1%x]:2", "[64:ff9b::1.1.1.1]:443", "x", "1.1.1.1:99999"} {
		f.Add(s)
	}
	public, only := Public(noListeners, nil), Only(nil)
	f.Fuzz(func(t *testing.T, s string) {
		err := public(t.Context(), "tcp", s, nil)
		if err == nil && only(t.Context(), "tcp", s, nil) != nil {
			t.Fatalf("%q is public and no target", s)
		}
		at, perr := netip.ParseAddrPort(s)
		if perr != nil {
			if err == nil {
				t.Fatalf("%q is no address", s)
			}
			return
		}
		ip := at.Addr().Unmap()
		if err == nil && (ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || !ip.IsGlobalUnicast() || at.Port() < 443) {
			t.Fatalf("%q is public", s)
		}
		if ip.Is4() {
			mapped := netip.AddrPortFrom(netip.AddrFrom16(ip.As16()), at.Port()).String()
			if got := public(t.Context(), "tcp", mapped, nil); (got == nil) != (err == nil) {
				t.Fatalf("%q: %v, mapped: %v", s, err, got)
			}
		}
	})
}
