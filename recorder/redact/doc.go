// Package redact takes secrets out of a stream as it comes: tokens, passwords,
// private keys, person and card numbers. It does not decide what is to be taken.
package redact
