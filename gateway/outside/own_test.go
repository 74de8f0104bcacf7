package outside

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestD14OurOwnListenersAreNoTargets(t *testing.T) {
	tcp := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	only := Only([]net.Addr{tcp("127.0.0.1:2222"), tcp("[::]:8080"), &net.TCPAddr{Port: 9090}, tcp("192.0.2.7:22"), &net.UnixAddr{Name: "/x"}})
	rows := map[string]error{
		"127.0.0.1:2222": ErrOurs, "[::ffff:127.0.0.1]:2222": ErrOurs, "127.0.0.2:2222": nil, "127.0.0.1:2223": nil,
		"127.0.0.9:8080": ErrOurs, "[::1]:8080": ErrOurs, "[::ffff:127.0.0.1]:8080": ErrOurs, "198.51.100.1:8080": nil,
		"127.0.0.1:9090": ErrOurs, "192.0.2.7:22": ErrOurs, "192.0.2.8:22": nil,
	}
	for _, a := range all { // each address of this machine
		if ip, ok := netip.AddrFromSlice(a.(*net.IPNet).IP); ok && !ip.IsLinkLocalUnicast() {
			rows[netip.AddrPortFrom(ip.Unmap(), 8080).String()] = ErrOurs
		}
	}
	for _, none := range []string{
		"0.0.0.0:8080", "0.0.0.0:22", "[::]:22", "169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fe80::1%lo]:80", "[fd00:ec2::254]:80",
		"[64:ff9b::a9fe:a9fe]:80", "[2002:a9fe:a9fe::1]:80", "[::a9fe:a9fe]:80", "100.100.100.200:80", "224.0.0.1:80", "[ff02::1]:80", "255.255.255.255:80", "/run/x.sock", "db1:22",
	} {
		rows[none] = ErrAddress
	}
	for to, want := range rows {
		if got := only(t.Context(), "tcp", to, nil); !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", to, got, want)
		}
	}
}
