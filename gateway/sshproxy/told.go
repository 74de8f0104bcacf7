package sshproxy

import (
	"lockbox/gateway/sshproxy/speech"

	"golang.org/x/crypto/ssh"
)

// said is a request about a program as it is passed on, either way: what it is
// known to say, and nothing beside that, for a payload is in no record. Not ok:
// it says nothing that is known. Forms: RFC 4254, 6.8 to 6.10; RFC 4335;
// OpenSSH's PROTOCOL, 2.1.
func said(q *ssh.Request) (payload []byte, ok bool) {
	var number struct{ N uint32 }
	var name struct{ Name string }
	switch q.Type {
	case "exit-status", "break":
		return q.Payload, ssh.Unmarshal(q.Payload, &number) == nil
	case "signal":
		return q.Payload, ssh.Unmarshal(q.Payload, &name) == nil && signalName(name.Name)
	case "exit-signal":
		s, ok := signalOf(q.Payload)
		return ssh.Marshal(s), ok
	case "eow@openssh.com":
		return nil, true
	case "xon-xoff":
		return q.Payload, len(q.Payload) == 1 && q.Payload[0] <= 1
	}
	return nil, false
}

// An ending is an exit-signal. Its text is recorded as it is passed on.
type ending struct {
	Name       string
	Core       bool
	Text, Lang string
}

func signalOf(payload []byte) (s ending, ok bool) {
	if ssh.Unmarshal(payload, &s) != nil || !signalName(s.Name) {
		return ending{}, false
	}
	s.Text, s.Lang = speech.Clean(s.Text), ""
	return s, true
}

// signalName says whether it is one: "TERM", "SYS@example.org".
func signalName(s string) bool { return s != "" && len(s) <= 64 && plainWord(s) }
