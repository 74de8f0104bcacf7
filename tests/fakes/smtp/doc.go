// Package smtp is a mail server for tests: it takes mail over TLS, and can be told to misbehave.
package smtp
