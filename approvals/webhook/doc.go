// Package webhook hands events to programs, signed, over HTTPS. What is personal
// in an event stays here: a program gets what the log says in the clear.
package webhook
