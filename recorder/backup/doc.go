// Package backup takes sealed copies of a running ledger, keeps as many as it
// shall, and proves of each that it can be restored before it counts. It also
// tells a ledger that was put back from the newest one, by the checkpoints that
// others hold. It does not keep recordings.
package backup
