// Package sshconfig writes what OpenSSH's client needs to reach targets through a
// gateway: blocks of ssh_config and lines of known_hosts, of values that can say
// nothing else there.
package sshconfig
