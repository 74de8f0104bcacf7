// Package rulebook answers which policy is in force: it reads the files,
// refuses or offers or activates a change, keeps what was activated, and what
// machines held, in the ledger. It decides on nothing itself.
package rulebook
