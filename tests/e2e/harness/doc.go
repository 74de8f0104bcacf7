// Package harness runs real things for end-to-end tests and ends them by process id: OpenSSH's sshd and ssh, any program on a
// terminal, and Chromium with one virtual passkey authenticator per person. It asserts nothing about Lockbox.
package harness
