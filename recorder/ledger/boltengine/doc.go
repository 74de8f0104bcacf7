// Package boltengine stores a ledger in one bbolt file. It answers for
// durability and for one process at a time; it does not know what it stores.
package boltengine
