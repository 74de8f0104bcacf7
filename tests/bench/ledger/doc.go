// Command ledger measures the ledger beside a plain bbolt that does the same
// writes, round by round, and prints medians, their spread and their ratios. It
// also opens a ledger of a million events, and proves one leaf of ten million.
package main
