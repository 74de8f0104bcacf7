package sshproxy

import (
	"golang.org/x/crypto/ssh"
)

// A destination is where a direct-tcpip channel shall lead (RFC 4254, 7.2).
type destination struct {
	Host     string
	Port     uint32
	FromHost string
	FromPort uint32
}

// direct answers a direct-tcpip channel: on the way to a target (ssh -J) it is
// the way in; on a target it is a forward.
func (c *client) direct(offered ssh.NewChannel) {
	var to destination
	if err := ssh.Unmarshal(offered.ExtraData(), &to); err != nil || to.Port > 65535 {
		c.note("channel "+offered.ChannelType(), "", "not a destination")
		_ = offered.Reject(ssh.ConnectionFailed, "lockbox: not a destination") // fails only when the connection is gone
		return
	}
	if parseAim(c.conn.User()).target == "" {
		c.jump(offered, to)
		return
	}
	c.forward(offered, to)
}

// jump answers the SSH handshake for a target within the channel.
func (c *client) jump(offered ssh.NewChannel, _ destination) {
	c.note("channel "+offered.ChannelType(), "", "-J is not open here")
	_ = offered.Reject(ssh.Prohibited, "lockbox: -J is not open here: use ssh TARGET@GATEWAY") // fails only when the connection is gone
}
