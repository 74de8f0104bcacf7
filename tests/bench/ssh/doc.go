// Command ssh measures the SSH door beside an sshd reached directly and beside
// a naive relay: set-up, bulk, keystrokes, sessions, memory. The gateway is the
// real one, in a process of its own, under a real grant, recording and sealing.
package main
