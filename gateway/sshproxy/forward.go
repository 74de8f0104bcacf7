package sshproxy

import (
	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/policy"
)

// forward opens a connection from the target to an address that the rule lists.
// It answers offered, and returns when nothing is left of the channel.
func (c *client) forward(offered ssh.NewChannel, to destination) {
	c.note("channel "+offered.ChannelType(), "", "forwarding is not open here")
	_ = offered.Reject(ssh.Prohibited, "lockbox: forwarding is not open here") // fails only when the connection is gone
}

// wantsAgent says whether the person's agent may be reached from the target.
func (s *session) wantsAgent(*ssh.Request) bool {
	s.c.note("request auth-agent-req@openssh.com", "", "this door does not do it")
	return false
}

// wantsX11 says whether the person's display may be reached from the target.
func (s *session) wantsX11(*ssh.Request) bool {
	s.c.note("request x11-req", "", "this door does not do it")
	return false
}

// extensions are what a target has to allow beyond a terminal, for what was approved.
func extensions([]policy.Action) []string { return nil }

// offered answers a channel that the target of a visit opens towards the person.
func (c *client) offered(_ *gateway.Visit, offered ssh.NewChannel) {
	_ = offered.Reject(ssh.Prohibited, "lockbox: not from here") // fails only when the connection is gone
}
