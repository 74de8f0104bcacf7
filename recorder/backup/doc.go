// Package backup takes sealed copies of a running ledger, keeps as many as it
// shall, and proves of each that it can be restored.
package backup
