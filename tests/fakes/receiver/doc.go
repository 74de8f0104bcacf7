// Package receiver is a receiver of webhooks for tests: it checks signatures, and can be told to misbehave.
package receiver
