package sshproxy

import "strings"

// An aim is where a user name leads: "TARGET" or "LOGIN%TARGET". The zero aim
// is the command line.
type aim struct {
	login  string // "" is the target's first
	target string
}

// parseAim reads a user name. Whatever looks like a target is one: a name with
// a dot that no target has is an error later, never the command line.
func parseAim(user string) aim {
	login, target, two := strings.Cut(user, "%")
	switch {
	case two:
		return aim{login, target}
	case strings.Contains(user, "."):
		return aim{target: user}
	}
	return aim{}
}

// user is the aim as a user name.
func (a aim) user() string {
	if a.login == "" {
		return a.target
	}
	return a.login + "%" + a.target
}
