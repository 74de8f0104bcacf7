package sshproxy

import (
	"fmt"

	"lockbox/gateway"
	"lockbox/policy"
)

// subsystem refuses: sftp is not understood here yet, so that no bound of a
// rule on files could be kept.
func (s *session) subsystem(a aim, p program) *refusal {
	r := &refusal{code: policy.ByPolicy, exit: exitDenied, why: s.say().noSubsystem, next: s.say().noSubsystemNext, target: a.target}
	k := gateway.Knock{Who: s.c.id.who, Key: s.c.id.fingerprint, From: s.c.from, Do: policy.SFTPGet, On: a.target, Login: a.login, Customer: s.option("CUSTOMER")}
	if d, err := s.c.door.Gateway.Enter(s.ctx, k); err == nil && d.Bounds.SFTP != nil {
		r.why, r.next = fmt.Sprintf(s.say().boundSubsystem, d.Rule), ""
	}
	s.c.note("subsystem "+p.command, "", r.why)
	return r
}

// files is what reads a program's streams along that moves files: sftp, or scp
// of the old protocol. It stands in for the plain pumps of a relay.
type files struct{}

// input passes on what the client writes, as relay.input does.
func (f *files) input() {}

// output passes on what the program writes, as relay.pump does.
func (f *files) output() {}
