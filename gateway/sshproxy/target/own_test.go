package target

import (
	"net"
	"net/netip"
	"testing"

	"lockbox/policy"
)

func TestD14OurOwnListenersAreNoTargets(t *testing.T) {
	tcp := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	own := Own(tcp("127.0.0.1:2222"), tcp("[::]:8080"), &net.TCPAddr{Port: 9090}, tcp("192.0.2.7:22"), &net.UnixAddr{Name: "/x"})
	rows := map[string]bool{
		"127.0.0.1:2222": true, "[::ffff:127.0.0.1]:2222": true, "127.0.0.2:2222": false, "127.0.0.1:2223": false,
		"127.0.0.9:8080": true, "[::1]:8080": true, "[::ffff:127.0.0.1]:8080": true, "0.0.0.0:8080": true, "198.51.100.1:8080": false,
		"127.0.0.1:9090": true, "192.0.2.7:22": true, "192.0.2.8:22": false,
	}
	for _, a := range all { // each address of this machine
		if ip, ok := netip.AddrFromSlice(a.(*net.IPNet).IP); ok {
			rows[netip.AddrPortFrom(ip.Unmap(), 8080).String()] = true
		}
	}
	for to, want := range rows {
		if got := own(netip.MustParseAddrPort(to)); got != want {
			t.Errorf("%s: got %v", to, got)
		}
	}
}

func TestD14NoConnectionLeadsBackToUs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &Dialer{Ours: Own(l.Addr())}
	defer d.Close()
	to := &policy.Target{Name: "db1.prod", Address: l.Addr().String(), HostKey: "SHA256:x"}
	if err := d.Look(t.Context(), to); KindOf(err) != Ourselves {
		t.Errorf("got %v", err)
	}
	to.Address = "localhost:" + l.Addr().String()[len("127.0.0.1:"):] // whatever the name says
	if err := d.Look(t.Context(), to); KindOf(err) != Ourselves && KindOf(err) != Refused {
		t.Errorf("by name: %v", err)
	}
}
