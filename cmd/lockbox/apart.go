package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"lockbox/gateway/outside"
	"lockbox/policy"
)

// apart refuses targets whose address is one of the gateway's own listeners: no
// connection is made to them. A name is not looked up, but for ours and that of
// this machine; where it leads is seen when somebody goes there.
func (c Config) apart(targets map[string]*policy.Target) (err error) {
	var own []net.Addr
	for _, listen := range []string{c.SSH.Listen, c.HTTP.Listen, c.Apps.Listen, c.Ops.Listen} {
		if at, lerr := net.ResolveTCPAddr("tcp", listen); listen != "" && lerr == nil { // what it is else, the listener tells
			own = append(own, at)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		host, port, _ := net.SplitHostPort(targets[name].Address)
		for _, ip := range c.addresses(host, own) {
			if at, perr := netip.ParseAddrPort(net.JoinHostPort(ip, port)); perr == nil && outside.Ours(own, at) {
				err = errors.Join(err, fmt.Errorf("target %s: %s is where this gateway itself listens; write the address of the machine", name, targets[name].Address))
				break
			}
		}
	}
	return err
}

// addresses are those that a host is known to have without asking anybody.
func (c Config) addresses(host string, own []net.Addr) []string {
	switch host {
	case "localhost":
		return []string{"127.0.0.1", "::1"}
	case c.host():
		var all []string
		for _, a := range own {
			if ip := a.(*net.TCPAddr).IP; ip == nil || ip.IsUnspecified() {
				all = append(all, "127.0.0.1") // of a listener on all addresses
			} else {
				all = append(all, ip.String())
			}
		}
		return all
	}
	return []string{host}
}
