// Package sshproxy is the SSH door: people come in with a key that is known,
// ask, wait, touch and work on a target, recorded and no longer than they may.
// Who may do what is not decided here but by gateway.Enter and the desk; what they
// ask of the gateway itself, in a command, is answered by console.
//
// It speaks SSH with x/crypto/ssh on both sides and accepts connections itself.
// gliderlabs/ssh would be left with its HandleConn, and that takes away what
// we need: it changes the configuration after our callback (NoClientAuth), so
// that the final one can be neither seen nor asserted; it starts channel
// handlers without bound, recover or a way to wait for them; and it sets a
// deadline on the socket at every read and write of the data path.
package sshproxy
