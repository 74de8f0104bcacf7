package ledger

import "context"

// A Reader reads ordered keys. What it hands out is valid only inside the
// function that was given the Reader, and must not be changed.
type Reader interface {
	// Get returns nil, nil when there is no such key.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for every key that begins with prefix, in byte order, until
	// fn wants no more.
	Scan(prefix []byte, fn func(k, v []byte) (more bool, err error)) error
}

// A Writer also changes keys, and reads its own changes. It must not be used
// to write while one of its Scans runs.
type Writer interface {
	Reader
	Put(key, value []byte) error
	Delete(key []byte) error
}

// An Engine stores keys for the ledger.
//
// Update calls fn once. Writers are one at a time: fn sees everything that was
// written before it, and nobody writes between. When Update returns nil, what
// fn wrote is durable; when fn returns an error or panics, nothing of it is
// written; any other error means that the outcome is unknown and nothing may
// be acknowledged.
//
// An engine may put several fns into one commit, each in an overlay of its own
// above the ones before it: a fn that fails then takes only its own writes with
// it, and when the commit fails every Update in it fails. So fn may see writes
// that are not durable yet, and must let nothing of what it saw or did out
// before its Update has returned nil.
//
// A View sees one snapshot that holds at least every Update that returned
// before View was called, and nothing that is not durable.
type Engine interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Writer) error) error
	Close() error
}
