// Package ledger keeps the state of Lockbox and the log of what happened, and
// changes both in one transaction. It answers for this: no state without an
// event, no event that can be taken back unseen. It knows nothing of requests,
// people or sessions; those are rows and events that others give it.
package ledger
