package attacks

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/tests/door"
)

// names is a server of names that says what it is told to: of each name the next
// answer at each question, the last for good.
type names struct {
	asked map[string]*atomic.Int64
	says  map[string][][]string
	alias map[string]string
}

// newNames has this process ask a stub for every name, until the test is over.
func newNames(t *testing.T, says map[string][][]string, alias map[string]string) *names {
	t.Helper()
	n := &names{asked: map[string]*atomic.Int64{}, says: says, alias: alias}
	for name := range says {
		n.asked[name] = new(atomic.Int64)
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for {
			size, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if out := n.answer(b[:size]); out != nil {
				_, _ = c.WriteTo(out, from) // who asked asks again
			}
		}
	}()
	was := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = was
		_ = c.Close()
		<-done
	})
	return n
}

func (n *names) answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	name := q.Name.String()
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET} // its time to live is 0
	if to := n.alias[name]; to != "" {
		head.Type = dnsmessage.TypeCNAME
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to)}})
		name, head.Name = to, dnsmessage.MustNewName(to)
	}
	all := n.says[name]
	if len(all) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	} else if q.Type == dnsmessage.TypeA {
		now := all[min(int(n.asked[name].Add(1))-1, len(all)-1)]
		for _, ip := range now {
			head.Type = dnsmessage.TypeA
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()}})
		}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// D15: wherever the name of a target leads, each address is looked at when it is
// dialled: not the first of them alone, not the alias, and not what it was before.
func TestD15WhatANameLeadsToIsLookedAtWhenItIsDialled(t *testing.T) {
	own, reached := decoy(t) // as if it were a door of ours
	at := netip.MustParseAddrPort(own)
	l, err := net.Listen("tcp", fmt.Sprint("127.0.0.2:", at.Port())) // the application: the same port at another address
	must(t, err)
	app := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // the next one dials again
	})}}
	app.Start()
	t.Cleanup(app.Close)
	newNames(t, map[string][][]string{
		"app.test.": {{"127.0.0.2"}}, "ours.test.": {{"127.0.0.1"}}, "cloud.test.": {{"169.254.169.254"}}, "none.test.": {{"0.0.0.0"}},
		"two.test.": {{"127.0.0.1", "127.0.0.2"}}, "twice.test.": {{"169.254.169.254", "127.0.0.1"}},
		"flips.test.": {{"127.0.0.2"}, {"127.0.0.1"}}, "metadata.test.": {{"169.254.169.254"}},
	}, map[string]string{"alias.test.": "metadata.test."})
	for _, c := range []struct {
		name string
		want []int // of the requests one after another
	}{
		{"app.test", []int{200, 200}},
		{"ours.test", []int{502}},
		{"cloud.test", []int{502}},
		{"none.test", []int{502}},
		{"two.test", []int{200, 200}},
		{"twice.test", []int{502}},
		{"flips.test", []int{200, 502, 502}},
		{"alias.test", []int{502}},
		{"nowhere.test", []int{502}},
	} {
		w := door.NewWeb(t, fmt.Sprint(c.name, ":", at.Port()), func(_ *policy.Policy, d *httpproxy.Door) { d.Own = append(d.Own, net.TCPAddrFromAddrPort(at)) })
		b := w.In(t, w.Eng, true, policy.HTTPGet, "/")
		for i, want := range c.want {
			res, err := b.Get(w.URL("/"))
			must(t, err)
			_ = res.Body.Close() // its status is what counts
			if res.StatusCode != want {
				t.Errorf("%s, request %d: got %d, want %d", c.name, i+1, res.StatusCode, want)
			}
		}
		if n := reached.Load(); n != 0 {
			t.Fatalf("%s: our own door was connected to", c.name)
		}
	}
}
