package ledger

import "context"

// A Reader reads ordered keys of 1 byte to 2 KiB. What it hands out is valid
// only inside the function that was given the Reader, and must not be changed.
type Reader interface {
	// Get returns nil, nil when there is no such key.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for every key that begins with prefix, in byte order, until
	// fn wants no more.
	Scan(prefix []byte, fn func(k, v []byte) (more bool, err error)) error
}

// A Writer also changes keys, and reads its own changes. It must not be used
// to write while one of its Scans runs. Several goroutines may use it, one
// after another. Put keeps nothing of the slices that it is given; a nil value
// is an empty one.
type Writer interface {
	Reader
	Put(key, value []byte) error
	Delete(key []byte) error
}

// An Engine stores keys for the ledger. tests/engine holds each against this.
//
// Update calls fn once. Writers are one at a time: fn sees everything that was
// written before it, and nobody writes between. When Update returns nil, what
// fn wrote is durable. When fn returns an error or panics or ends its
// goroutine, and when ctx has ended by the time it returns, nothing of it is
// written; any other error means that the outcome is unknown and nothing may be
// acknowledged. So it is also when ctx ends while the disk works: Update
// returns, and the engine goes on with the commit before it begins another.
//
// A View sees one snapshot that holds at least every Update that returned
// before View was called, and nothing that is not durable. It waits for no
// writer and no disk.
//
// Close waits for the Views and Updates that run; later ones are refused.
type Engine interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Writer) error) error
	Close() error
}
