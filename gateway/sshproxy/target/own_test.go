package target

import (
	"net"
	"testing"

	"lockbox/policy"
)

func TestD14NoConnectionLeadsBackToUs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &Dialer{Own: []net.Addr{l.Addr()}}
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
