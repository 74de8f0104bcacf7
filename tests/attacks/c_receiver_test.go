package attacks

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/webhook"
	"lockbox/gateway/outside"
	"lockbox/recorder/ledger"
	"lockbox/tests/fakes/receiver"
	"lockbox/tests/world"
)

// posting is a world with an event, and a receiver to which a hook posts it.
type posting struct {
	*world.World
	n    notify.Notice
	s    *receiver.Server
	port string
}

func newPosting(t *testing.T, w *world.World) *posting {
	t.Helper()
	p := &posting{World: w, s: receiver.Start(t, "0123456789abcdef0123456789")}
	must(t, p.Ledger.Update(t.Context(), func(tx *ledger.Tx) (err error) {
		p.n.Seq, err = tx.Append(ledger.Event{Kind: "request.made", Actor: "eng@x.eu", Subjects: []string{"7KQM"}})
		return err
	}))
	p.n.Topic = notify.Deed
	_, port, _ := strings.Cut(strings.TrimPrefix(p.s.URL, "https://"), ":")
	p.port, _, _ = strings.Cut(port, "/")
	return p
}

func (p *posting) post(t *testing.T, host string, own []net.Addr, allow ...string) error {
	t.Helper()
	var nets []netip.Prefix
	for _, s := range allow {
		nets = append(nets, netip.MustParsePrefix(s))
	}
	h, err := webhook.New(webhook.Options{
		Name: "siem", URL: fmt.Sprintf("https://%s:%s/hook", host, p.port), Secrets: []webhook.Secret{"0123456789abcdef0123456789"},
		May: outside.Public(func() []net.Addr { return own }, nets), Roots: p.s.Roots, Source: "https://lock.example.eu", Ledger: p.Ledger, Now: time.Now,
	})
	must(t, err)
	defer h.Close()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	return h.Send(ctx, p.n)
}

// TestC19NoReceiverIsWithin: what resolves to this machine, the neighbourhood, or
// the cloud's metadata is not dialled, however it is written.
func TestC19NoReceiverIsWithin(t *testing.T) {
	p := newPosting(t, newWorld(t))
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "127.1.2.3", "169.254.169.254", "[::ffff:a9fe:a9fe]", "10.0.0.1", "127.1", "0x7f.1",
		"2130706433", "0177.0.0.1", "172.16.0.1", "192.168.0.1", "[fd00::1]", "[fe80::1]", "[fe80::1%25lo]", "100.64.0.1", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]",
		"[2002:7f00:1::]", "[::127.0.0.1]", "224.0.0.1", "255.255.255.255", "[fd00:ec2::254]",
	} {
		err := p.post(t, host, nil)
		if err == nil || !strings.Contains(err.Error(), "not on the public internet") && !strings.Contains(err.Error(), "no target has such an address") && !strings.Contains(err.Error(), "lookup") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if p.s.Tries() != 0 {
		t.Errorf("%d requests came", p.s.Tries())
	}
	must(t, p.post(t, "127.0.0.1", nil, "127.0.0.0/8")) // where an operator allows it
}

// TestD15AReceiversNameIsLookedAtWhenItIsDialled: not the first answer alone, not
// the alias, not what it was before, and never our own listeners.
func TestD15AReceiversNameIsLookedAtWhenItIsDialled(t *testing.T) {
	p := newPosting(t, world.New(t, "127.0.0.1:1", "SHA256:none")) // alone: names are what it says for the whole process
	ours := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:" + p.port))
	newNames(t, map[string][][]string{
		"flips.test.": {{"127.0.0.1"}, {"10.9.9.9"}}, "two.test.": {{"169.254.169.254", "10.9.9.9"}}, "cloud.test.": {{"169.254.169.254"}}, "here.test.": {{"127.0.0.1"}},
	}, map[string]string{"alias.test.": "cloud.test."})
	within := func(err error) bool { // it was refused before anything was sent
		return err != nil && (strings.Contains(err.Error(), outside.ErrInside.Error()) || strings.Contains(err.Error(), outside.ErrAddress.Error()))
	}
	first := p.post(t, "flips.test", nil, "127.0.0.0/8")
	if first == nil || within(first) || !strings.Contains(first.Error(), "certificate") { // it went there, and found who has no such name
		t.Errorf("the first answer: %v", first)
	}
	for _, host := range []string{"flips.test", "two.test", "cloud.test", "alias.test"} {
		if err := p.post(t, host, nil, "127.0.0.0/8"); !within(err) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := p.post(t, "here.test", []net.Addr{ours}, "127.0.0.0/8"); err == nil || !strings.Contains(err.Error(), outside.ErrOurs.Error()) {
		t.Errorf("our own listener: %v", err)
	}
	if p.s.Tries() != 0 {
		t.Errorf("%d requests came", p.s.Tries())
	}
}
