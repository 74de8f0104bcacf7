// Package approvals is how a yes is obtained: a request is submitted, votes
// are cast on it, a grant comes of them, and somebody ends it or asks for more
// time. Each step of a person loads, asks policy.Decide, stores and appends in one
// transaction of the ledger; what time brings, Sweep writes down. It also proves, from what is in the ledger, that a grant rests on valid votes.
package approvals
