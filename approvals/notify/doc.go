// Package notify follows the ledger and tells people, once each, what waits for
// them and what became of it, over whatever channels reach them. It is late
// perhaps and loses nothing; nothing waits for it.
package notify
