// Package hooks holds what README shows of how a receiver knows that Lockbox sent
// a webhook: the same lines are run here, against webhooks that are right and wrong.
package hooks
