// Package witness cosigns checkpoints (C2SP tlog-witness) for a customer, an
// auditor or a board member, and asks such witnesses. A witness writes down what
// it is about to sign before it answers, and never signs what does not grow out
// of what it signed before.
package witness
