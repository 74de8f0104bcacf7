// Package world is a whole gateway with people in it, for tests: the real
// ledger, identity, desk, recorder and gateway in a temporary folder, and
// people who hold passkeys and SSH keys in software. It has no doors.
package world
