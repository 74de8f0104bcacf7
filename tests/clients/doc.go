// Package clients holds every client that we promise to let in against going
// to the target without us: the same real programs do the same work direct,
// with TARGET@GATEWAY and with ssh -J, and must come to the same, byte for
// byte. A scenario is a script in testdata whose first lines say what it is;
// the table in README is made of them.
package clients
