// Package recorder writes down what happens in a session, seals it, verifies
// it and plays it back. It does not decide who may be recorded or may look.
package recorder
