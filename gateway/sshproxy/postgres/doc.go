// Package postgres reads along while a client speaks PostgreSQL (protocol 3)
// with a server: every statement is recorded before the server gets it, and what
// became of it before the client hears. It answers for the record and for TLS
// towards the server; who may connect, and cutting the connection, is not its
// business. Rows and copied data pass without being looked at. Passwords and
// what else is said to authenticate is never recorded.
//
// The client is answered that there is no TLS and no GSSAPI encryption: it
// speaks through SSH already, and we have no certificate of the server's name
// that it would accept. With TLS on one side only there is no channel to bind
// a password to, so SCRAM-SHA-256-PLUS is taken out of what the server offers:
// a client without TLS takes such an offer for an attack. A client that insists
// on TLS or on channel binding is told by its own library that it cannot.
package postgres
