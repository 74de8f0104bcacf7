// Package statement makes the exact bytes that people sign with a passkey and
// verifies an assertion over them. It is pure and needs only the standard
// library, so that the vote, the data path and an offline verifier use the same
// code. It does not know who may sign what: that is policy.
package statement
